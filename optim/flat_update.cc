#include "gradus/optim/flat_update.h"

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

FlatUpdate::~FlatUpdate() {
  if (weights_copy_.defined()) kEngineOps.copy(target_, weights_copy_.view());
}

Tensor zeros_as(const Tensor& like) {
  Tensor t = empty(like.shape(), like.dtype());
  // Zero is all bits zero in every floating dtype.
  if (t.numel() > 0) {
    std::memset(t.impl()->data, 0, static_cast<std::size_t>(t.numel()) * size_of(t.dtype()));
  }
  return t;
}

}  // namespace gradus::optim
