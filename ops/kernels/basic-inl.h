// Arithmetic that Highway lacks for some element types, under one name for all of them, so that a formula
// need not ask for its dtype: Const, Mul, Max, Min, IsNaN. No ordinary include guard; see simd-inl.h.

#include <algorithm>

#include "gradus/ops/kernels/simd-inl.h"

#if defined(GRADUS_OPS_KERNELS_BASIC_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADUS_OPS_KERNELS_BASIC_INL_H_
#undef GRADUS_OPS_KERNELS_BASIC_INL_H_
#else
#define GRADUS_OPS_KERNELS_BASIC_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus::kernels {
namespace HWY_NAMESPACE {
namespace math {

template <class D>
HWY_INLINE hn::Vec<D> Const(D d, double value) {
  return hn::Set(d, static_cast<hn::TFromD<D>>(value));
}

// Integers wrap around.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Mul(D d, V a, V b) {
  using T = hn::TFromD<D>;
  if constexpr (hwy::IsFloat<T>() || sizeof(T) == 4) {
    return hn::Mul(a, b);
  } else {
    return map_lanes(
        d,
        [](T x, T y) HWY_ATTR {
          return static_cast<T>(static_cast<std::uint64_t>(x) * static_cast<std::uint64_t>(y));
        },
        a, b);
  }
}

// All false for integers. Not hn::Ne(x, x): that comparison is an ordered one in Highway 1.0 on x86, false
// for NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE hn::Mask<D> IsNaN(D d, V x) {
  if constexpr (hwy::IsFloat<hn::TFromD<D>>())
    return hn::IsNaN(x);
  else
    return hn::Ne(hn::Zero(d), hn::Zero(d));
}

// True beside a NaN, as C++ has it; see IsNaN about hn::Ne.
template <class D, class V = hn::Vec<D>>
HWY_INLINE hn::Mask<D> Ne([[maybe_unused]] D d, V a, V b) {
  return hn::Not(hn::Eq(a, b));
}

// A NaN operand wins, as in PyTorch; hn::Max leaves open which operand comes out then.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Max([[maybe_unused]] D d, V a, V b) {
  if constexpr (hwy::IsFloat<hn::TFromD<D>>()) {
    return hn::IfThenElse(hn::Or(hn::Gt(a, b), hn::IsNaN(a)), a, b);
  } else {
    return hn::Max(a, b);
  }
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Min([[maybe_unused]] D d, V a, V b) {
  if constexpr (hwy::IsFloat<hn::TFromD<D>>()) {
    return hn::IfThenElse(hn::Or(hn::Lt(a, b), hn::IsNaN(a)), a, b);
  } else {
    return hn::Min(a, b);
  }
}

}  // namespace math
}  // namespace HWY_NAMESPACE
}  // namespace gradus::kernels
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
