// Checks of cotangents for outputs of which a part has no derivative. Internal to ops/linalg/.
#pragma once

#include <string_view>

#include "gradus/graph/tensor.h"

namespace gradus {

// Errors: GraphError, "backward of `op`: `what`", unless all elements of a cotangent are 0.
void require_zero(const Tensor& grad, std::string_view op, std::string_view what);

}  // namespace gradus
