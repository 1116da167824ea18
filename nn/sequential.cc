#include "gradus/nn/sequential.h"

#include "gradus/base/format.h"

namespace gradus::nn {

Sequential::Sequential(const Sequential& o) : Module(o) {
  for (const auto& l : o.layers_) layers_.push_back(l->clone());
}

Sequential& Sequential::operator=(const Sequential& o) {
  if (this == &o) return *this;
  Module::operator=(o);
  for (std::size_t i = 0; i < o.layers_.size(); ++i) {
    if (i == layers_.size())
      layers_.push_back(o.layers_[i]->clone());
    else if (!layers_[i]->assign(*o.layers_[i]))
      layers_[i] = o.layers_[i]->clone();
  }
  layers_.resize(o.layers_.size());
  return *this;
}

Tensor Sequential::operator()(Operand x) const {
  if (layers_.empty()) return Tensor::share(x.impl);
  Tensor h = layers_[0]->call(x);
  for (std::size_t i = 1; i < layers_.size(); ++i) h = layers_[i]->call(Operand(std::move(h), x.where));
  return h;
}

void Sequential::visit_members(MemberVisitor& visitor) {
  for (std::size_t i = 0; i < layers_.size(); ++i) visitor.module(std::to_string(i), layers_[i]->module());
}

Module& Sequential::layer(std::size_t i, Location where) const {
  if (i >= layers_.size()) {
    throw_error<ValueError>(where, "Sequential", "layer {} of {}", i, layers_.size());
  }
  return layers_[i]->module();
}

void Sequential::fail_type(std::size_t i, Location where) const {
  throw_error<ValueError>(where, "Sequential", "layer {} is a {}, which is not what was asked for", i,
                          layers_[i]->module().type_name());
}

}  // namespace gradus::nn
