// Floating-point operations of an op, estimated from shapes: a multiplication and an addition of a matrix
// product, convolution, attention or recurrence count 2; other ops count 1 an element (norms and softmax 5),
// views and look-ups none.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "gradus/graph/op_def.h"

namespace gradus {

struct FlopsQuery {
  std::string_view op;
  std::uint32_t flags = 0;  // of its OpDef
  // Sizes; none where the graph does not know them.
  std::span<const std::optional<Shape>> inputs;
  Shape output;
  bool trans_a = false, trans_b = false;  // the attributes of matmul
};

double estimate_flops(const FlopsQuery& q);

}  // namespace gradus
