// A tensor in another dtype. Gradients flow through.
#pragma once

#include "gradus/graph/apply.h"

namespace gradus {

// The elements as `dtype`; the tensor itself where it has that dtype already. Floating to integer cuts
// towards 0 (out of range or NaN: the smallest value), anything to bool is x != 0. The gradient comes back in
// the input's dtype; through an integer or bool result there is none.
Tensor astype(Operand input, DType dtype);

}  // namespace gradus
