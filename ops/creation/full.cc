// zeros, ones, full and their _like versions.
#include <cstring>

#include "gradus/ops/creation.h"
#include "gradus/ops/creation/values.h"
#include "gradus/ops/kernels/copy.h"

namespace gradus {
namespace {

Tensor filled(const char* op, const Shape& shape, Scalar value, TensorOptions options, Location where) {
  Tensor t = empty(shape, options.dtype, where);
  with_type(options.dtype, [&]<class T>(T) {
    const T v = converted<T>(value, options.dtype, op, where);
    kernels::fill(t.view(), &v);
  });
  return finished(std::move(t), options.requires_grad, where);
}

}  // namespace

Tensor zeros(const Shape& shape, TensorOptions options, Location where) {
  Tensor t = empty(shape, options.dtype, where);
  std::memset(t.view().data, 0, static_cast<std::size_t>(t.numel()) * size_of(options.dtype));
  return finished(std::move(t), options.requires_grad, where);
}

Tensor ones(const Shape& shape, TensorOptions options, Location where) {
  return filled("ones", shape, 1, options, where);
}

Tensor full(const Shape& shape, Scalar value, TensorOptions options, Location where) {
  return filled("full", shape, value, options, where);
}

Tensor zeros_like(const Tensor& x, Location where) { return zeros(x.shape(), x.dtype(), where); }

Tensor ones_like(const Tensor& x, Location where) { return ones(x.shape(), x.dtype(), where); }

Tensor full_like(const Tensor& x, Scalar value, Location where) {
  return filled("full_like", x.shape(), value, {.dtype = x.dtype()}, where);
}

}  // namespace gradus
