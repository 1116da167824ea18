// Exponentials, logarithms, trigonometry and the S-shaped functions, element by element. Floating tensors;
// integers are a DtypeError: convert them with astype().
#pragma once

#include "gradus/graph/apply.h"

namespace gradus {

// e^x.
Tensor exp(Operand input);
// e^x - 1, exact near 0.
Tensor expm1(Operand input);
// The natural logarithm; -inf at 0, NaN below.
Tensor log(Operand input);
// log(1 + x), exact near 0.
Tensor log1p(Operand input);
// In radians.
Tensor sin(Operand input);
Tensor cos(Operand input);
Tensor tan(Operand input);
// The hyperbolic tangent.
Tensor tanh(Operand input);
// 1 / (1 + e^-x).
Tensor sigmoid(Operand input);
// max(x, 0); its gradient at 0 is 0. Numbers.
Tensor relu(Operand input);

}  // namespace gradus
