// gradcheck(): compares the gradients of a function with central differences, in f64, for a random cotangent
// (ones would hide a transposition). gradgradcheck() does the same one order up. For the tests of ops, a
// user's own included; it knows no op.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gradus/base/function_ref.h"
#include "gradus/graph/tensor.h"

namespace gradus {

struct GradcheckOptions {
  // The step of the differences is eps * max(1, |x|).
  double eps = 1e-5;
  // Allowed: |rule - differences| <= tolerance * max(1, |rule|, |differences|).
  double tolerance = 1e-6;
  std::uint64_t seed = 0;
};

struct GradcheckResult {
  bool ok = true;
  std::string message;     // where it is worst, or why the check could not be made; empty if ok
  double max_error = 0.0;  // the largest |rule - differences| / max(1, |rule|, |differences|)
  explicit operator bool() const { return ok; }
};

// A function of tensors. It must give the same for the same inputs; what it gives that is no f64 tensor is
// left out.
using TensorFunction = FunctionRef<std::vector<Tensor>(std::span<const Tensor>)>;

// Differentiates with respect to the f64 inputs; the others are passed on as they are. Exceptions of `fn` go
// through. Inputs are copied first: nothing of the caller's is changed.
GradcheckResult gradcheck(TensorFunction fn, std::span<const Tensor> inputs, GradcheckOptions options = {});

// The derivatives of the gradient, with respect to the inputs and the cotangent.
GradcheckResult gradgradcheck(TensorFunction fn, std::span<const Tensor> inputs,
                              GradcheckOptions options = {});

namespace gradcheck_internal {

template <class F, std::size_t... I>
auto spread(F& f, std::span<const Tensor> x, std::index_sequence<I...>) {
  return f(x[I]...);
}

// Calls f with the tensors as a span, or as one argument each, and gives a list in either case.
template <class F>
std::vector<Tensor> call(F& f, std::span<const Tensor> x) {
  auto list = [](auto result) {
    if constexpr (std::is_convertible_v<decltype(result), Tensor>) {
      return std::vector<Tensor>{std::move(result)};
    } else {
      return std::vector<Tensor>(std::move(result));
    }
  };
  if constexpr (std::is_invocable_v<F&, std::span<const Tensor>>) {
    return list(f(x));
  } else if constexpr (std::is_invocable_v<F&, const Tensor&>) {
    return list(spread(f, x, std::make_index_sequence<1>()));
  } else if constexpr (std::is_invocable_v<F&, const Tensor&, const Tensor&>) {
    return list(spread(f, x, std::make_index_sequence<2>()));
  } else if constexpr (std::is_invocable_v<F&, const Tensor&, const Tensor&, const Tensor&>) {
    return list(spread(f, x, std::make_index_sequence<3>()));
  } else {
    static_assert(std::is_invocable_v<F&, const Tensor&, const Tensor&, const Tensor&, const Tensor&>,
                  "the function takes std::span<const Tensor>, or one to four tensors");
    return list(spread(f, x, std::make_index_sequence<4>()));
  }
}

template <class F>
constexpr std::size_t arguments() {
  if constexpr (std::is_invocable_v<F&, std::span<const Tensor>>)
    return 0;
  else if constexpr (std::is_invocable_v<F&, const Tensor&>)
    return 1;
  else if constexpr (std::is_invocable_v<F&, const Tensor&, const Tensor&>)
    return 2;
  else if constexpr (std::is_invocable_v<F&, const Tensor&, const Tensor&, const Tensor&>)
    return 3;
  else
    return 4;
}

void check_count(std::size_t takes, std::size_t given);

}  // namespace gradcheck_internal

// gradcheck([](const Tensor& x, const Tensor& w) { return matmul(x, w); }, {x, w}): for functions of one to
// four tensors that give one tensor or a list. Errors: ValueError for another number of inputs.
template <class F>
GradcheckResult gradcheck(F&& fn, std::initializer_list<Tensor> inputs, GradcheckOptions options = {}) {
  gradcheck_internal::check_count(gradcheck_internal::arguments<F>(), inputs.size());
  return gradcheck([&fn](std::span<const Tensor> x) { return gradcheck_internal::call(fn, x); },
                   std::span(inputs.begin(), inputs.size()), options);
}
template <class F>
GradcheckResult gradgradcheck(F&& fn, std::initializer_list<Tensor> inputs, GradcheckOptions options = {}) {
  gradcheck_internal::check_count(gradcheck_internal::arguments<F>(), inputs.size());
  return gradgradcheck([&fn](std::span<const Tensor> x) { return gradcheck_internal::call(fn, x); },
                       std::span(inputs.begin(), inputs.size()), options);
}

}  // namespace gradus
