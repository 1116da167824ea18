// The parts of gru and rnn that only rules call. Internal to ops/recurrent/.
#pragma once

#include "gradus/graph/apply.h"

namespace gradus {

extern const OpDef op_gru_backward;
extern const OpDef op_gru_cell_backward;
extern const OpDef op_rnn_backward;

// What the pointwise part of one step of gru computes backward: gates [N, 4 H] hold r z n and m = W_hn h +
// b_hn; g_gates is their cotangent.
struct GruCellBackward {
  Tensor da_i, da_h,
      dh;  // the gradients of the two sums [N, 3 H], and of h_prev beside what goes through da_h
};
GruCellBackward gru_cell_backward(const Tensor& gates, const Tensor& h_prev, const Tensor& gh,
                                  const Tensor& g_gates);

// The derivative of gru_cell_backward, with the cotangents w_i of da_i, w_h of da_h and u of dh. Made of ops.
struct GruCellBackwardGradients {
  Tensor gates, h_prev, gh, g_gates;
};
GruCellBackwardGradients gru_cell_backward_gradients(const Tensor& gates, const Tensor& h_prev,
                                                     const Tensor& gh, const Tensor& g_gates,
                                                     const Tensor& w_i, const Tensor& w_h, const Tensor& u);

}  // namespace gradus
