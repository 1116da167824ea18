// In f32 both loops rest on one pair of numbers of a = |x|: e = exp(-a^2 / 2), which is the density but for a
// factor, and the tail Phi(-a) = e R(a), where R = P / Q approximates Phi(-a) exp(a^2 / 2) for 0 <= a <= 13
// with a relative error of 5e-9 (5e-8 with coefficients in f32). All of them are positive, so nothing
// cancels; numerator and denominator are short chains that run side by side. (Fitted by least squares with
// Lawson's weights, J. C. Mason, D. C. Handscomb, "Chebyshev Polynomials" (2003), section 6.2.) The tail is
// within 7 units in the last place. Beyond 13 results come near the subnormal numbers: there, and in f64, the
// formulas of math_erf-inl.h run.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/kernels/gelu.cc"
#include "gradus/ops/kernels/gelu.h"

#include "gradus/ops/kernels/activation-inl.h"
#include "gradus/ops/kernels/elementwise-inl.h"
#include "gradus/ops/kernels/math_erf-inl.h"

GRADUS_SIMD_BEGIN

template <class V>
struct Parts {
  V e, ratio;
};

#if HWY_NATIVE_FMA
// math::Horner() from a first value that is no constant.
template <class D, class V, class... C>
HWY_INLINE V horner(D d, V t, V p, C... rest) {
  ((p = hn::MulAdd(p, t, math::Const(d, rest))), ...);
  return p;
}

template <class D, class V>
HWY_INLINE Parts<V> parts_of(D d, V a) {
  const hn::RebindToUnsigned<D> du;
  const V half = hn::Mul(a, math::Const(d, -0.5)), rounder = hn::Set(d, math::kRounder<float>);
  const V shifted = hn::MulAdd(hn::Mul(half, a), math::Const(d, 1.4426950408889634), rounder);
  const V n = hn::Sub(shifted, rounder);
  // n times the first part of log(2), 355 / 512, is exact: so a^2 is rounded only after the difference.
  constexpr double kLog2 = 0.6931471805599453, kHigh = 0.693359375;
  const V r =
      hn::NegMulAdd(n, math::Const(d, kLog2 - kHigh), hn::MulSub(half, a, hn::Mul(n, math::Const(d, kHigh))));
  // exp(r) within 1.1e-7 of it, by pairs.
  const V one = math::Const(d, 1), square = hn::Mul(r, r);
  const V upper = hn::MulAdd(r, math::Const(d, 0.0083125), math::Const(d, 0.04189033));
  const V lower = hn::MulAdd(r, math::Const(d, 0.16667115), math::Const(d, 0.4999923));
  const V power = hn::MulAdd(hn::MulAdd(upper, square, lower), square, hn::Add(r, one));
  // Times 2^n, which is in the low bits of `shifted`.
  const V e = hn::BitCast(d, hn::Add(hn::BitCast(du, power), hn::ShiftLeft<23>(hn::BitCast(du, shifted))));
  const V p = math::Horner(d, a, 0.3989482820034027, 3.976027488708496, 18.05638313293457, 43.444671630859375,
                           49.93917465209961);
  // The first coefficient of Q is 1, which saves a product.
  const V q = horner(d, a, hn::Add(a, math::Const(d, 9.96718692779541)), 46.243690490722656,
                     119.08541870117188, 166.58078002929688, 99.87834930419922);
  return {e, hn::Div(p, q)};
}
#endif

// fast(a, e, ratio) of |x|, and where that does not hold slow(cdf, pdf). A value does not depend on its
// neighbours: within the limit it is always that of `fast`.
template <class D, class V, class Fast, class Slow>
HWY_INLINE V by_size(D d, V x, [[maybe_unused]] Fast fast, Slow slow) {
#if HWY_NATIVE_FMA
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    const V a = hn::Abs(x);
    const auto near = hn::Le(a, math::Const(d, 13));  // false for NaN
    const auto [e, ratio] = parts_of(d, a);
    const V y = fast(a, e, ratio);
    if (HWY_LIKELY(hn::AllTrue(d, near))) return y;
    const auto n = math::NormalOf(d, x);
    return hn::IfThenElse(near, y, slow(n.cdf, n.pdf));
  }
#endif
  const auto n = math::NormalOf(d, x);
  return slow(n.cdf, n.pdf);
}

template <class D, class V>
HWY_INLINE V gelu(D d, V x) {
  return by_size(
      d, x,
      // max(x, 0) - |x| Phi(-|x|); the maximum of -0 is -0.
      [&](V a, V e, V ratio)
          HWY_ATTR { return hn::NegMulAdd(a, hn::Mul(e, ratio), hn::Max(hn::Zero(d), x)); },
      [&](V cdf, V) HWY_ATTR { return hn::Mul(x, cdf); });
}

struct GeluBackward {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V g, V x, const void*) const {
    const V slope = by_size(
        d, x,
        [&](V a, V e, V ratio) HWY_ATTR {
          constexpr double kDensityAtZero = 0.3989422804014327;                             // 1 / sqrt(2 pi)
          const V w = hn::Mul(e, hn::NegMulAdd(a, math::Const(d, kDensityAtZero), ratio));  // that of -|x|
          return hn::IfNegativeThenElse(x, w, hn::Sub(math::Const(d, 1), w));
        },
        [&](V cdf, V pdf) HWY_ATTR { return hn::Add(cdf, hn::Mul(x, pdf)); });
    return math::ZMul(d, g, slope);
  }
};

GRADUS_SIMD_END

GRADUS_UNARY(kGelu, kFloating, gelu(d, x))
GRADUS_ELEMENTWISE(kGeluBackward, GeluBackward, kFloating, 2)

#if HWY_ONCE

namespace gradus::kernels {

const ElementwiseLoops& gelu_loops() { return kGelu; }
const ElementwiseLoops& gelu_backward_loops() { return kGeluBackward; }

}  // namespace gradus::kernels

#endif  // HWY_ONCE
