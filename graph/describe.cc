#include "gradus/graph/describe.h"

namespace gradus {

std::string describe(const TensorImpl& t) {
  const std::string meta = fmt::format("{} {}", format_shape({t.dims(), t.rank}), name(t.dtype));
  return t.name != nullptr ? fmt::format("\"{}\" {}", t.name, meta) : meta;
}

std::string describe(const Shape& shape, DType dtype) {
  return fmt::format("{} {}", format_shape({shape.data(), static_cast<std::size_t>(shape.size())}),
                     name(dtype));
}

namespace shape_internal {

void fail_rank(std::size_t rank) {
  throw ShapeError(fmt::format("a shape has at most {} axes, not {}", kMaxRank, rank));
}

}  // namespace shape_internal

}  // namespace gradus
