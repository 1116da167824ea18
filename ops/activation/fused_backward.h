// Derivatives of activations that run as one loop over the cotangent g and the activation's input x. They are
// ops with rules of their own; only rules call them. Floating tensors of one dtype, broadcast; exactly 0
// where g is 0.
#pragma once

#include "gradus/graph/apply.h"

namespace gradus {

// g where x > 0, else negative_slope g.
Tensor leaky_relu_backward(Operand g, Operand x, double negative_slope);
// scale g where x > 0, else scale alpha input_scale e^(input_scale x) g.
Tensor elu_backward(Operand g, Operand x, double alpha, double scale, double input_scale);
// g (Phi(x) + x phi(x)), or the derivative of the tanh form; `approximate` is a literal.
Tensor gelu_backward(Operand g, Operand x, const char* approximate);
// g s (1 + x (1 - s)), s = sigmoid(x).
Tensor silu_backward(Operand g, Operand x);
// g (t + x s (1 - t^2)), t = tanh(log(1 + e^x)), s = sigmoid(x).
Tensor mish_backward(Operand g, Operand x);
// g where min < x < max, else 0.
Tensor hardtanh_backward(Operand g, Operand x, double min_val, double max_val);
// 0 for x <= -3, g for x >= 3, g (x / 3 + 1/2) between.
Tensor hardswish_backward(Operand g, Operand x);
// 0 where x <= threshold, else g.
Tensor threshold_backward(Operand g, Operand x, double threshold);
// 0 where -lambd <= x <= lambd, else g: for hardshrink and softshrink.
Tensor shrink_backward(Operand g, Operand x, double lambd);

}  // namespace gradus
