// Exponentials, logarithms, trigonometry and the S-shaped functions, element by element. Floating tensors;
// integers are a DtypeError: convert them with astype().
#pragma once

#include "gradus/ops/scalar.h"

namespace gradus {

// e^x.
Tensor exp(Operand input);
// e^x - 1, exact near 0.
Tensor expm1(Operand input);
// 2^x; exact for whole numbers.
Tensor exp2(Operand input);
// The natural logarithm; -inf at 0, NaN below.
Tensor log(Operand input);
// The logarithm to base 2 / base 10; -inf at 0, NaN below.
Tensor log2(Operand input);
Tensor log10(Operand input);
// log(1 + x), exact near 0.
Tensor log1p(Operand input);
// In radians.
Tensor sin(Operand input);
Tensor cos(Operand input);
Tensor tan(Operand input);
// Their inverses: in [-pi/2, pi/2], [0, pi] and [-pi/2, pi/2]; NaN where |x| > 1 for the first two.
Tensor asin(Operand input);
Tensor acos(Operand input);
Tensor atan(Operand input);
// The angle of the point (x, y) in [-pi, pi], y first as in C. Broadcast. Errors: ShapeError, DtypeError.
Tensor atan2(Operand y, Operand x);
Tensor atan2(Operand y, Scalar x);
Tensor atan2(Scalar y, Operand x);
// sqrt(a^2 + b^2) without overflow. Broadcast. Errors: ShapeError, DtypeError.
Tensor hypot(Operand a, Operand b);
Tensor hypot(Operand a, Scalar b);
Tensor hypot(Scalar a, Operand b);
// The hyperbolic functions and their inverses; NaN where x < 1 for acosh, where |x| > 1 for atanh.
Tensor sinh(Operand input);
Tensor cosh(Operand input);
Tensor tanh(Operand input);
Tensor asinh(Operand input);
Tensor acosh(Operand input);
Tensor atanh(Operand input);
// 1 / (1 + e^-x).
Tensor sigmoid(Operand input);
// max(x, 0); its gradient at 0 is 0. Numbers.
Tensor relu(Operand input);

}  // namespace gradus
