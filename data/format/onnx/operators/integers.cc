#include "gradus/data/format/onnx/operators/integers.h"

#include "gradus/base/format.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise/conversion.h"
#include "gradus/ops/view.h"

namespace gradus::onnx {

Tensor map_integers(const Call& c, const Tensor& a, const Tensor& b,
                    std::int64_t (*f)(std::int64_t, std::int64_t)) {
  if (a.dtype() != b.dtype() || is_floating(a.dtype())) {
    c.fail("the operands are {} and {}, not integers of one type", name(a.dtype()), name(b.dtype()));
  }
  const Shape shape = broadcast_shapes(c, a.shape(), b.shape());
  std::vector<std::int64_t> x = whole_numbers(expand(a, shape));
  const std::vector<std::int64_t> y = whole_numbers(expand(b, shape));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = f(x[i], y[i]);
  return astype(tensor(x, shape), a.dtype());
}

Tensor index_tensor(const std::vector<std::int64_t>& values) { return tensor(values); }
Tensor index_tensor(const std::vector<std::int64_t>& values, const Shape& shape) {
  return tensor(values, shape);
}

Tensor wrapped_indices(const Call& c, const Tensor& indices, std::int64_t size) {
  if (is_floating(indices.dtype()) || indices.dtype() == DType::boolean) {
    c.fail("indices must be integers, not {}", name(indices.dtype()));
  }
  std::vector<std::int64_t> all = whole_numbers(indices);
  for (std::int64_t& i : all) {
    if (i < -size || i >= size) c.fail("index {} is out of range for an axis of size {}", i, size);
    if (i < 0) i += size;
  }
  return tensor(all, indices.shape());
}

}  // namespace gradus::onnx
