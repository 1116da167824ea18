#include "gradus/ops/creation.h"
#include "gradus/ops/join.h"
#include "gradus/ops/scan/scan.h"
#include "gradus/ops/view.h"

namespace gradus {

Tensor shift_right(const Tensor& t, int axis, double first) {
  Shape shape = t.shape();
  if (shape[axis] == 0) return t;
  const std::int64_t n = shape[axis];
  shape[axis] = 1;
  return concat({full(shape, first, t.dtype()), slice(t, axis, 0, n - 1)}, axis);
}

}  // namespace gradus
