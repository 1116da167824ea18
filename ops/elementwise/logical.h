// Logic, element by element, on tensors of any dtype: an element counts as true unless it is 0 (so NaN is
// true). The results are bool tensors without gradient. Two tensors broadcast and promote as in arithmetic.h.
// Errors: ShapeError, DtypeError.
#pragma once

#include "gradus/graph/apply.h"

namespace gradus {

// a and b
Tensor logical_and(Operand a, Operand b);
// a or b
Tensor logical_or(Operand a, Operand b);
// Exactly one of a and b.
Tensor logical_xor(Operand a, Operand b);
// not x
Tensor logical_not(Operand input);

}  // namespace gradus
