// The operators of C++ on tensors, short for the functions of the same meaning. == and != are not among them:
// eq() and ne() compare elements, Tensor::is() compares handles. Nor are += and its kin: they would have to
// change a tensor in place, or silently make a new one.
#pragma once

#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"

namespace gradus {

inline Tensor operator+(Operand a, Operand b) { return add(a, b); }
inline Tensor operator+(Operand a, Scalar b) { return add(a, b); }
inline Tensor operator+(Scalar a, Operand b) { return add(a, b); }
inline Tensor operator-(Operand a, Operand b) { return sub(a, b); }
inline Tensor operator-(Operand a, Scalar b) { return sub(a, b); }
inline Tensor operator-(Scalar a, Operand b) { return sub(a, b); }
inline Tensor operator*(Operand a, Operand b) { return mul(a, b); }
inline Tensor operator*(Operand a, Scalar b) { return mul(a, b); }
inline Tensor operator*(Scalar a, Operand b) { return mul(a, b); }
inline Tensor operator/(Operand a, Operand b) { return div(a, b); }
inline Tensor operator/(Operand a, Scalar b) { return div(a, b); }
inline Tensor operator/(Scalar a, Operand b) { return div(a, b); }
inline Tensor operator-(Operand input) { return neg(input); }

inline Tensor operator<(Operand a, Operand b) { return lt(a, b); }
inline Tensor operator<(Operand a, Scalar b) { return lt(a, b); }
inline Tensor operator<(Scalar a, Operand b) { return gt(b, a); }
inline Tensor operator<=(Operand a, Operand b) { return le(a, b); }
inline Tensor operator<=(Operand a, Scalar b) { return le(a, b); }
inline Tensor operator<=(Scalar a, Operand b) { return ge(b, a); }
inline Tensor operator>(Operand a, Operand b) { return gt(a, b); }
inline Tensor operator>(Operand a, Scalar b) { return gt(a, b); }
inline Tensor operator>(Scalar a, Operand b) { return lt(b, a); }
inline Tensor operator>=(Operand a, Operand b) { return ge(a, b); }
inline Tensor operator>=(Operand a, Scalar b) { return ge(a, b); }
inline Tensor operator>=(Scalar a, Operand b) { return le(b, a); }

}  // namespace gradus
