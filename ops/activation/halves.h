// The two halves of an axis, for the gated units. Internal to ops/.
#pragma once

#include "gradus/graph/apply.h"

namespace gradus {

struct Halves {
  Tensor first, second;
};
// Errors: ShapeError, naming `op`, for an axis out of range or an odd size.
Halves halves(const Operand& input, std::int64_t dim, const char* op);

}  // namespace gradus
