// AnyModule: a module of any type as a value: a copy has a copy of it. What Sequential, ModuleList and
// ModuleDict hold.
#pragma once

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

#include "gradus/graph/apply.h"
#include "gradus/nn/module.h"

namespace gradus::nn {

// A layer: a module that takes a tensor and gives one. Copyable too; asking for it here would ask whether a
// container itself is, in a circle.
template <class M>
concept Layer = std::derived_from<M, Module> &&(
    requires(const M& m, Operand x) {
      { m(x) } -> std::convertible_to<Tensor>;
    } ||
    requires(const M& m, const Tensor& x) {
      { m(x) } -> std::convertible_to<Tensor>;
    });

class AnyModule {
 public:
  template <std::derived_from<Module> M>
  explicit AnyModule(M m) : held_(std::make_unique<Held<M>>(std::move(m))) {}
  AnyModule(const AnyModule& o) : held_(o.held_->clone()) {}
  AnyModule(AnyModule&&) noexcept = default;
  // Copies into the module that is here where it is of the same type, so that its parameters stay the ones an
  // optimizer holds; otherwise replaces it.
  AnyModule& operator=(const AnyModule& o) {
    if (held_ == nullptr || !held_->assign(*o.held_)) held_ = o.held_->clone();
    return *this;
  }
  AnyModule& operator=(AnyModule&&) noexcept = default;
  ~AnyModule() = default;

  Module& module() const { return held_->module(); }
  // Errors: ValueError for a module that is no Layer; what it throws.
  Tensor operator()(Operand x) const { return held_->call(x); }

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
      if constexpr (requires {
                      { m(x) } -> std::convertible_to<Tensor>;
                    }) {
        return m(x);
      } else if constexpr (Layer<M>) {
        const Tensor t = Tensor::share(x.impl);
        return m(t);
      } else {
        fail_call(m, x.where);
      }
    }
    Module& module() override { return m; }
    M m;
  };
  [[noreturn]] static void fail_call(const Module& m, Location where);

  std::unique_ptr<Holder> held_;
};

}  // namespace gradus::nn
