// Promotion: operands of different dtypes are brought to one before an op sees them, by a recorded astype, so
// that the gradient comes back in the dtype it left. Internal to op files.
#pragma once

#include "gradus/ops/scalar.h"

namespace gradus {

// apply(op, {a, b}) where dtypes differ. Errors: DtypeError where they do not promote.
Tensor apply_mixed(const OpDef& op, const Operand& a, const Operand& b);

inline Tensor apply_promoted(const OpDef& op, const Operand& a, const Operand& b) {
  if (a.impl != nullptr && b.impl != nullptr && a.impl->dtype != b.impl->dtype) [[unlikely]] {
    return apply_mixed(op, a, b);
  }
  return apply(op, {a, b});
}

// A C++ number beside a tensor.
Tensor apply_promoted(const OpDef& op, const Operand& a, Scalar b);
Tensor apply_promoted(const OpDef& op, Scalar a, const Operand& b);

}  // namespace gradus
