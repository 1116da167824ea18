// apply(): runs an op and, where a gradient is wanted, records it. The one way by which tensors come from
// tensors, for gradus's own ops and for a user's.
#pragma once

#include <initializer_list>
#include <span>
#include <vector>

#include "gradus/graph/op_def.h"
#include "gradus/graph/tensor.h"

namespace gradus {

// A tensor on its way into an op, with the place in the user's source that passed it. Ops take it by value;
// it borrows the tensor for the call. A temporary that nobody else holds may lend its buffer to the result.
struct Operand {
  Operand(const Tensor& t, Location where = Location::current())  // NOLINT(google-explicit-constructor)
      : impl(t.impl()), where(where), temporary(false) {}
  Operand(Tensor&& t, Location where = Location::current())  // NOLINT(google-explicit-constructor)
      : impl(t.impl()), where(where), temporary(true) {}

  DType dtype() const {
    if (impl == nullptr) [[unlikely]]
      fail_undefined();
    return impl->dtype;
  }
  [[noreturn]] void fail_undefined() const;

  TensorImpl* impl;
  Location where;
  bool temporary;
};

// For ops with one output. `attrs` is the op's attribute struct.
// Errors: what the op's infer and kernel throw; ValueError for an undefined operand; GraphError where a
// gradient is wanted and the op has none.
Tensor apply(const OpDef& op, std::span<const Operand> in, const void* attrs);

inline Tensor apply(const OpDef& op, std::initializer_list<Operand> in) {
  return apply(op, std::span(in.begin(), in.size()), nullptr);
}
template <class A>
Tensor apply(const OpDef& op, std::initializer_list<Operand> in, const A& attrs) {
  return apply(op, std::span(in.begin(), in.size()), static_cast<const void*>(&attrs));
}

// For ops with several: outs[0 .. op.outputs-1].
void apply(const OpDef& op, std::span<const Operand> in, const void* attrs, std::span<Tensor> outs);

}  // namespace gradus
