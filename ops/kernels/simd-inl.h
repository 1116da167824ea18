// Entry to Highway for a kernel file. The file defines HWY_TARGET_INCLUDE as its own path, includes this
// header (or one of the *-inl.h headers above it), writes its per-target code between GRADUS_SIMD_BEGIN and
// GRADUS_SIMD_END, and everything else inside `#if HWY_ONCE`. GRADUS_EXPORT (dispatch.h) makes a function of
// the per-target code callable as the version for this machine.
//
// No ordinary include guard: the per-target part is compiled once for each instruction set.

#include <cstddef>
#include <cstdint>
#include <cstring>

// clang-format off
#include "gradus/ops/kernels/targets.h"
#ifdef GRADUS_SIMD_PRECOMPILED
#include "gradus/ops/kernels/foreach_precompiled.h"
#else
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#endif
// clang-format on
#include "gradus/ops/kernels/dispatch.h"

#ifndef GRADUS_SIMD_BEGIN
#define GRADUS_SIMD_BEGIN     \
  HWY_BEFORE_NAMESPACE();     \
  namespace gradus::kernels { \
  namespace HWY_NAMESPACE {   \
  namespace {
#define GRADUS_SIMD_END \
  }                     \
  }                     \
  }                     \
  HWY_AFTER_NAMESPACE();
#endif

#if defined(GRADUS_OPS_KERNELS_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADUS_OPS_KERNELS_SIMD_INL_H_
#undef GRADUS_OPS_KERNELS_SIMD_INL_H_
#else
#define GRADUS_OPS_KERNELS_SIMD_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Loads the first n (< Lanes(d)) elements at p, the other lanes are zero; touches nothing behind them.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_first(D d, const T* p, std::size_t n) {
#if HWY_TARGET == HWY_AVX3
  return hn::MaskedLoad(hn::FirstN(d, n), d, p);
#else
  if constexpr (HWY_TARGET == HWY_AVX2 && sizeof(T) >= 4) {
    return hn::MaskedLoad(hn::FirstN(d, n), d, p);
  } else {
    HWY_ALIGN T tile[HWY_MAX_BYTES / sizeof(T)] = {};
    std::memcpy(tile, p, n * sizeof(T));
    return hn::Load(d, tile);
  }
#endif
}

// Stores the first n (< Lanes(d)) lanes to p and nothing behind them.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void store_first(hn::Vec<D> v, D d, T* p, std::size_t n) {
#if HWY_TARGET == HWY_AVX3
  hn::BlendedStore(v, hn::FirstN(d, n), d, p);
#else
  // Through memory: a masked store is slow on several AVX2 processors.
  HWY_ALIGN T tile[HWY_MAX_BYTES / sizeof(T)];
  hn::Store(v, d, tile);
  std::memcpy(p, tile, n * sizeof(T));
#endif
}

// Applies a scalar function to every lane: for what has no vector instruction (integer division, pow of
// integers). Compilers turn simple functions back into vector code.
template <class D, class F, class... V>
HWY_INLINE hn::Vec<D> map_lanes(D d, F f, V... v) {
  using T = hn::TFromD<D>;
  constexpr std::size_t kLanes = HWY_MAX_BYTES / sizeof(T);
  HWY_ALIGN T lanes[sizeof...(V)][kLanes];
  std::size_t k = 0;
  (hn::Store(v, d, lanes[k++]), ...);
  HWY_ALIGN T out[kLanes];
  for (std::size_t i = 0; i < hn::Lanes(d); ++i) {
    if constexpr (sizeof...(V) == 1)
      out[i] = static_cast<T>(f(lanes[0][i]));
    else if constexpr (sizeof...(V) == 2)
      out[i] = static_cast<T>(f(lanes[0][i], lanes[1][i]));
    else
      out[i] = static_cast<T>(f(lanes[0][i], lanes[1][i], lanes[2][i]));
  }
  return hn::Load(d, out);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradus::kernels
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
