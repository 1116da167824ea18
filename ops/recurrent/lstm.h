// The parts of lstm that only rules call. Internal to ops/recurrent/.
#pragma once

#include "gradus/graph/apply.h"

namespace gradus {

extern const OpDef op_lstm_backward;
extern const OpDef op_lstm_cell_backward;

// What the pointwise part of one step computes backward, and what that needs: all [N, H] but for the gates,
// [N, 4 H]; g_gates is the cotangent of the gates.
struct LstmCellBackward {
  Tensor da, dc;  // the gradients of the sums before the gates, and of c_prev
};
LstmCellBackward lstm_cell_backward(const Tensor& gates, const Tensor& c_prev, const Tensor& c,
                                    const Tensor& gh, const Tensor& gc, const Tensor& g_gates);

// The derivative of lstm_cell_backward, with the cotangents w of da and u of dc. Made of ops, so derivatives
// of any order follow.
struct LstmCellBackwardGradients {
  Tensor gates, c_prev, c, gh, gc, g_gates;
};
LstmCellBackwardGradients lstm_cell_backward_gradients(const Tensor& gates, const Tensor& c_prev,
                                                       const Tensor& c, const Tensor& gh, const Tensor& gc,
                                                       const Tensor& g_gates, const Tensor& w,
                                                       const Tensor& u);

}  // namespace gradus
