// custom(): an op from two lambdas in the user's function: the value, and the gradients for a cotangent. For
// what ops can say but deserves a better derivative, or what only the user's own code can compute. An op with
// a kernel is an OpDef: see docs/custom_op.md.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "gradus/base/function_ref.h"
#include "gradus/base/unique_function.h"
#include "gradus/graph/tensor.h"

namespace gradus {

// The inputs, to read. in[i] is the i-th of custom()'s list.
class CustomInputs {
 public:
  explicit CustomInputs(std::span<const Tensor> inputs) : inputs_(inputs) {}
  int size() const { return static_cast<int>(inputs_.size()); }
  // Errors: ValueError for an index out of range.
  const Tensor& operator[](int i) const;

 private:
  std::span<const Tensor> inputs_;
};

// One slot an input for its gradient. A slot that needs() one must be set, in the input's shape and dtype.
class CustomGrads {
 public:
  CustomGrads(std::span<Tensor> slots, std::span<const bool> needs) : slots_(slots), needs_(needs) {}
  int size() const { return static_cast<int>(slots_.size()); }
  // Errors: ValueError for an index out of range.
  Tensor& operator[](int i);
  // True where input i wants a gradient; others need not be computed and are dropped.
  bool needs(int i) const;

 private:
  std::span<Tensor> slots_;
  std::span<const bool> needs_;
};

using CustomForward = FunctionRef<Tensor(const CustomInputs& in)>;
using CustomVjp = UniqueFunction<void(const CustomInputs& in, const Tensor& grad, CustomGrads& out)>;

// Computes forward(inputs), unrecorded, and records it under `name` with `vjp` as its derivative: given the
// cotangent `grad` of the result, it sets the gradients of the inputs. At most 14 inputs. A vjp written in
// differentiable ops gives derivatives of every order; through one that reads elements a second derivative is
// a GraphError. Errors: ValueError; in backward GraphError for a slot that is missing or has another shape or
// dtype than its input.
Tensor custom(std::string_view name, std::span<const Tensor> inputs, CustomForward forward, CustomVjp vjp,
              Location where = Location::current());
inline Tensor custom(std::string_view name, std::initializer_list<Tensor> inputs, CustomForward forward,
                     CustomVjp vjp, Location where = Location::current()) {
  return custom(name, std::span(inputs.begin(), inputs.size()), forward, std::move(vjp), where);
}

}  // namespace gradus
