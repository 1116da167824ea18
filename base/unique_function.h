// UniqueFunction: owns a callable, move-only, one heap object. Used for hooks and custom ops, where the
// callable outlives the call and <functional> would weigh down a public header.
#pragma once

#include <type_traits>
#include <utility>

namespace gradus {

template <class Signature>
class UniqueFunction;

template <class R, class... Args>
class UniqueFunction<R(Args...)> {
 public:
  UniqueFunction() = default;
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, UniqueFunction> && std::is_invocable_r_v<R, F&, Args...>)
      UniqueFunction(F&& f)  // NOLINT(google-explicit-constructor): made from a lambda at the call
      : holder_(new Holder<std::remove_cvref_t<F>>(std::forward<F>(f))) {}
  UniqueFunction(UniqueFunction&& o) noexcept : holder_(std::exchange(o.holder_, nullptr)) {}
  UniqueFunction& operator=(UniqueFunction&& o) noexcept {
    std::swap(holder_, o.holder_);
    return *this;
  }
  UniqueFunction(const UniqueFunction&) = delete;
  UniqueFunction& operator=(const UniqueFunction&) = delete;
  ~UniqueFunction() { delete holder_; }

  explicit operator bool() const { return holder_ != nullptr; }
  R operator()(Args... args) const { return holder_->call(std::forward<Args>(args)...); }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual R call(Args... args) = 0;
  };
  template <class F>
  struct Holder final : Base {
    explicit Holder(F f) : fn(std::move(f)) {}
    R call(Args... args) override { return fn(std::forward<Args>(args)...); }
    F fn;
  };
  Base* holder_ = nullptr;
};

}  // namespace gradus
