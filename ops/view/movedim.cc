// movedim, moveaxis, swapaxes: axes moved or swapped, by permute and transpose. They are no ops of their own.
#include "gradus/base/format.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

std::string text_of(const SmallList& v) {
  return format_shape({v.data(), static_cast<std::size_t>(v.size())});
}

}  // namespace

Tensor movedim(Operand x, const Dims& source, const Dims& destination) {
  if (x.impl == nullptr) return permute(x, {});  // which says so
  const int rank = x.impl->rank;
  const std::string shape = format_shape({x.impl->dims(), x.impl->rank});
  const auto axis = [&](std::int64_t dim) {
    if (dim < -rank || dim >= rank) {
      throw_error<ShapeError>(x.where, "movedim", "axis {} is out of range: x {} has {} axes", dim, shape,
                              rank);
    }
    return static_cast<int>(dim < 0 ? dim + rank : dim);
  };
  if (source.size() != destination.size()) {
    throw_error<ShapeError>(x.where, "movedim", "{} axes to move, but {} places for them: {} to {} of x {}",
                            source.size(), destination.size(), text_of(source), text_of(destination), shape);
  }
  Dims order;
  for (int i = 0; i < rank; ++i) order.push_back(-1);
  unsigned moved = 0;
  for (int k = 0; k < source.size(); ++k) {
    const int from = axis(source[k]), to = axis(destination[k]);
    if (((moved >> from) & 1U) != 0 || order[to] != -1) {
      throw_error<ShapeError>(x.where, "movedim", "an axis is named twice: {} to {} of x {}", text_of(source),
                              text_of(destination), shape);
    }
    moved |= 1U << from;
    order[to] = from;
  }
  for (int i = 0, next = 0; i < rank; ++i) {
    if (order[i] != -1) continue;
    while (((moved >> next) & 1U) != 0) ++next;
    order[i] = next++;
  }
  return permute(x, order);
}

Tensor moveaxis(Operand x, const Dims& source, const Dims& destination) {
  return movedim(x, source, destination);
}

Tensor swapaxes(Operand x, std::int64_t axis0, std::int64_t axis1) { return transpose(x, axis0, axis1); }

}  // namespace gradus
