#include "gradus/optim/flat_update.h"

#include <algorithm>
#include <cstring>

#include "gradus/graph/engine_ops.h"

namespace gradus::optim {

FlatUpdate::FlatUpdate(const Tensor& param, const char* writer, Location where) {
  const Tensor& gradient = param.grad();
  if (gradient.is_contiguous()) {
    gradient_ = gradient.impl()->data;
  } else {
    gradient_copy_ = gradient.clone_detached();
    gradient_ = gradient_copy_.impl()->data;
  }
  if (param.is_contiguous()) {
    weights_ = mutate(param, writer, where).data;
  } else {
    weights_copy_ = param.clone_detached();
    weights_ = weights_copy_.impl()->data;
    target_ = mutate(param, writer, where);
  }
}

void FlatUpdate::finish() const {
  if (weights_copy_.defined()) kEngineOps.copy(target_, weights_copy_.view());
}

Tensor filled(const Shape& shape, DType dtype, double value) {
  Tensor t = empty(shape, dtype);
  if (t.numel() == 0) return t;
  if (value == 0.0) {
    // Zero is all bits zero in every floating dtype.
    std::memset(t.impl()->data, 0, static_cast<std::size_t>(t.numel()) * size_of(dtype));
  } else {
    t.fill_(value);
  }
  return t;
}

}  // namespace gradus::optim
