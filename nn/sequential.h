// Sequential: layers one after the other. It owns its layers as values, whatever their types; a copy has
// copies of them. A layer is any module that takes a tensor and gives one.
#pragma once

#include <concepts>
#include <memory>
#include <typeinfo>
#include <utility>
#include <vector>

#include "gradus/graph/apply.h"
#include "gradus/nn/module.h"

namespace gradus::nn {

// Copyable too; asking for it here would ask whether Sequential itself is, in a circle.
template <class M>
concept Layer = std::derived_from<M, Module> &&(
    requires(const M& m, Operand x) {
      { m(x) } -> std::convertible_to<Tensor>;
    } ||
    requires(const M& m, const Tensor& x) {
      { m(x) } -> std::convertible_to<Tensor>;
    });

class Sequential : public Module {
 public:
  Sequential() = default;
  // Sequential(nn::Linear(2, 8), nn::Tanh(), nn::Linear(8, 1))
  template <Layer... Layers>
  requires(sizeof...(Layers) > 0) explicit Sequential(Layers... layers) { (add(std::move(layers)), ...); }
  Sequential(const Sequential& o);
  Sequential(Sequential&&) noexcept = default;
  // Copies into the layers that are here where they are of the same types, so that their parameters stay the
  // ones an optimizer holds; otherwise replaces them.
  Sequential& operator=(const Sequential& o);
  Sequential& operator=(Sequential&&) noexcept = default;

  // Puts a layer behind the last one.
  template <Layer M>
  Sequential& add(M layer) {
    layers_.push_back(std::make_unique<Held<M>>(std::move(layer)));
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
  struct Holder {
    virtual ~Holder() = default;
    virtual std::unique_ptr<Holder> clone() const = 0;
    virtual bool assign(const Holder& o) = 0;  // false for another type
    virtual Tensor call(Operand x) const = 0;
    virtual Module& module() = 0;
  };
  template <class M>
  struct Held final : Holder {
    explicit Held(M m) : m(std::move(m)) {}
    std::unique_ptr<Holder> clone() const override { return std::make_unique<Held>(m); }
    bool assign(const Holder& o) override {
      const auto* same = dynamic_cast<const Held*>(&o);
      if (same != nullptr) m = same->m;
      return same != nullptr;
    }
    Tensor call(Operand x) const override {
      if constexpr (requires { m(x); }) {
        return m(x);
      } else {
        const Tensor t = Tensor::share(x.impl);
        return m(t);
      }
    }
    Module& module() override { return m; }
    M m;
  };

  Module& layer(std::size_t i, Location where = Location::current()) const;
  [[noreturn]] void fail_type(std::size_t i, Location where) const;

  std::vector<std::unique_ptr<Holder>> layers_;
};

}  // namespace gradus::nn
