// What the loops of activations are made of. No ordinary include guard; see simd-inl.h.

#include "gradus/ops/kernels/math-inl.h"

#if defined(GRADUS_OPS_KERNELS_ACTIVATION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADUS_OPS_KERNELS_ACTIVATION_INL_H_
#undef GRADUS_OPS_KERNELS_ACTIVATION_INL_H_
#else
#define GRADUS_OPS_KERNELS_ACTIVATION_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus::kernels {
namespace HWY_NAMESPACE {
namespace math {

// The i-th of the driver's parameters, which are numbers of the loop's dtype.
template <class D>
HWY_INLINE hn::Vec<D> Param(D d, const void* params, int i) {
  return hn::Set(d, static_cast<const hn::TFromD<D>*>(params)[i]);
}

// g v, exactly 0 where g is.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ZMul(D d, V g, V v) {
  return hn::IfThenZeroElse(hn::Eq(g, hn::Zero(d)), hn::Mul(g, v));
}

// log(1 + e^z) without overflow.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Softplus(D d, V z) {
  return hn::Add(Max(d, z, hn::Zero(d)), Log1p(d, Exp(d, hn::Neg(hn::Abs(z)))));
}

// w = e^x, limited where tanh(log(1 + w)) = n / (n + 2), n = w (w + 2), has rounded to 1.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V MishExp(D d, V x) {
  return Exp(d, Limit(d, x, -1000, sizeof(hn::TFromD<D>) == 4 ? 20 : 40));
}

// The argument of the sigmoid in gelu's tanh form: (1 + tanh(u)) / 2 = sigmoid(2 u), u = sqrt(2 / pi) (x +
// 0.044715 x^3).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V GeluInner(D d, V x) {
  const V cubic = hn::Mul(hn::Mul(x, x), Const(d, 0.044715));
  return hn::Mul(Const(d, 2 * 0.7978845608028654), hn::Mul(x, hn::Add(cubic, Const(d, 1))));
}

}  // namespace math
}  // namespace HWY_NAMESPACE
}  // namespace gradus::kernels
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
