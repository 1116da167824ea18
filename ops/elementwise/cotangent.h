// The two products that elementwise derivatives are made of. The value is exactly 0 where the cotangent g is
// exactly 0, whatever the local derivative d is there: what a where() or a zero seed cut off stays cut off
// beside an infinite or NaN derivative. Differentiable; floating tensors of one dtype, broadcast.
#pragma once

#include "gradus/graph/apply.h"

namespace gradus {

// g * d, 0 where g is 0.
Tensor zmul(Operand g, Operand d);
// g / d, 0 where g is 0.
Tensor zdiv(Operand g, Operand d);

}  // namespace gradus
