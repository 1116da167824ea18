// exp and expm1. x = n log(2) + r with |r| <= log(2) / 2, n rounded by adding a large number; exp(x) = 2^n
// exp(r). Included by math-inl.h.

#include <cmath>

#include "gradus/ops/kernels/basic-inl.h"

#if defined(GRADUS_OPS_KERNELS_MATH_EXP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADUS_OPS_KERNELS_MATH_EXP_INL_H_
#undef GRADUS_OPS_KERNELS_MATH_EXP_INL_H_
#else
#define GRADUS_OPS_KERNELS_MATH_EXP_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus::kernels {
namespace HWY_NAMESPACE {
namespace math {

// Adding and subtracting it rounds to the nearest integer, which is left in the low bits of the sum.
template <class T>
inline constexpr T kRounder = sizeof(T) == 4 ? T(0x1.8p23) : T(0x1.8p52);

template <class T>
inline constexpr int kMantissaBits = sizeof(T) == 4 ? 23 : 52;

// 2^n for an integral n in the range of normal numbers.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Pow2(D d, V n) {
  using T = hn::TFromD<D>;
  const hn::RebindToUnsigned<D> du;
  const auto exponent = hn::ShiftLeft<kMantissaBits<T>>(hn::BitCast(du, hn::Add(n, hn::Set(d, kRounder<T>))));
  return hn::BitCast(d, hn::Add(exponent, hn::BitCast(du, hn::Set(d, T{1}))));
}

// x limited to [low, high]; a NaN stays one.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Limit(D d, V x, double low, double high) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR
  return hn::Max(Const(d, low), hn::Min(Const(d, high), x));  // x86: the second operand if one is a NaN
#else
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Max(Const(d, low), hn::Min(Const(d, high), x)));
#endif
}

#if HWY_NATIVE_FMA

template <class D, class V = hn::Vec<D>>
struct ExpParts {
  V n, r;
};

// x = n log(2) + r
template <class D, class V = hn::Vec<D>>
HWY_INLINE ExpParts<D> SplitExp(D d, V x) {
  using T = hn::TFromD<D>;
  const V rounder = hn::Set(d, kRounder<T>);
  const V n = hn::Sub(hn::MulAdd(x, Const(d, 0x1.71547652b82fep0), rounder), rounder);
  if constexpr (sizeof(T) == 4) {
    return {n,
            hn::NegMulAdd(n, Const(d, -0x1.05c610ca86c39p-29), hn::NegMulAdd(n, Const(d, 0x1.62e430p-1), x))};
  } else {
    return {n, hn::NegMulAdd(n, Const(d, 0x1.abc9e3b39803fp-56),
                             hn::NegMulAdd(n, Const(d, 0x1.62e42fefa39efp-1), x))};
  }
}

// (exp(r) - 1 - r) / r^2, with an error small beside exp(r) (kNearZero: small beside exp(r) - 1).
template <bool kNearZero, class D, class V = hn::Vec<D>>
HWY_INLINE V ExpTail(D d, V r) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    if constexpr (kNearZero) {
      V q = hn::MulAdd(Const(d, 0.00019884006178472191), r, Const(d, 0.0013942546211183071));
      q = hn::MulAdd(q, r, Const(d, 0.008333336561918259));
      q = hn::MulAdd(q, r, Const(d, 0.041666336357593536));
      q = hn::MulAdd(q, r, Const(d, 0.1666666716337204));
      return hn::MulAdd(q, r, Const(d, 0.5));
    } else {
      V q = hn::MulAdd(Const(d, 0.0013843340566381812), r, Const(d, 0.00837000273168087));
      q = hn::MulAdd(q, r, Const(d, 0.04166809469461441));
      q = hn::MulAdd(q, r, Const(d, 0.16666509211063385));
      return hn::MulAdd(q, r, Const(d, 0.4999999403953552));
    }
  } else {
    V q = hn::MulAdd(Const(d, 0x1.1f82b1e1c7167p-29), r, Const(d, 0x1.af670c86b4a57p-26));
    q = hn::MulAdd(q, r, Const(d, 0x1.27e4dc14bd4cbp-22));
    q = hn::MulAdd(q, r, Const(d, 0x1.71ddf3e2f64f7p-19));
    q = hn::MulAdd(q, r, Const(d, 0x1.a01a01a0f7c69p-16));
    q = hn::MulAdd(q, r, Const(d, 0x1.a01a01b182973p-13));
    q = hn::MulAdd(q, r, Const(d, 0x1.6c16c16c189afp-10));
    q = hn::MulAdd(q, r, Const(d, 0x1.111111110f30bp-7));
    q = hn::MulAdd(q, r, Const(d, 0x1.555555555554cp-5));
    q = hn::MulAdd(q, r, Const(d, 0x1.555555555555ap-3));
    return hn::MulAdd(q, r, Const(d, 0.5));
  }
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V ExpOfRemainder(D d, V r) {
  const V one = Const(d, 1);
  return hn::MulAdd(hn::MulAdd(ExpTail<false>(d, r), r, one), r, one);
}

// v * 2^n, n integral, results down to the subnormal ones.
#if HWY_TARGET == HWY_AVX3
HWY_INLINE hn::Vec512<float> Scale(hn::ScalableTag<float>, hn::Vec512<float> v, hn::Vec512<float> n) {
  return hn::Vec512<float>{_mm512_scalef_ps(v.raw, n.raw)};
}
HWY_INLINE hn::Vec512<double> Scale(hn::ScalableTag<double>, hn::Vec512<double> v, hn::Vec512<double> n) {
  return hn::Vec512<double>{_mm512_scalef_pd(v.raw, n.raw)};
}
#else
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Scale(D d, V v, V n) {
  // Two factors, because 2^n itself may be out of range.
  const V rounder = hn::Set(d, kRounder<hn::TFromD<D>>);
  const V half = hn::Sub(hn::MulAdd(n, Const(d, 0.5), rounder), rounder);
  return hn::Mul(hn::Mul(v, Pow2(d, half)), Pow2(d, hn::Sub(n, half)));
}
#endif

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Exp(D d, V x) {
  constexpr bool kFloat = sizeof(hn::TFromD<D>) == 4;
#if HWY_TARGET != HWY_AVX3
  // Where all lanes are in the range of normal numbers, nearly always, one factor does.
  if (HWY_LIKELY(hn::AllTrue(d, hn::Le(hn::Abs(x), Const(d, kFloat ? 87.0 : 708.0))))) {
    const auto [n, r] = SplitExp(d, x);
    return hn::Mul(ExpOfRemainder(d, r), Pow2(d, n));
  }
#endif
  // Behind the limits the result is 0 or inf.
  const auto [n, r] = SplitExp(d, kFloat ? Limit(d, x, -104.5, 89) : Limit(d, x, -746, 710));
  return Scale(d, ExpOfRemainder(d, r), n);
}

// exp(x) - 1 for x in about [-40, overflow].
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Expm1InRange(D d, V x) {
  const auto [n, r] = SplitExp(d, x);
  const V p = hn::MulAdd(hn::Mul(r, r), ExpTail<true>(d, r), r);
  // 2^n p + (2^n - 1), halved so that 2^n does not overflow before the result does.
  const V half_scale = Pow2(d, hn::Sub(n, Const(d, 1)));
  const V half = hn::MulAdd(half_scale, p, hn::Sub(half_scale, Const(d, 0.5)));
  return hn::Add(half, half);
}

// y, but x itself where f(x) = x in the precision of T; that keeps -0 and subnormal numbers.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V KeepTiny(D d, V x, V y) {
  return hn::IfThenElse(hn::Lt(hn::Abs(x), Const(d, sizeof(hn::TFromD<D>) == 4 ? 0x1p-25 : 0x1p-54)), x, y);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Expm1(D d, V x) {
  constexpr bool kFloat = sizeof(hn::TFromD<D>) == 4;
  const V y = Expm1InRange(d, kFloat ? Limit(d, x, -18, 89) : Limit(d, x, -40, 710));
  return KeepTiny(d, x, y);
}

#else  // no fused multiply-add

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Exp(D d, V x) {
  return map_lanes(
      d, [](auto v) { return std::exp(v); }, x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Expm1(D d, V x) {
  return map_lanes(
      d, [](auto v) { return std::expm1(v); }, x);
}

#endif  // HWY_NATIVE_FMA

}  // namespace math
}  // namespace HWY_NAMESPACE
}  // namespace gradus::kernels
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
