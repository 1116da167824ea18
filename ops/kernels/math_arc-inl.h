// asin, acos, atan and atan2. Included by the ops that need them.
//   atan: t = -1/x, (x - 1) / (x + 1) or x, so that |t| <= tan(pi / 8) and atan(x) = pi / 2, pi / 4 or 0 plus
//   atan(t), a polynomial in t^2
//   asin: a polynomial in x^2 for |x| <= 1/2, else pi / 2 - 2 asin(sqrt((1 - |x|) / 2))
// The reductions are those of the Cephes library (S. L. Moshier), asin.c and atan.c.

#include <cmath>

#include "gradus/ops/kernels/basic-inl.h"

#if defined(GRADUS_OPS_KERNELS_MATH_ARC_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADUS_OPS_KERNELS_MATH_ARC_INL_H_
#undef GRADUS_OPS_KERNELS_MATH_ARC_INL_H_
#else
#define GRADUS_OPS_KERNELS_MATH_ARC_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus::kernels {
namespace HWY_NAMESPACE {
namespace math {

#if HWY_NATIVE_FMA

// pi / 2 in two parts.
template <class T>
inline constexpr double kHalfPiHigh = sizeof(T) == 4 ? 0x1.921fb6p0 : 0x1.921fb54442d18p0;
template <class T>
inline constexpr double kHalfPiLow = sizeof(T) == 4 ? -0x1.777a5cp-25 : 0x1.1a62633145c07p-54;

// atan(a) for a >= 0.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V AtanPositive(D d, V a) {
  using T = hn::TFromD<D>;
  const V one = Const(d, 1), zero = hn::Zero(d);
  // tan(3 pi / 8) and tan(pi / 8): t is at most tan(pi / 8).
  const auto large = hn::Gt(a, Const(d, 2.414213562373095));
  const auto middle = hn::Gt(a, Const(d, 0.41421356237309503));
  const V numerator = hn::IfThenElse(large, hn::Neg(one), hn::Sub(a, hn::IfThenElseZero(middle, one)));
  const V denominator = hn::IfThenElse(large, a, hn::IfThenElse(middle, hn::Add(a, one), one));
  const V t = hn::Div(numerator, denominator);
  const V z = hn::Mul(t, t);
  V p;
  if constexpr (sizeof(T) == 4) {
    p = hn::MulAdd(Const(d, -0.06455518305301666), z, Const(d, 0.10745009779930115));
    p = hn::MulAdd(p, z, Const(d, -0.14264097809791565));
    p = hn::MulAdd(p, z, Const(d, 0.19999545812606812));
    p = hn::MulAdd(p, z, Const(d, -0.3333333134651184));
  } else {
    p = hn::MulAdd(Const(d, -0x1.3a61a2cef661cp-6), z, Const(d, 0x1.4177ef44a57eap-5));
    p = hn::MulAdd(p, z, Const(d, -0x1.a0a19053c073ap-5));
    p = hn::MulAdd(p, z, Const(d, 0x1.dfe7f07fb6068p-5));
    p = hn::MulAdd(p, z, Const(d, -0x1.10fa923ddab5cp-4));
    p = hn::MulAdd(p, z, Const(d, 0x1.3b1265162e0e6p-4));
    p = hn::MulAdd(p, z, Const(d, -0x1.745d0b419d4dbp-4));
    p = hn::MulAdd(p, z, Const(d, 0x1.c71c7185eb094p-4));
    p = hn::MulAdd(p, z, Const(d, -0x1.2492492437529p-3));
    p = hn::MulAdd(p, z, Const(d, 0x1.9999999999366p-3));
    p = hn::MulAdd(p, z, Const(d, -0x1.5555555555555p-2));
  }
  // In units of pi / 4.
  const V base = hn::IfThenElse(large, Const(d, 1), hn::IfThenElse(middle, Const(d, 0.5), zero));
  const V r = hn::MulAdd(hn::Mul(t, z), p, hn::Mul(base, Const(d, kHalfPiLow<T>)));
  return hn::MulAdd(base, Const(d, kHalfPiHigh<T>), hn::Add(t, r));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Atan(D d, V x) {
  return hn::CopySign(AtanPositive(d, hn::Abs(x)), x);
}

// The angle of the point (x, y), y first as in the C library.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Atan2(D d, V y, V x) {
  using T = hn::TFromD<D>;
  const V a = hn::Abs(y), b = hn::Abs(x), zero = hn::Zero(d);
  V q = hn::Div(a, b);
  q = hn::IfThenElse(hn::Eq(a, b), Const(d, 1), q);  // inf / inf
  q = hn::IfThenElse(hn::Eq(a, zero), zero, q);      // 0 / 0
  const V angle = AtanPositive(d, q);
  // pi - angle on the left, also for x = -0.
  const V left = hn::Sub(Const(d, 2 * kHalfPiHigh<T>), hn::Sub(angle, Const(d, 2 * kHalfPiLow<T>)));
  const hn::RebindToSigned<D> di;
  const auto negative = hn::RebindMask(d, hn::Lt(hn::BitCast(di, x), hn::Zero(di)));
  const V r = hn::CopySign(hn::IfThenElse(negative, left, angle), y);
  return hn::IfThenElse(hn::Or(hn::IsNaN(x), hn::IsNaN(y)), hn::Add(x, y), r);
}

template <class D, class V = hn::Vec<D>>
struct AsinParts {
  V s, r;             // asin(s) = s + r
  hn::Mask<D> large;  // |x| > 1/2: s = sqrt((1 - |x|) / 2), else s = |x|
};

template <class D, class V = hn::Vec<D>>
HWY_INLINE AsinParts<D> SplitAsin(D d, V x) {
  const V a = hn::Abs(x);
  const V half = Const(d, 0.5);
  const auto large = hn::Gt(a, half);
  const V z = hn::IfThenElse(large, hn::NegMulAdd(a, half, half), hn::Mul(a, a));
  const V root = hn::Sqrt(z);
  const V s = hn::IfThenElse(large, root, a);
  V p;
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    p = hn::MulAdd(Const(d, 0.033799540251493454), z, Const(d, 0.017081771045923233));
    p = hn::MulAdd(p, z, Const(d, 0.031115293502807617));
    p = hn::MulAdd(p, z, Const(d, 0.044598110020160675));
    p = hn::MulAdd(p, z, Const(d, 0.07500098645687103));
    p = hn::MulAdd(p, z, Const(d, 0.1666666567325592));
  } else {
    p = hn::MulAdd(Const(d, 0x1.d93883250bde7p-6), z, Const(d, -0x1.eccdec21a8266p-7));
    p = hn::MulAdd(p, z, Const(d, 0x1.1f1a747738b12p-6));
    p = hn::MulAdd(p, z, Const(d, 0x1.62a5a7f3fa65cp-8));
    p = hn::MulAdd(p, z, Const(d, 0x1.529df8bc247acp-7));
    p = hn::MulAdd(p, z, Const(d, 0x1.7817de09b6062p-7));
    p = hn::MulAdd(p, z, Const(d, 0x1.c9d08b354c98cp-7));
    p = hn::MulAdd(p, z, Const(d, 0x1.1c4d287099788p-6));
    p = hn::MulAdd(p, z, Const(d, 0x1.6e8bb25da64cep-6));
    p = hn::MulAdd(p, z, Const(d, 0x1.f1c71c19d6c27p-6));
    p = hn::MulAdd(p, z, Const(d, 0x1.6db6db6e387d7p-5));
    p = hn::MulAdd(p, z, Const(d, 0x1.3333333332e84p-4));
    p = hn::MulAdd(p, z, Const(d, 0x1.5555555555556p-3));
  }
  // What the root lost; the small number keeps 0 / 0 away.
  const V lost = hn::Div(hn::NegMulAdd(root, root, z), hn::MulAdd(root, Const(d, 2), Const(d, 1e-30)));
  return {s, hn::MulAdd(hn::Mul(s, z), p, hn::IfThenElseZero(large, lost)), large};
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Asin(D d, V x) {
  using T = hn::TFromD<D>;
  const auto [s, r, large] = SplitAsin(d, x);
  const V two = Const(d, 2);
  const V rest = hn::MulAdd(s, two, hn::MulSub(r, two, Const(d, kHalfPiLow<T>)));
  return hn::CopySign(hn::IfThenElse(large, hn::Sub(Const(d, kHalfPiHigh<T>), rest), hn::Add(s, r)), x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Acos(D d, V x) {
  using T = hn::TFromD<D>;
  const auto [s, r, large] = SplitAsin(d, x);
  const V two = Const(d, 2), high = Const(d, kHalfPiHigh<T>), low = Const(d, kHalfPiLow<T>);
  const V near_one = hn::Mul(hn::Add(s, r), two);
  const V near_minus_one = hn::Sub(hn::Mul(high, two), hn::MulSub(low, Const(d, -2), hn::Neg(near_one)));
  const V outside = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), near_minus_one, near_one);
  const V inside = hn::Sub(high, hn::Sub(hn::CopySign(s, x), hn::Sub(low, hn::CopySign(r, x))));
  return hn::IfThenElse(large, outside, inside);
}

#else  // no fused multiply-add

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Asin(D d, V x) {
  return map_lanes(
      d, [](auto v) { return std::asin(v); }, x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Acos(D d, V x) {
  return map_lanes(
      d, [](auto v) { return std::acos(v); }, x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Atan(D d, V x) {
  return map_lanes(
      d, [](auto v) { return std::atan(v); }, x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Atan2(D d, V x, V y) {
  return map_lanes(
      d, [](auto a, auto b) { return std::atan2(a, b); }, x, y);
}

#endif  // HWY_NATIVE_FMA

}  // namespace math
}  // namespace HWY_NAMESPACE
}  // namespace gradus::kernels
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
