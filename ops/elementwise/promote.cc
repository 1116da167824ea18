#include "gradus/ops/elementwise/promote.h"

#include "gradus/ops/elementwise/conversion.h"

namespace gradus {
namespace {

// A number that a half cannot hold is not rounded to one: 1e-8 would be 0 beside f16, 1e5 infinite. The op
// runs in f32, and its result is rounded.
bool fits(DType half, Scalar s) {
  const double v = half == DType::f16 ? float{float16(s.value)} : float{bfloat16(s.value)};
  return v == s.value || s.value != s.value;
}

// A mask stays one.
Tensor narrowed(Tensor wide, DType half, Location where) {
  return is_floating(wide.dtype()) ? astype(Operand(std::move(wide), where), half) : wide;
}

}  // namespace

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
  if (is_half(a.impl->dtype) && !fits(a.impl->dtype, b)) [[unlikely]] {
    const DType half = a.impl->dtype;
    const Tensor wide = astype(a, DType::f32);
    return narrowed(apply_promoted(op, Operand(wide, a.where), b), half, a.where);
  }
  const Tensor number = scalar_like(a, b, op.name);
  return apply(op, {a, Operand(number, a.where)});
}

Tensor apply_promoted(const OpDef& op, Scalar a, const Operand& b) {
  if (b.impl == nullptr) [[unlikely]]
    return apply(op, {b, b});
  if (is_half(b.impl->dtype) && !fits(b.impl->dtype, a)) [[unlikely]] {
    const DType half = b.impl->dtype;
    const Tensor wide = astype(b, DType::f32);
    return narrowed(apply_promoted(op, a, Operand(wide, b.where)), half, b.where);
  }
  const Tensor number = scalar_like(b, a, op.name);
  return apply(op, {Operand(number, b.where), b});
}

}  // namespace gradus
