// Sequential: layers one after the other. It owns its layers as values, whatever their types; a copy has
// copies of them. A layer is any module that takes a tensor and gives one.
#pragma once

#include <vector>

#include "gradus/nn/any_module.h"

namespace gradus::nn {

class Sequential : public Module {
 public:
  Sequential() = default;
  // Sequential(nn::Linear(2, 8), nn::Tanh(), nn::Linear(8, 1))
  template <Layer... Layers>
  requires(sizeof...(Layers) > 0) explicit Sequential(Layers... layers) { (add(std::move(layers)), ...); }
  Sequential(const Sequential&) = default;
  Sequential(Sequential&&) noexcept = default;
  // Copies into the layers that are here where they are of the same types, so that their parameters stay the
  // ones an optimizer holds; otherwise replaces them.
  Sequential& operator=(const Sequential& o);
  Sequential& operator=(Sequential&&) noexcept = default;

  // Puts a layer behind the last one.
  template <Layer M>
  Sequential& add(M layer) {
    layers_.emplace_back(std::move(layer));
    return *this;
  }

  std::size_t size() const { return layers_.size(); }
  // Errors: ValueError for an index out of range.
  Module& operator[](std::size_t i) { return layer(i); }
  const Module& operator[](std::size_t i) const { return layer(i); }
  // The layer as what it is: model.get<nn::Linear>(0).weight. Errors: ValueError also for another type.
  template <Layer M>
  M& get(std::size_t i, Location where = Location::current()) {
    M* m = dynamic_cast<M*>(&layer(i, where));
    if (m == nullptr) fail_type(i, where);
    return *m;
  }

  // Without layers, the operand itself.
  Tensor operator()(Operand x) const;
  void visit_members(MemberVisitor& visitor) override;

 private:
  Module& layer(std::size_t i, Location where = Location::current()) const;
  [[noreturn]] void fail_type(std::size_t i, Location where) const;

  std::vector<AnyModule> layers_;
};

}  // namespace gradus::nn
