#include "gradus/ops/activation/halves.h"

#include "gradus/graph/describe.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/view.h"

namespace gradus {

Halves halves(const Operand& input, std::int64_t dim, const char* op) {
  const At at{input.where};
  const Tensor x = held(input);
  require_axis(x, dim, "input", op, input.where);
  const std::int64_t size = x.size(static_cast<int>(dim));
  if (size % 2 != 0) {
    throw_error<ShapeError>(input.where, op, "axis {} has the odd size {} and no two halves: input {}", dim,
                            size, describe(x));
  }
  return {slice(at(x), dim, 0, size / 2), slice(at(x), dim, size / 2)};
}

}  // namespace gradus
