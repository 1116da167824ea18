// What products that are made of other ops check alike. Internal to ops/matmul/.
#pragma once

#include "gradus/base/format.h"
#include "gradus/graph/apply.h"
#include "gradus/graph/describe.h"

namespace gradus {

// The operand as a tensor. Errors: ValueError for an empty handle.
inline Tensor tensor_of(const Operand& x) {
  if (x.impl == nullptr) x.fail_undefined();
  return Tensor::share(x.impl);
}

// Errors: ShapeError unless x has `rank` axes; `what` says which, as in "takes a matrix".
inline void require_rank(const Operand& x, int rank, const char* op, const char* name, const char* what) {
  if (tensor_of(x).rank() != rank) {
    throw_error<ShapeError>(x.where, op, "{}: {} {}", what, name, describe(*x.impl));
  }
}

// Errors: DtypeError unless both have one dtype, that of numbers.
inline void require_numbers(const Operand& a, const Operand& b, const char* op, const char* name_a,
                            const char* name_b) {
  if (a.dtype() != b.dtype()) {
    throw_error<DtypeError>(a.where, op, "dtypes differ: {} {}, {} {}; convert one with astype()", name_a,
                            describe(*a.impl), name_b, describe(*b.impl));
  }
  if (a.dtype() == DType::boolean) {
    throw_error<DtypeError>(a.where, op, "takes numbers: {} {}; convert it with astype()", name_a,
                            describe(*a.impl));
  }
}

}  // namespace gradus
