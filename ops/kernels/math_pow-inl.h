// pow. f32: exp(y log|x|) in f64, whose rounding errors are far below f32's, then the special cases of IEEE
// 754's pow. f64: the C library for each lane. Included by math-inl.h.

#include <cmath>
#include <limits>

#include "gradus/ops/kernels/math_exp-inl.h"
#include "gradus/ops/kernels/math_log-inl.h"

#if defined(GRADUS_OPS_KERNELS_MATH_POW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADUS_OPS_KERNELS_MATH_POW_INL_H_
#undef GRADUS_OPS_KERNELS_MATH_POW_INL_H_
#else
#define GRADUS_OPS_KERNELS_MATH_POW_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus::kernels {
namespace HWY_NAMESPACE {
namespace math {

#if HWY_NATIVE_FMA

HWY_INLINE hn::Vec<hn::ScalableTag<float>> Pow(hn::ScalableTag<float> d, hn::Vec<hn::ScalableTag<float>> x,
                                               hn::Vec<hn::ScalableTag<float>> y) {
  using V = hn::Vec<hn::ScalableTag<float>>;
  const hn::ScalableTag<double> dd;
  const hn::Rebind<float, decltype(dd)> half;
  const V magnitude = hn::Abs(x);
  const auto power = [&](auto base, auto exponent) HWY_ATTR {
    const auto product = hn::Mul(hn::PromoteTo(dd, exponent), Log(dd, hn::PromoteTo(dd, base)));
    return hn::DemoteTo(half, Exp(dd, product));
  };
  V r = hn::Combine(d, power(hn::UpperHalf(half, magnitude), hn::UpperHalf(half, y)),
                    power(hn::LowerHalf(half, magnitude), hn::LowerHalf(half, y)));

  const V zero = hn::Zero(d), one = Const(d, 1);
  const V inf = hn::Set(d, std::numeric_limits<float>::infinity());
  // Every float from 2^23 on is an integer, from 2^24 on an even one; Floor(y) == y holds for infinities too.
  const auto integer = hn::Eq(hn::Floor(y), y);
  const V half_y = hn::Mul(y, Const(d, 0.5));
  const auto odd = hn::And(integer, hn::Ne(hn::Floor(half_y), half_y));
  // 1 to any power and any base to 0 are 1, NaN or not; -1 to an infinite power is 1.
  auto is_one = hn::Or(hn::Eq(x, one), hn::Eq(y, zero));
  is_one = hn::Or(is_one, hn::And(hn::Eq(magnitude, one), hn::Eq(hn::Abs(y), inf)));
  r = hn::IfThenElse(is_one, one, r);
  // A negative finite base: only integral powers exist.
  const auto no_power = hn::And(hn::And(hn::Lt(x, zero), hn::Ne(magnitude, inf)), hn::Not(integer));
  r = hn::IfThenElse(no_power, hn::Set(d, std::numeric_limits<float>::quiet_NaN()), r);
  return hn::IfThenElse(odd, hn::CopySign(r, x), r);
}

#endif  // HWY_NATIVE_FMA

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Pow(D d, V x, V y) {
  return map_lanes(
      d, [](auto a, auto b) { return std::pow(a, b); }, x, y);
}

}  // namespace math
}  // namespace HWY_NAMESPACE
}  // namespace gradus::kernels
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
