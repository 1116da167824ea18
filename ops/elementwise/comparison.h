// Comparisons, element by element: bool tensors, without gradient. Broadcast and promotion as in
// arithmetic.h; bool tensors compare too (false < true). Everything but ne is false beside a NaN. Errors:
// ShapeError, DtypeError.
#pragma once

#include "gradus/ops/scalar.h"

namespace gradus {

// a == b
Tensor eq(Operand a, Operand b);
Tensor eq(Operand a, Scalar b);
// a != b
Tensor ne(Operand a, Operand b);
Tensor ne(Operand a, Scalar b);
// a < b
Tensor lt(Operand a, Operand b);
Tensor lt(Operand a, Scalar b);
// a <= b
Tensor le(Operand a, Operand b);
Tensor le(Operand a, Scalar b);
// a > b
Tensor gt(Operand a, Operand b);
Tensor gt(Operand a, Scalar b);
// a >= b
Tensor ge(Operand a, Operand b);
Tensor ge(Operand a, Scalar b);

}  // namespace gradus
