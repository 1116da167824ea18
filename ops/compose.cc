#include "gradus/ops/compose.h"

#include "gradus/graph/describe.h"

namespace gradus {

void require_axis(const Tensor& x, std::int64_t dim, const char* name, const char* op, Location where) {
  const std::int64_t rank = x.rank();
  if (dim >= -rank && dim < rank) return;
  if (rank == 0) {
    throw_error<ShapeError>(where, op, "axis {} is out of range: {} {} has no axes", dim, name, describe(x));
  }
  throw_error<ShapeError>(where, op, "axis {} is out of range: {} {} has the axes {}..{}", dim, name,
                          describe(x), -rank, rank - 1);
}

}  // namespace gradus
