// sinh, cosh, asinh, acosh and atanh, from expm1, exp and log1p. The last three compute f32 in f64: their
// arguments of log1p carry errors of their own. Included by the ops that need them.

#include <cmath>
#include <limits>

#include "gradus/ops/kernels/math_exp-inl.h"
#include "gradus/ops/kernels/math_log-inl.h"

#if defined(GRADUS_OPS_KERNELS_MATH_HYPERBOLIC_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADUS_OPS_KERNELS_MATH_HYPERBOLIC_INL_H_
#undef GRADUS_OPS_KERNELS_MATH_HYPERBOLIC_INL_H_
#else
#define GRADUS_OPS_KERNELS_MATH_HYPERBOLIC_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus::kernels {
namespace HWY_NAMESPACE {
namespace math {

#if HWY_NATIVE_FMA

// f of f32 lanes, computed in f64.
template <class F>
HWY_INLINE hn::Vec<hn::ScalableTag<float>> InF64(hn::ScalableTag<float> d, hn::Vec<hn::ScalableTag<float>> x,
                                                 F f) {
  const hn::ScalableTag<double> dd;
  const hn::Rebind<float, decltype(dd)> half;
  const auto low = hn::DemoteTo(half, f(dd, hn::PromoteTo(dd, hn::LowerHalf(half, x))));
  const auto high = hn::DemoteTo(half, f(dd, hn::PromoteTo(dd, hn::UpperHalf(half, x))));
  return hn::Combine(d, high, low);
}

// |x| = n log(2) + r, limited to where sinh overflows. 2^(n - 2) is in range there.
template <class D, class V = hn::Vec<D>>
HWY_INLINE ExpParts<D> SplitHyperbolic(D d, V x) {
  return SplitExp(d, Limit(d, hn::Abs(x), 0, sizeof(hn::TFromD<D>) == 4 ? 89.43 : 710.5));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sinh(D d, V x) {
  const auto [n, r] = SplitHyperbolic(d, x);
  const V scale = Pow2(d, hn::Sub(n, Const(d, 2)));
  const V p = hn::MulAdd(hn::Mul(r, r), ExpTail<true>(d, r), r);
  // (e^|x| - 1) / 4
  const V q = hn::MulAdd(scale, p, hn::Sub(scale, Const(d, 0.25)));
  const V y = hn::Add(q, hn::Div(q, hn::MulAdd(q, Const(d, 4), Const(d, 1))));
  return KeepTiny(d, x, hn::CopySign(hn::Add(y, y), x));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Cosh(D d, V x) {
  const auto [n, r] = SplitHyperbolic(d, x);
  // e^|x| / 4
  const V q = hn::Mul(ExpOfRemainder(d, r), Pow2(d, hn::Sub(n, Const(d, 2))));
  const V y = hn::Add(q, hn::Div(Const(d, 0.0625), q));
  return hn::Add(y, y);
}

// log(1 + w), or log(2 a) where a is so large that its square might overflow.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V AreaLog(D d, V a, V w) {
  const auto large = hn::Gt(a, Const(d, 0x1p60));
  const V y = Log1p(d, hn::IfThenElse(large, a, w));
  return hn::Add(y, hn::IfThenElseZero(large, Const(d, 0x1.62e42fefa39efp-1)));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V AsinhWide(D d, V x) {
  const V a = hn::Abs(x), one = Const(d, 1);
  const V a2 = hn::Mul(a, a);
  const V w = hn::Add(a, hn::Div(a2, hn::Add(hn::Sqrt(hn::Add(a2, one)), one)));
  return hn::CopySign(AreaLog(d, a, w), x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V AcoshWide(D d, V x) {
  const V t = hn::Sub(x, Const(d, 1));
  const V w = hn::Add(t, hn::Sqrt(hn::Mul(t, hn::Add(t, Const(d, 2)))));
  const V y = AreaLog(d, x, w);
  const V none = hn::Set(d, std::numeric_limits<hn::TFromD<D>>::quiet_NaN());
  return hn::IfThenElse(hn::Lt(t, hn::Zero(d)), none, y);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V AtanhWide(D d, V x) {
  const V a = hn::Abs(x);
  const V w = hn::Div(hn::Add(a, a), hn::Sub(Const(d, 1), a));
  return hn::CopySign(hn::Mul(Log1p(d, w), Const(d, 0.5)), x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Asinh(D d, V x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return InF64(d, x, [](auto dd, auto v) HWY_ATTR { return AsinhWide(dd, v); });
  } else {
    return AsinhWide(d, x);
  }
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Acosh(D d, V x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return InF64(d, x, [](auto dd, auto v) HWY_ATTR { return AcoshWide(dd, v); });
  } else {
    return AcoshWide(d, x);
  }
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Atanh(D d, V x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return InF64(d, x, [](auto dd, auto v) HWY_ATTR { return AtanhWide(dd, v); });
  } else {
    return AtanhWide(d, x);
  }
}

#else  // no fused multiply-add

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sinh(D d, V x) {
  return map_lanes(
      d, [](auto v) { return std::sinh(v); }, x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Cosh(D d, V x) {
  return map_lanes(
      d, [](auto v) { return std::cosh(v); }, x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Asinh(D d, V x) {
  return map_lanes(
      d, [](auto v) { return std::asinh(v); }, x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Acosh(D d, V x) {
  return map_lanes(
      d, [](auto v) { return std::acosh(v); }, x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Atanh(D d, V x) {
  return map_lanes(
      d, [](auto v) { return std::atanh(v); }, x);
}

#endif  // HWY_NATIVE_FMA

}  // namespace math
}  // namespace HWY_NAMESPACE
}  // namespace gradus::kernels
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
