#include "gradus/nn/sequential.h"

#include "gradus/base/format.h"
#include "gradus/nn/unary_module.h"

namespace gradus::nn {

// Not vector's assignment, which may make new layers where there is no room for the larger number.
Sequential& Sequential::operator=(const Sequential& o) {
  if (this == &o) return *this;
  Module::operator=(o);
  for (std::size_t i = 0; i < o.layers_.size(); ++i) {
    if (i == layers_.size())
      layers_.push_back(o.layers_[i]);
    else
      layers_[i] = o.layers_[i];
  }
  layers_.erase(layers_.begin() + static_cast<std::ptrdiff_t>(o.layers_.size()), layers_.end());
  return *this;
}

Tensor Sequential::operator()(Operand x) const {
  return with_hooks(*this, x, [this](Operand in) {
    if (layers_.empty()) return Tensor::share(in.impl);
    Tensor h = layers_[0](in);
    for (std::size_t i = 1; i < layers_.size(); ++i) h = layers_[i](Operand(std::move(h), in.where));
    return h;
  });
}

void Sequential::visit_members(MemberVisitor& visitor) {
  for (std::size_t i = 0; i < layers_.size(); ++i) visitor.module(std::to_string(i), layers_[i].module());
}

Module& Sequential::layer(std::size_t i, Location where) const {
  if (i >= layers_.size()) {
    throw_error<ValueError>(where, "Sequential", "layer {} of {}", i, layers_.size());
  }
  return layers_[i].module();
}

void Sequential::fail_type(std::size_t i, Location where) const {
  throw_error<ValueError>(where, "Sequential", "layer {} is a {}, which is not what was asked for", i,
                          layers_[i].module().type_name());
}

}  // namespace gradus::nn
