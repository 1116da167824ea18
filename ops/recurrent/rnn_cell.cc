// rnn_cell: h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu in place of tanh. J. Elman, "Finding structure
// in time" (1990). Two products, a sum and an activation: put together from those ops, fusing gains nothing.
#include "gradus/ops/compose.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/math.h"
#include "gradus/ops/recurrent.h"
#include "gradus/ops/recurrent/layer.h"

namespace gradus {

Tensor rnn_cell(Operand input, Operand h, const RecurrentWeights& weights, std::string_view nonlinearity) {
  const At at{input.where};
  const bool rectified = nonlinearity_of(nonlinearity, "rnn_cell", at.where)[0] == 'r';
  check_cell("rnn_cell", 1, input, std::span(&h, 1), weights);
  const Tensor state = held(h);
  const Tensor a = add(at(cell_product(input, weights.w_ih, weights.b_ih)),
                       at(cell_product(at(state), weights.w_hh, weights.b_hh)));
  return rectified ? relu(at(a)) : tanh(at(a));
}

}  // namespace gradus
