// Derivatives that run as one loop instead of several ops. They are ops with rules of their own; only rules
// call them. y is the function's result, g the cotangent; floating tensors of one dtype, broadcast.
#pragma once

#include "gradus/graph/apply.h"

namespace gradus {

// g (1 - y^2)
Tensor tanh_backward(Operand g, Operand y);
// g y (1 - y)
Tensor sigmoid_backward(Operand g, Operand y);
// g where y > 0 or NaN, else 0
Tensor relu_backward(Operand g, Operand y);
// g where min <= x <= max, else 0
Tensor clamp_backward(Operand g, Operand x, double min, double max);
// g where a > b or one of them is NaN, g/2 where a = b, else 0: what a gets of maximum(a, b), and b of
// minimum
Tensor maximum_backward(Operand g, Operand a, Operand b);

}  // namespace gradus
