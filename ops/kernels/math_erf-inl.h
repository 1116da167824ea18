// erf, erfc and the normal distribution. Included by the files that need it, behind elementwise-inl.h.
//   erf, |x| < 1: x + x P(x^2) with P near 2 / sqrt(pi) - 1; beyond it 1 - erfc.
//   erfc, -0.5 < x < 0.9: 1/2 - ((x - 1/2) + x P(x^2)); beyond it exp(-a^2) Erfcx(a) with a = |x|, where the
//   exponent takes the rounding error of a^2 back; 2 minus it for x < 0.
//   Erfcx(a) = exp(a^2) erfc(a) = Q(t) / (a + K) with t = (a - K) / (a + K), which maps the half-line to [-1,
//   1). M. Shepherd, J. Laframboise, "Chebyshev approximation of (1 + 2x) exp(x^2) erfc x in 0 <= x < inf",
//   Math. Comp. 36 (1981), with the slowly varying factor a + K in place of 1 + 2x.
// The polynomials interpolate at Chebyshev nodes. Errors in units in the last place, f32 and f64: erf 1.1
// and 1.1, erfc 4.2 and 4.5 (just below 1/8, the relative error is that of 2.6 in mid-range), the
// distribution function 3.9 and 4.3 for |x| < 5.

#include <cmath>

#include "gradus/ops/kernels/math_exp-inl.h"
#include "gradus/ops/kernels/math_tanh-inl.h"

#if defined(GRADUS_OPS_KERNELS_MATH_ERF_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADUS_OPS_KERNELS_MATH_ERF_INL_H_
#undef GRADUS_OPS_KERNELS_MATH_ERF_INL_H_
#else
#define GRADUS_OPS_KERNELS_MATH_ERF_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus::kernels {
namespace HWY_NAMESPACE {
namespace math {

template <class D, class V = hn::Vec<D>>
struct Normal {
  V cdf, pdf;
};

#if HWY_NATIVE_FMA

// c0 t^n + c1 t^(n-1) + .. + cn
template <class D, class V = hn::Vec<D>, class... C>
HWY_INLINE V Horner(D d, V t, double c0, C... rest) {
  V p = Const(d, c0);
  ((p = hn::MulAdd(p, t, Const(d, rest))), ...);
  return p;
}

// exp(a^2) erfc(a) for 0 <= a <= 28 (f32: 10.1); behind that its exp(-a^2) has rounded to 0.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Erfcx(D d, V a) {
  constexpr bool kFloat = sizeof(hn::TFromD<D>) == 4;
  const V k = Const(d, kFloat ? 1.5 : 2);
  const V r = Reciprocal(d, hn::Add(a, k));
  const V t = hn::Mul(hn::Sub(a, k), r);
  if constexpr (kFloat) {
    return hn::Mul(r, Horner(d, t, -6.73929641170403e-05, -0.00022369767171232684, -7.907178590652278e-05,
                             0.0008594085895184301, 0.001780606261063407, -0.0008031901458541046,
                             -0.009462621541351624, -0.008120626634847144, 0.04776847095394965,
                             0.0756218350503783, -0.5078500135484291, 0.9647562493043578));
  } else {
    return hn::Mul(
        r,
        Horner(d, t, -0x1.9555c38d9b244p-28, -0x1.0120900a94598p-26, 0x1.9e2ac4cf6e6c0p-26,
               0x1.e163f85faab45p-24, 0x1.8d32e588ea41dp-25, -0x1.579ce5c0fda85p-22, -0x1.4bd68f78a7f8ap-21,
               -0x1.61feddfa487cep-28, 0x1.10bcfc8a40cf7p-19, 0x1.e9c6a7d63a0cep-19, -0x1.31c40128967cbp-20,
               -0x1.0e80d87a45848p-16, -0x1.6bee6a0205b6ep-16, 0x1.1e77957df4d5fp-15, 0x1.2ef9a8b19717cp-13,
               0x1.2053dae951afep-15, -0x1.5ba433e1059aap-11, -0x1.b6fbf93be98e4p-11, 0x1.9517bb595dab0p-9,
               0x1.a89eaff7ba34fp-8, -0x1.606e41550a336p-6, -0x1.2a88e6107cbd1p-5, 0x1.1e2deea6b10ecp-2,
               -0x1.5fd386754effap-1, 0x1.058671b52c776p+0));
  }
}

// exp(-s x^2) for s = 1 or 1/2: the rounding error of x^2 would be as large as x^2 units in the last place of
// the result.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ExpOfSquare(D d, V x, double s) {
  const V high = hn::Mul(x, x);
  const V low = hn::MulSub(x, x, high);
  const V e = Exp(d, hn::Mul(high, Const(d, -s)));
  return hn::NegMulAdd(e, hn::Mul(low, Const(d, s)), e);
}

// erf(x) / x - 1 for |x| <= 1.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ErfNearZero(D d, V x) {
  const V u = hn::Mul(x, x);
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return Horner(d, u, 7.875875062685488e-05, -0.000801686428716587, 0.005189087423433974,
                  -0.026854212010626412, 0.11283594715160218, -0.37612626666720334, 0.12837916584835093);
  } else {
    return Horner(d, u, 0x1.05ffd737fb32ep-34, -0x1.389d4f2641625p-30, 0x1.f7b4bf3b13964p-27,
                  -0x1.5f1ecb6f0764cp-23, 0x1.b9df224ca4b97p-20, -0x1.f4d1e3183f7aep-17,
                  0x1.f9a321d5b8e1ep-14, -0x1.c02db3dac435fp-11, 0x1.565bcd0dbaa38p-8, -0x1.b82ce31284e00p-6,
                  0x1.ce2f21a042b30p-4, -0x1.812746b0379e6p-2, 0x1.06eba8214db69p-3);
  }
}

// erfc(a) for a >= 0.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ErfcTail(D d, V a) {
  a = Limit(d, a, 0, sizeof(hn::TFromD<D>) == 4 ? 10.5 : 28);
  return hn::Mul(ExpOfSquare(d, a, 1), Erfcx(d, a));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Erf(D d, V x) {
  const V a = hn::Abs(x);
  const auto small = hn::Lt(a, Const(d, 1));
  const V v = hn::IfThenElseZero(small, x);
  const V near = hn::MulAdd(v, ErfNearZero(d, v), v);
  if (hn::AllTrue(d, small)) return near;
  return hn::IfThenElse(small, near, hn::CopySign(hn::Sub(Const(d, 1), ErfcTail(d, a)), x));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Erfc(D d, V x) {
  const V a = hn::Abs(x);
  const V tail = ErfcTail(d, a);
  const V far = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Sub(Const(d, 2), tail), tail);
  // 1 - erf(x) from 1/2 on, which keeps the digits while the result falls below 1/2.
  const auto small = hn::And(hn::Lt(a, Const(d, 0.9)), hn::Gt(x, Const(d, -0.5)));
  const V v = hn::IfThenElseZero(small, x), half = Const(d, 0.5);
  const V near = hn::Sub(half, hn::MulAdd(v, ErfNearZero(d, v), hn::Sub(v, half)));
  return hn::IfThenElse(small, near, far);
}

// The distribution function and the density of the standard normal distribution.
template <class D, class V = hn::Vec<D>>
HWY_INLINE Normal<D> NormalOf(D d, V x) {
  constexpr bool kFloat = sizeof(hn::TFromD<D>) == 4;
  const V a = Limit(d, hn::Abs(x), 0, kFloat ? 14.5 : 39);  // behind it both round to 0 or 1
  const V e = ExpOfSquare(d, a, 0.5);
  const V half = hn::Mul(e, Const(d, 0.5));
  const V tail = hn::Mul(half, Erfcx(d, hn::Mul(a, Const(d, 0x1.6a09e667f3bcdp-1))));
  return {hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(Const(d, 1), tail)),
          hn::Mul(e, Const(d, 0x1.9884533d43651p-2))};
}

#else  // no fused multiply-add

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Erf(D d, V x) {
  return map_lanes(
      d, [](auto v) { return std::erf(v); }, x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Erfc(D d, V x) {
  return map_lanes(
      d, [](auto v) { return std::erfc(v); }, x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE Normal<D> NormalOf(D d, V x) {
  // In a wider type, for the square's rounding error would show.
  return {
      map_lanes(
          d, [](auto v) { return std::erfc(-0.70710678118654752440L * static_cast<long double>(v)) / 2; }, x),
      map_lanes(
          d,
          [](auto v) {
            const long double w = v;
            return 0.39894228040143267794L * std::exp(-w * w / 2);
          },
          x)};
}

#endif  // HWY_NATIVE_FMA

}  // namespace math
}  // namespace HWY_NAMESPACE
}  // namespace gradus::kernels
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
