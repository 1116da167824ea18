// tanh and sigmoid. Included by math-inl.h.
//   sigmoid: e = exp(-|x|) gives 1 / (1 + e) for x >= 0 and e / (1 + e) for x < 0, without overflow or
//   cancellation tanh: expm1(2|x|) / (expm1(2|x|) + 2); f32 on AVX-512: a polynomial for each of 26
//   intervals, without division

#include <cmath>

#include "gradus/ops/kernels/math_exp-inl.h"
#include "gradus/ops/kernels/math_tables.h"

#if defined(GRADUS_OPS_KERNELS_MATH_TANH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADUS_OPS_KERNELS_MATH_TANH_INL_H_
#undef GRADUS_OPS_KERNELS_MATH_TANH_INL_H_
#else
#define GRADUS_OPS_KERNELS_MATH_TANH_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus::kernels {
namespace HWY_NAMESPACE {
namespace math {

#if HWY_NATIVE_FMA

#if HWY_TARGET == HWY_AVX3

// 1 / v for normal v with a normal result, within 1 unit in the last place. Faster than a division.
HWY_INLINE hn::Vec512<float> Reciprocal(hn::ScalableTag<float> d, hn::Vec512<float> v) {
  const hn::Vec512<float> y{_mm512_rcp14_ps(v.raw)};
  return hn::MulAdd(hn::NegMulAdd(v, y, hn::Set(d, 1.0f)), y, y);
}

HWY_INLINE hn::Vec512<float> Look32(const float* table, __m512i index) {
  return hn::Vec512<float>{_mm512_permutex2var_ps(_mm512_load_ps(table), index, _mm512_load_ps(table + 16))};
}

HWY_INLINE hn::Vec512<float> Tanh(hn::ScalableTag<float> d, hn::Vec512<float> x) {
  const auto v = hn::Min(hn::Set(d, 9.1f), hn::Abs(x));  // tanh rounds to 1 from 9.02 on; a NaN stays
  // The exponent and two bits of the mantissa choose the interval. All below 0.125 is one.
  const __m512i index = _mm512_srli_epi32(_mm512_castps_si512(hn::Max(v, hn::Set(d, 0.109375f)).raw), 21);
  const auto z = hn::Sub(v, Look32(kTanhCenter, index));
  auto p = Look32(kTanhC5, index);
  p = hn::MulAdd(p, z, Look32(kTanhC4, index));
  p = hn::MulAdd(p, z, Look32(kTanhC3, index));
  p = hn::MulAdd(p, z, Look32(kTanhC2, index));
  p = hn::MulAdd(p, z, Look32(kTanhC1, index));
  p = hn::MulAdd(p, z, Look32(kTanhC0, index));
  return hn::CopySign(p, x);
}

#else

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Reciprocal(D d, V v) {
  return hn::Div(Const(d, 1), v);
}

#endif

HWY_INLINE hn::Vec<hn::ScalableTag<double>> Reciprocal(hn::ScalableTag<double> d,
                                                       hn::Vec<hn::ScalableTag<double>> v) {
  return hn::Div(Const(d, 1), v);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Tanh(D d, V x) {
  constexpr bool kFloat = sizeof(hn::TFromD<D>) == 4;
  // Behind the limit tanh rounds to 1.
  const V twice = Limit(d, hn::Add(hn::Abs(x), hn::Abs(x)), 0, kFloat ? 20 : 40);
  const V e = Expm1InRange(d, twice);
  return KeepTiny(d, x, hn::CopySign(hn::Div(e, hn::Add(e, Const(d, 2))), x));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sigmoid(D d, V x) {
  const V e = Exp(d, hn::Neg(hn::Abs(x)));
  const V y = Reciprocal(d, hn::Add(e, Const(d, 1)));
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Mul(e, y), y);
}

#else  // no fused multiply-add

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Tanh(D d, V x) {
  return map_lanes(
      d, [](auto v) { return std::tanh(v); }, x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sigmoid(D d, V x) {
  return map_lanes(
      d,
      [](auto v) {
        const auto e = std::exp(-std::abs(v));
        return v < 0 ? e / (1 + e) : 1 / (1 + e);
      },
      x);
}

#endif  // HWY_NATIVE_FMA

}  // namespace math
}  // namespace HWY_NAMESPACE
}  // namespace gradus::kernels
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
