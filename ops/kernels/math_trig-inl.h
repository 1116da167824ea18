// sin, cos and tan. x = n pi / 2 + r with |r| <= pi / 4; pi / 2 in three parts, of which the product of the
// first with n is exact. The last two bits of n choose the function of r and the sign. Lanes too large for
// that go to the C library one by one. Included by math-inl.h.

#include <cmath>

#include "gradus/ops/kernels/math_exp-inl.h"

#if defined(GRADUS_OPS_KERNELS_MATH_TRIG_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADUS_OPS_KERNELS_MATH_TRIG_INL_H_
#undef GRADUS_OPS_KERNELS_MATH_TRIG_INL_H_
#else
#define GRADUS_OPS_KERNELS_MATH_TRIG_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus::kernels {
namespace HWY_NAMESPACE {
namespace math {

#if HWY_NATIVE_FMA

template <class D, class V = hn::Vec<D>>
struct TrigParts {
  V sin, cos;                                 // of r
  hn::Vec<hn::RebindToUnsigned<D>> quadrant;  // n, in the low bits
};

template <class T>
inline constexpr double kTrigLimit = sizeof(T) == 4 ? 1e5 : 1e9;

template <class D, class V = hn::Vec<D>>
HWY_INLINE TrigParts<D> SplitTrig(D d, V x) {
  using T = hn::TFromD<D>;
  const hn::RebindToUnsigned<D> du;
  const V rounder = hn::Set(d, kRounder<T>);
  const V shifted = hn::MulAdd(x, Const(d, 0x1.45f306dc9c883p-1), rounder);
  const V n = hn::Sub(shifted, rounder);
  V r, s, c;
  if constexpr (sizeof(T) == 4) {
    r = hn::NegMulAdd(n, Const(d, 0x1.921fb6p0), x);
    r = hn::NegMulAdd(n, Const(d, -0x1.777a5cp-25), r);
    r = hn::NegMulAdd(n, Const(d, -0x1.ee59dap-50), r);
    const V z = hn::Mul(r, r);
    s = hn::MulAdd(Const(d, -0.0001951463200384751), z, Const(d, 0.008332155644893646));
    s = hn::MulAdd(s, z, Const(d, -0.16666655242443085));
    s = hn::MulAdd(hn::Mul(r, z), s, r);
    c = hn::MulAdd(Const(d, 2.443241282890085e-05), z, Const(d, -0.0013887309469282627));
    c = hn::MulAdd(c, z, Const(d, 0.04166664555668831));
    c = hn::MulAdd(c, z, Const(d, -0.5));
    c = hn::MulAdd(c, z, Const(d, 1));
  } else {
    r = hn::NegMulAdd(n, Const(d, 0x1.921fb54442d18p0), x);
    r = hn::NegMulAdd(n, Const(d, 0x1.1a62633145c07p-54), r);
    r = hn::NegMulAdd(n, Const(d, -0x1.f1976b7ed8fbcp-110), r);
    const V z = hn::Mul(r, r);
    s = hn::MulAdd(Const(d, 0x1.5d8dfd00075c6p-33), z, Const(d, -0x1.ae5e546e3959bp-26));
    s = hn::MulAdd(s, z, Const(d, 0x1.71de356039eddp-19));
    s = hn::MulAdd(s, z, Const(d, -0x1.a01a019bf5778p-13));
    s = hn::MulAdd(s, z, Const(d, 0x1.111111110f78fp-7));
    s = hn::MulAdd(s, z, Const(d, -0x1.5555555555548p-3));
    s = hn::MulAdd(hn::Mul(r, z), s, r);
    c = hn::MulAdd(Const(d, -0x1.8fa290c762205p-37), z, Const(d, 0x1.1ee9d3dc504bcp-29));
    c = hn::MulAdd(c, z, Const(d, -0x1.27e4f7e53dff1p-22));
    c = hn::MulAdd(c, z, Const(d, 0x1.a01a019c7cd98p-16));
    c = hn::MulAdd(c, z, Const(d, -0x1.6c16c16c14f47p-10));
    c = hn::MulAdd(c, z, Const(d, 0x1.555555555554bp-5));
    c = hn::MulAdd(c, z, Const(d, -0.5));
    c = hn::MulAdd(c, z, Const(d, 1));
  }
  return {s, c, hn::BitCast(du, shifted)};
}

template <class D>
HWY_INLINE hn::Mask<D> IsOdd(D d, hn::Vec<hn::RebindToUnsigned<D>> quadrant) {
  const hn::RebindToUnsigned<D> du;
  return hn::RebindMask(d, hn::TestBit(quadrant, hn::Set(du, 1)));
}

// v, negated where bit 1 of `quadrant` is set.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V FlipSign(D d, V v, hn::Vec<hn::RebindToUnsigned<D>> quadrant) {
  const hn::RebindToUnsigned<D> du;
  constexpr int kShift = sizeof(hn::TFromD<D>) * 8 - 2;
  const auto sign = hn::And(hn::ShiftLeft<kShift>(quadrant), hn::BitCast(du, hn::SignBit(d)));
  return hn::Xor(v, hn::BitCast(d, sign));
}

// y, but f(x) for lanes where |x| is too large (or inf or NaN).
template <class D, class F, class V = hn::Vec<D>>
HWY_INLINE V TrigLarge(D d, V x, V y, F f) {
  const auto fits = hn::Le(hn::Abs(x), Const(d, kTrigLimit<hn::TFromD<D>>));
  if (HWY_LIKELY(hn::AllTrue(d, fits))) return y;
  return hn::IfThenElse(fits, y, map_lanes(d, f, x));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sin(D d, V x) {
  const auto p = SplitTrig(d, x);
  V y = FlipSign(d, hn::IfThenElse(IsOdd(d, p.quadrant), p.cos, p.sin), p.quadrant);
  y = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, y);  // -0 for -0
  return TrigLarge(d, x, y, [](auto v) { return std::sin(v); });
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Cos(D d, V x) {
  const auto p = SplitTrig(d, x);
  const hn::RebindToUnsigned<D> du;
  const V y =
      FlipSign(d, hn::IfThenElse(IsOdd(d, p.quadrant), p.sin, p.cos), hn::Add(p.quadrant, hn::Set(du, 1)));
  return TrigLarge(d, x, y, [](auto v) { return std::cos(v); });
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Tan(D d, V x) {
  const auto p = SplitTrig(d, x);
  const auto odd = IsOdd(d, p.quadrant);
  V y = hn::Div(hn::IfThenElse(odd, hn::Neg(p.cos), p.sin), hn::IfThenElse(odd, p.sin, p.cos));
  y = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, y);
  return TrigLarge(d, x, y, [](auto v) { return std::tan(v); });
}

#else  // no fused multiply-add

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sin(D d, V x) {
  return map_lanes(
      d, [](auto v) { return std::sin(v); }, x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Cos(D d, V x) {
  return map_lanes(
      d, [](auto v) { return std::cos(v); }, x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Tan(D d, V x) {
  return map_lanes(
      d, [](auto v) { return std::tan(v); }, x);
}

#endif  // HWY_NATIVE_FMA

}  // namespace math
}  // namespace HWY_NAMESPACE
}  // namespace gradus::kernels
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
