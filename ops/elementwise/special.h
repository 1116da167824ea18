// Special functions, element by element: the error function, the gamma function's logarithm and derivatives,
// logarithms that are right at their poles. Floating tensors; integers are a DtypeError: convert them with
// astype(). Values and gradients at poles: docs/numerics.md.
#pragma once

#include <cstdint>

#include "gradus/ops/scalar.h"

namespace gradus {

// 2/sqrt(pi) times the integral of e^(-t^2) from 0 to x.
Tensor erf(Operand input);
// 1 - erf(x), exact for large x.
Tensor erfc(Operand input);
// log |gamma(x)|; inf at 0, -1, -2, ...
Tensor lgamma(Operand input);
// The derivative of lgamma; NaN at -1, -2, ...
Tensor digamma(Operand input);
// The n-th derivative of digamma, n from 0 to 170. Errors: ValueError for another n.
Tensor polygamma(std::int64_t n, Operand input);
// a log(b), 0 where a is 0 (but NaN where b is NaN). Broadcast. Errors: ShapeError, DtypeError.
Tensor xlogy(Operand a, Operand b);
Tensor xlogy(Operand a, Scalar b);
Tensor xlogy(Scalar a, Operand b);
// log(e^a + e^b) without overflow. Broadcast. Errors: ShapeError, DtypeError.
Tensor logaddexp(Operand a, Operand b);

}  // namespace gradus
