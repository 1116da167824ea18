// unbind: the parts at each index of an axis, as views. They are selections, no op of their own.
#include "gradus/graph/describe.h"
#include "gradus/ops/join.h"
#include "gradus/ops/view.h"

namespace gradus {

std::vector<Tensor> unbind(const Tensor& x, std::int64_t dim, Location where) {
  const int rank = x.rank();
  if (dim < -rank || dim >= rank) {
    throw_error<ShapeError>(where, "unbind", "axis {} is out of range: x {} has {} axes", dim, describe(x),
                            rank);
  }
  const std::int64_t size = x.size(static_cast<int>(dim), where);
  std::vector<Tensor> out;
  out.reserve(static_cast<std::size_t>(size));
  for (std::int64_t i = 0; i < size; ++i) out.push_back(select({x, where}, dim, i));
  return out;
}

}  // namespace gradus
