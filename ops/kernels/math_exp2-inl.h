// exp2, log2 and log10 from the parts of exp and log: 2^x = 2^n exp((x - n) log(2)), log2(x) = k + log(1 + f)
// / log(2). Whole powers of two come out exactly. Included by the ops that need them.

#include <cmath>
#include <cstdint>
#include <limits>

#include "gradus/ops/kernels/math_exp-inl.h"
#include "gradus/ops/kernels/math_log-inl.h"

#if defined(GRADUS_OPS_KERNELS_MATH_EXP2_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADUS_OPS_KERNELS_MATH_EXP2_INL_H_
#undef GRADUS_OPS_KERNELS_MATH_EXP2_INL_H_
#else
#define GRADUS_OPS_KERNELS_MATH_EXP2_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus::kernels {
namespace HWY_NAMESPACE {
namespace math {

#if HWY_NATIVE_FMA

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Exp2(D d, V x) {
  // Behind the limits the result is 0 or inf.
  const V limited = sizeof(hn::TFromD<D>) == 4 ? Limit(d, x, -151, 129) : Limit(d, x, -1076, 1025);
  const V rounder = hn::Set(d, kRounder<hn::TFromD<D>>);
  const V n = hn::Sub(hn::Add(limited, rounder), rounder);
  const V r = hn::Mul(hn::Sub(limited, n), Const(d, 0x1.62e42fefa39efp-1));
  return Scale(d, ExpOfRemainder(d, r), n);
}

// x = 2^k (1 + f) for every positive x, subnormal ones too: k in `k`, f in `m`.
template <class D, class V = hn::Vec<D>>
HWY_INLINE LogParts<D> SplitAnyLog(D d, V x) {
  using T = hn::TFromD<D>;
  constexpr int kBits = kMantissaBits<T>;
  const auto subnormal = hn::Lt(x, hn::Set(d, std::numeric_limits<T>::min()));
  const V normal = hn::IfThenElse(subnormal, hn::Mul(x, hn::Set(d, T(std::uint64_t{1} << (kBits + 2)))), x);
  const auto [k, m] = SplitLog(d, normal);
  return {hn::Sub(k, hn::IfThenElseZero(subnormal, Const(d, kBits + 2))), hn::Sub(m, Const(d, 1))};
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log2(D d, V x) {
  const auto [k, f] = SplitAnyLog(d, x);
  // A power of two has f = 0 and gives k exactly.
  return LogSpecial(d, x, hn::MulAdd(LogOfParts(d, hn::Zero(d), f), Const(d, 0x1.71547652b82fep0), k));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log10(D d, V x) {
  constexpr bool kFloat = sizeof(hn::TFromD<D>) == 4;
  const auto [k, f] = SplitAnyLog(d, x);
  const V y = LogOfParts(d, hn::Zero(d), f);
  // Both constants in two parts, log10(2) and log10(e).
  V r = hn::Mul(k, Const(d, kFloat ? -0x1.ec10c0219dc1ep-27 : -0x1.9dc1da994fd21p-59));
  r = hn::MulAdd(y, Const(d, kFloat ? -0x1.5b235e39ab2a9p-27 : 0x1.95355baaafad3p-57), r);
  r = hn::MulAdd(y, Const(d, kFloat ? 0x1.bcb7b2p-2 : 0x1.bcb7b1526e50ep-2), r);
  return LogSpecial(d, x, hn::MulAdd(k, Const(d, kFloat ? 0x1.344136p-2 : 0x1.34413509f79ffp-2), r));
}

#else  // no fused multiply-add

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Exp2(D d, V x) {
  return map_lanes(
      d, [](auto v) { return std::exp2(v); }, x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log2(D d, V x) {
  return map_lanes(
      d, [](auto v) { return std::log2(v); }, x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log10(D d, V x) {
  return map_lanes(
      d, [](auto v) { return std::log10(v); }, x);
}

#endif  // HWY_NATIVE_FMA

}  // namespace math
}  // namespace HWY_NAMESPACE
}  // namespace gradus::kernels
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
