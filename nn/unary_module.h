// UnaryModule: a module that takes a tensor and gives one. It writes forward() and is called as a function,
// which runs the hooks around it. with_hooks(): the same for operator() of any other module.
#pragma once

#include <utility>

#include "gradus/graph/apply.h"
#include "gradus/nn/module.h"

namespace gradus::nn {

namespace hooks_internal {
inline Tensor& first_result(Tensor& t) { return t; }
template <class R>
auto& first_result(R& r) {
  if constexpr (requires { r.output; })
    return r.output;
  else
    return r.h;
}
}  // namespace hooks_internal

// f(x) with the hooks of `m` before and after it. What f gives is a Tensor, or a struct whose first result is
// `output` or `h`.
template <class F>
auto with_hooks(const Module& m, Operand x, F&& f) {
  if (!m.has_hooks()) [[likely]]
    return f(x);
  const Tensor input = m.before_forward(Tensor::share(x.impl));
  auto result = f(Operand(input, x.where));
  Tensor& first = hooks_internal::first_result(result);
  first = m.after_forward(input, first);
  return result;
}

struct UnaryModule : Module {
  Tensor operator()(Operand x) const {
    return with_hooks(*this, x, [this](Operand in) { return forward(in); });
  }
  // What the module computes; call the module instead.
  virtual Tensor forward(Operand x) const = 0;
};

}  // namespace gradus::nn
