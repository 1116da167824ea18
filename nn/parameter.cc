#include "gradus/nn/parameter.h"

#include "gradus/graph/recording.h"

namespace gradus::nn {
namespace {

// Elements, name and whether it collects a gradient; not the gradient.
Tensor deep_copy(const Tensor& t) {
  if (!t.defined()) return {};
  Tensor copy = t.clone_detached();
  if (!t.name().empty()) copy.name(t.name());
  if (t.requires_grad()) copy.requires_grad(true);
  return copy;
}

// False where `to` cannot take the elements of `from` as it is.
bool copy_into(Tensor& to, const Tensor& from) {
  if (!to.defined() || !from.defined() || !to.is_leaf()) return false;
  if (!(to.shape() == from.shape()) || to.dtype() != from.dtype()) return false;
  if (to.is(from)) return true;
  const NoGrad guard;
  to.copy_(from);
  to.requires_grad(from.requires_grad());
  return true;
}

}  // namespace

Parameter::Parameter(Tensor t, Location where) : Tensor(std::move(t)) {
  if (defined()) requires_grad(true, where);
}

Parameter::Parameter(const Parameter& o) : Tensor(deep_copy(o)) {}

Parameter& Parameter::operator=(const Parameter& o) {
  if (!copy_into(*this, o)) *this = Parameter(o);
  return *this;
}

Buffer::Buffer(const Buffer& o) : Tensor(deep_copy(o)) {}

Buffer& Buffer::operator=(const Buffer& o) {
  if (!copy_into(*this, o)) *this = Buffer(o);
  return *this;
}

}  // namespace gradus::nn
