// Vector mathematics for f32 and f64.
#include "gradus/ops/kernels/basic-inl.h"
#include "hwy/contrib/math/math-inl.h"
#include <cmath>

#if defined(GRADUS_OPS_KERNELS_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADUS_OPS_KERNELS_MATH_INL_H_
#undef GRADUS_OPS_KERNELS_MATH_INL_H_
#else
#define GRADUS_OPS_KERNELS_MATH_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus::kernels {
namespace HWY_NAMESPACE {
namespace math {

template <class D, class V> HWY_INLINE V Exp(D d, V x) { return hn::Exp(d, x); }
template <class D, class V> HWY_INLINE V Expm1(D d, V x) { return hn::Expm1(d, x); }
template <class D, class V> HWY_INLINE V Log(D d, V x) { return hn::Log(d, x); }
template <class D, class V> HWY_INLINE V Log1p(D d, V x) { return hn::Log1p(d, x); }
template <class D, class V> HWY_INLINE V Tanh(D d, V x) { return hn::Tanh(d, x); }
template <class D, class V> HWY_INLINE V Sin(D d, V x) { return hn::Sin(d, x); }
template <class D, class V> HWY_INLINE V Cos(D d, V x) { return hn::Cos(d, x); }
template <class D, class V> HWY_INLINE V Tan(D d, V x) { return hn::Div(hn::Sin(d, x), hn::Cos(d, x)); }
template <class D, class V> HWY_INLINE V Sigmoid(D d, V x) {
  const V one = hn::Set(d, hn::TFromD<D>{1});
  return hn::Div(one, hn::Add(one, hn::Exp(d, hn::Neg(x))));
}
template <class D, class V> HWY_INLINE V Pow(D d, V x, V y) {
  return map_lanes(d, [](auto a, auto b) { return std::pow(a, b); }, x, y);
}

}  // namespace math
}  // namespace HWY_NAMESPACE
}  // namespace gradus::kernels
HWY_AFTER_NAMESPACE();

#endif
