// fmod, exact as the C library's: one division and one fused multiply-add where the quotient is small enough,
// else the C library lane by lane. Included by the ops that need it.

#include <cmath>
#include <limits>

#include "gradus/ops/kernels/basic-inl.h"

#if defined(GRADUS_OPS_KERNELS_MATH_MOD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADUS_OPS_KERNELS_MATH_MOD_INL_H_
#undef GRADUS_OPS_KERNELS_MATH_MOD_INL_H_
#else
#define GRADUS_OPS_KERNELS_MATH_MOD_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus::kernels {
namespace HWY_NAMESPACE {
namespace math {

#if HWY_NATIVE_FMA

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Fmod(D d, V a, V b) {
  using T = hn::TFromD<D>;
  const V x = hn::Abs(a), y = hn::Abs(b);
  const V quotient = hn::Trunc(hn::Div(x, y));
  // The rounded quotient may be one too large, never too small; both rests are exact.
  V rest = hn::NegMulAdd(quotient, y, x);
  rest = hn::IfThenElse(hn::Lt(rest, hn::Zero(d)), hn::Add(rest, y), rest);
  rest = hn::CopySign(rest, a);
  // Larger quotients are no exact numbers; NaN goes this way too.
  const auto fits = hn::And(hn::Lt(quotient, Const(d, sizeof(T) == 4 ? 0x1p22 : 0x1p51)),
                            hn::Lt(y, hn::Set(d, std::numeric_limits<T>::infinity())));
  if (HWY_LIKELY(hn::AllTrue(d, fits))) return rest;
  return hn::IfThenElse(fits, rest,
                        map_lanes(
                            d, [](auto u, auto v) { return std::fmod(u, v); }, a, b));
}

#else  // no fused multiply-add

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Fmod(D d, V x, V y) {
  return map_lanes(
      d, [](auto a, auto b) { return std::fmod(a, b); }, x, y);
}

#endif  // HWY_NATIVE_FMA

}  // namespace math
}  // namespace HWY_NAMESPACE
}  // namespace gradus::kernels
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
