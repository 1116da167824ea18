#include "gradus/ops/elementwise/promote.h"

#include "gradus/ops/elementwise/conversion.h"

namespace gradus {

Tensor apply_mixed(const OpDef& op, const Operand& a, const Operand& b) {
  DType dtype;
  // Dtypes that do not promote go to the op as they are: its infer says what is wrong, with the operands'
  // names.
  if (!promote(a.dtype(), b.dtype(), &dtype)) return apply(op, {a, b});
  if (a.dtype() == dtype) {
    Tensor converted = astype(b, dtype);
    return apply(op, {a, Operand(std::move(converted), b.where)});
  }
  Tensor converted = astype(a, dtype);
  if (b.dtype() == dtype) return apply(op, {Operand(std::move(converted), a.where), b});
  Tensor other = astype(b, dtype);
  return apply(op, {Operand(std::move(converted), a.where), Operand(std::move(other), b.where)});
}

Tensor apply_promoted(const OpDef& op, const Operand& a, Scalar b) {
  if (a.impl == nullptr) [[unlikely]]
    return apply(op, {a, a});  // which says so
  const Tensor number = scalar_like(a, b, op.name);
  return apply(op, {a, Operand(number, a.where)});
}

Tensor apply_promoted(const OpDef& op, Scalar a, const Operand& b) {
  if (b.impl == nullptr) [[unlikely]]
    return apply(op, {b, b});
  const Tensor number = scalar_like(b, a, op.name);
  return apply(op, {Operand(number, b.where), b});
}

}  // namespace gradus
