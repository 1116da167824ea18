// log and log1p. x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)); log(x) = k log(2) + log(1 + f).
//   f32: log(1 + f) = f - f^2 / 2 + f^3 P(f); on AVX-512 log by a table of 16 factors that bring the mantissa
//   close to 1 f64: log(1 + f) = f - (f^2 / 2 - s (f^2 / 2 + R(s^2))) with s = f / (2 + f), the form of
//   fdlibm's e_log.c
// Included by math-inl.h.

#include <cmath>
#include <limits>

#include "gradus/ops/kernels/math_exp-inl.h"
#include "gradus/ops/kernels/math_tables.h"

#if defined(GRADUS_OPS_KERNELS_MATH_LOG_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADUS_OPS_KERNELS_MATH_LOG_INL_H_
#undef GRADUS_OPS_KERNELS_MATH_LOG_INL_H_
#else
#define GRADUS_OPS_KERNELS_MATH_LOG_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus::kernels {
namespace HWY_NAMESPACE {
namespace math {

#if HWY_NATIVE_FMA

template <class D, class V = hn::Vec<D>>
struct LogParts {
  V k, m;  // x = 2^k m, m in [sqrt(1/2), sqrt(2))
};

// For positive normal x.
template <class D, class V = hn::Vec<D>>
HWY_INLINE LogParts<D> SplitLog(D d, V x) {
  using T = hn::TFromD<D>;
  constexpr int kBits = kMantissaBits<T>;
  const hn::RebindToUnsigned<D> du;
  using U = hn::TFromD<decltype(du)>;
  const auto one = hn::BitCast(du, hn::Set(d, T{1}));
  const auto root = hn::BitCast(du, hn::Set(d, T(0x1.6a09e667f3bcdp-1)));
  const auto bits = hn::Add(hn::BitCast(du, x), hn::Sub(one, root));
  const auto biased = hn::ShiftRight<kBits>(bits);
  const V m = hn::BitCast(d, hn::Add(hn::And(bits, hn::Set(du, (U{1} << kBits) - 1)), root));
  // To floating point: the integer in the low bits of 2^kBits.
  const V power = hn::BitCast(d, hn::Or(biased, hn::BitCast(du, hn::Set(d, T(U{1} << kBits)))));
  return {hn::Sub(power, hn::Set(d, T(U{1} << kBits) + T(sizeof(T) == 4 ? 127 : 1023))), m};
}

// k log(2) + log(1 + f)
template <class D, class V = hn::Vec<D>>
HWY_INLINE V LogOfParts(D d, V k, V f) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    V p = hn::MulAdd(Const(d, -0.07634511590003967), f, Const(d, 0.12765493988990784));
    p = hn::MulAdd(p, f, Const(d, -0.13161985576152802));
    p = hn::MulAdd(p, f, Const(d, 0.1420135796070099));
    p = hn::MulAdd(p, f, Const(d, -0.1662314534187317));
    p = hn::MulAdd(p, f, Const(d, 0.20001237094402313));
    p = hn::MulAdd(p, f, Const(d, -0.2500082552433014));
    p = hn::MulAdd(p, f, Const(d, 0.3333333134651184));
    const V f2 = hn::Mul(f, f);
    V y = hn::MulAdd(hn::Mul(f2, f), p, hn::Mul(k, Const(d, -2.12194440e-4)));
    y = hn::NegMulAdd(f2, Const(d, 0.5), y);
    return hn::MulAdd(k, Const(d, 0.693359375), hn::Add(f, y));
  } else {
    const V s = hn::Div(f, hn::Add(f, Const(d, 2)));
    const V z = hn::Mul(s, s);
    V r = hn::MulAdd(Const(d, 0x1.2f15bc6e86219p-3), z, Const(d, 0x1.39a02ed7740c7p-3));
    r = hn::MulAdd(r, z, Const(d, 0x1.74664d76e23a7p-3));
    r = hn::MulAdd(r, z, Const(d, 0x1.c71c51c66c613p-3));
    r = hn::MulAdd(r, z, Const(d, 0x1.249249423e531p-2));
    r = hn::MulAdd(r, z, Const(d, 0x1.999999997f8a7p-2));
    r = hn::MulAdd(r, z, Const(d, 0x1.5555555555593p-1));
    const V half = hn::Mul(hn::Mul(f, f), Const(d, 0.5));
    const V small = hn::MulAdd(s, hn::MulAdd(r, z, half), hn::Mul(k, Const(d, 0x1.a39ef35793c76p-33)));
    return hn::MulAdd(k, Const(d, 0x1.62e42feep-1), hn::Sub(f, hn::Sub(half, small)));
  }
}

// What log(x) is where x is not a positive finite number: -inf for 0, NaN below, inf and NaN as they are.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V LogSpecial(D d, V x, V y) {
  using T = hn::TFromD<D>;
  const V inf = hn::Set(d, std::numeric_limits<T>::infinity());
  y = hn::IfThenElse(hn::Lt(x, inf), y, x);  // inf and NaN
  y = hn::IfThenElse(
      hn::Gt(x, hn::Zero(d)), y,
      hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Neg(inf), hn::Set(d, std::numeric_limits<T>::quiet_NaN())));
  return y;
}

#if HWY_TARGET == HWY_AVX3

HWY_INLINE hn::Vec512<float> Log(hn::ScalableTag<float> d, hn::Vec512<float> x) {
  // m in [0.75, 1.5) and the exponent that goes with [1, 2): kLogOffset makes up for it. Subnormals need no
  // care.
  const __m512 m = _mm512_getmant_ps(x.raw, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_zero);
  const hn::Vec512<float> k{_mm512_getexp_ps(x.raw)};
  const __m512i index = _mm512_srli_epi32(_mm512_castps_si512(m), 19);  // four bits are looked at
  const hn::Vec512<float> factor{_mm512_permutexvar_ps(index, _mm512_load_ps(kLogFactor))};
  const hn::Vec512<float> offset{_mm512_permutexvar_ps(index, _mm512_load_ps(kLogOffset))};
  const auto r = hn::MulSub(hn::Vec512<float>{m}, factor, hn::Set(d, 1.0f));
  auto q = hn::MulAdd(hn::Set(d, 0.1884603500366211f), r, hn::Set(d, -0.25006103515625f));
  q = hn::MulAdd(q, r, hn::Set(d, 0.3333445191383362f));
  q = hn::MulAdd(q, r, hn::Set(d, -0.5f));
  const auto high = hn::MulAdd(k, hn::Set(d, 0x1.62e430p-1f), offset);
  const auto y = hn::Add(high, hn::MulAdd(hn::Mul(r, r), q, r));
  // 0 -> -inf, +inf -> +inf, negative -> NaN, NaN -> NaN: one instruction with a table of answers by class.
  return hn::Vec512<float>{_mm512_fixupimm_ps(y.raw, x.raw, _mm512_set1_epi32(0x03538422), 0)};
}

#endif

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log(D d, V x) {
  using T = hn::TFromD<D>;
  constexpr int kBits = kMantissaBits<T>;
  const auto subnormal = hn::Lt(x, hn::Set(d, std::numeric_limits<T>::min()));
  const V normal = hn::IfThenElse(subnormal, hn::Mul(x, hn::Set(d, T(std::uint64_t{1} << (kBits + 2)))), x);
  const auto [k, m] = SplitLog(d, normal);
  const V exponent = hn::Sub(k, hn::IfThenElseZero(subnormal, Const(d, kBits + 2)));
  return LogSpecial(d, x, LogOfParts(d, exponent, hn::Sub(m, Const(d, 1))));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log1p(D d, V x) {
  const V one = Const(d, 1);
  const V u = hn::Add(x, one);
  // What 1 + x lost, exactly; of no matter for large x.
  const V lost = hn::IfThenElse(hn::Gt(x, one), hn::Sub(one, hn::Sub(u, x)), hn::Sub(x, hn::Sub(u, one)));
  const auto [k, m] = SplitLog(d, u);
  const V scale = Pow2(d, hn::Neg(hn::Min(k, Const(d, 100))));
  const V f = hn::MulAdd(lost, scale, hn::Sub(m, one));
  const V y = LogSpecial(d, u, LogOfParts(d, k, f));
  return hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, y);  // -0 for -0
}

#else  // no fused multiply-add

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log(D d, V x) {
  return map_lanes(
      d, [](auto v) { return std::log(v); }, x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log1p(D d, V x) {
  return map_lanes(
      d, [](auto v) { return std::log1p(v); }, x);
}

#endif  // HWY_NATIVE_FMA

}  // namespace math
}  // namespace HWY_NAMESPACE
}  // namespace gradus::kernels
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
