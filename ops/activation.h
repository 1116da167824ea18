// Activations. Element by element, on floating tensors (integers are a DtypeError), but for those that take a
// `dim`. relu, sigmoid and tanh are in ops/elementwise/math.h. Names, argument order, defaults, and the
// values and gradients at kinks are PyTorch's: docs/numerics.md.
#pragma once

#include <string_view>

#include "gradus/graph/apply.h"

namespace gradus {

// exp(x) / sum(exp(x)) along `dim`, without overflow; floating. A slice that holds a NaN, +inf, or nothing
// but -inf comes out NaN. Errors: DtypeError; ShapeError for an axis out of range.
Tensor softmax(Operand input, std::int64_t dim);

// log(softmax(x)) along `dim`, exact where softmax would round to 0; floating. Errors: as softmax.
Tensor log_softmax(Operand input, std::int64_t dim);

// softmax(-x) along `dim`. Errors: as softmax.
Tensor softmin(Operand input, std::int64_t dim);

// x for x > 0, else negative_slope x.
Tensor leaky_relu(Operand input, double negative_slope = 0.01);
// x for x > 0, else w x: one slope w, or one for each channel on axis 1. Errors: ShapeError, DtypeError.
Tensor prelu(Operand input, Operand weight);
// min(max(x, 0), 6).
Tensor relu6(Operand input);
// x held within [min_val, max_val]; its gradient at the bounds is 0 (clamp() has 1). Errors: ValueError for
// min_val > max_val.
Tensor hardtanh(Operand input, double min_val = -1, double max_val = 1);
// x for x > threshold, else value.
Tensor threshold(Operand input, double threshold, double value);

// x for x > 0, else alpha (e^x - 1).
Tensor elu(Operand input, double alpha = 1);
// x for x > 0, else alpha (e^(x / alpha) - 1). Errors: ValueError for alpha = 0.
Tensor celu(Operand input, double alpha = 1);
// scale x for x > 0, else scale alpha (e^x - 1), scale = 1.0507.., alpha = 1.6732..
Tensor selu(Operand input);

// x Phi(x) with the standard normal distribution Phi; approximate = "tanh": x (1 + tanh(sqrt(2 / pi) (x +
// 0.044715 x^3))) / 2. Errors: ValueError for another word than "none" and "tanh".
Tensor gelu(Operand input, std::string_view approximate = "none");
// x / (1 + e^-x), also called swish.
Tensor silu(Operand input);
// x tanh(log(1 + e^x)).
Tensor mish(Operand input);
// x min(max(x + 3, 0), 6) / 6.
Tensor hardswish(Operand input);

// log(1 + e^(beta x)) / beta; x itself where beta x > threshold. Errors: ValueError for beta = 0.
Tensor softplus(Operand input, double beta = 1, double threshold = 20);
// log(1 / (1 + e^-x)).
Tensor log_sigmoid(Operand input);
// min(max(x + 3, 0), 6) / 6.
Tensor hardsigmoid(Operand input);
// x / (1 + |x|).
Tensor softsign(Operand input);

// 0 for |x| <= lambd, else x.
Tensor hardshrink(Operand input, double lambd = 0.5);
// x pulled towards 0 by lambd. Errors: ValueError for a negative lambd.
Tensor softshrink(Operand input, double lambd = 0.5);
// x - tanh(x).
Tensor tanhshrink(Operand input);

// Of the halves a, b of the axis `dim`: a sigmoid(b), and silu(a) b. Errors: ShapeError for an axis out of
// range or of odd size.
Tensor glu(Operand input, std::int64_t dim = -1);
Tensor swiglu(Operand input, std::int64_t dim = -1);

}  // namespace gradus
