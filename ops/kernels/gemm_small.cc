#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/kernels/gemm_small.cc"
#include "gradus/ops/kernels/gemm_small.h"

#include <algorithm>

#include "gradus/ops/kernels/basic-inl.h"

GRADUS_SIMD_BEGIN

constexpr std::int64_t kMost = 8;

// C row by row: each is a sum of multiples of the rows of B, which are one vector each, filled (kWhole) or
// not.
template <bool kWhole, class D, class T = hn::TFromD<D>>
HWY_INLINE void multiply_rows(D d, const GemmArgs& g) {
  using V = hn::Vec<D>;
  constexpr std::int64_t kLanes = static_cast<std::int64_t>(hn::MaxLanes(D()));
  const T* a = static_cast<const T*>(g.a);
  const T* b = static_cast<const T*>(g.b);
  T* c = static_cast<T*>(g.c);
  const std::int64_t row_step = g.trans_a ? 1 : g.lda, k_step = g.trans_a ? g.lda : 1;
  const std::size_t count = static_cast<std::size_t>(g.n);
  const auto load = [=](const T* p) HWY_ATTR {
    if constexpr (kWhole)
      return hn::LoadU(d, p);
    else
      return load_first(d, p, count);
  };
  V row_of_b[kMost];
  if (g.trans_b) {
    HWY_ALIGN T tile[kMost * kLanes] = {};
    for (std::int64_t k = 0; k < g.k; ++k) {
      for (std::int64_t j = 0; j < g.n; ++j) tile[k * kLanes + j] = b[j * g.ldb + k];
      row_of_b[k] = hn::Load(d, tile + k * kLanes);
    }
  } else {
    for (std::int64_t k = 0; k < g.k; ++k) row_of_b[k] = load(b + k * g.ldb);
  }
  const V alpha = math::Const(d, g.alpha);
  for (std::int64_t i = 0; i < g.m; ++i) {
    const T* x = a + i * row_step;
    V sum = hn::Mul(hn::Set(d, x[0]), row_of_b[0]);
    for (std::int64_t k = 1; k < g.k; ++k) sum = hn::MulAdd(hn::Set(d, x[k * k_step]), row_of_b[k], sum);
    sum = hn::Mul(alpha, sum);
    T* to = c + i * g.ldc;
    if (g.beta != 0) sum = hn::MulAdd(math::Const(d, g.beta), load(to), sum);
    if constexpr (kWhole)
      hn::StoreU(sum, d, to);
    else
      store_first(sum, d, to, count);
  }
}

template <std::int64_t kLanes, class T>
HWY_INLINE void multiply_lanes(const GemmArgs& g) {
  const hn::CappedTag<T, kLanes> d;
  if (g.n == kLanes)
    multiply_rows<true>(d, g);
  else
    multiply_rows<false>(d, g);
}

// False: n elements are more than a vector.
bool multiply_small(DType dtype, const GemmArgs& g) {
  constexpr bool kVectors = HWY_MAX_BYTES >= 32;
  if (dtype == DType::f32 && kVectors) {
    if (g.n <= 4)
      multiply_lanes<4, float>(g);
    else
      multiply_lanes<8, float>(g);
    return true;
  }
  if (dtype == DType::f64 && kVectors && g.n * 8 <= HWY_MAX_BYTES) {
    if (g.n <= 4)
      multiply_lanes<4, double>(g);
    else
      multiply_lanes<8, double>(g);
    return true;
  }
  return false;
}

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {

namespace {
GRADUS_EXPORT(multiply_small);
}

bool gemm_small(DType dtype, const GemmArgs& g) {
  if (g.m > 8 || g.n > 8 || g.k > 8 || !is_floating(dtype)) return false;
  return k_multiply_small.get()(dtype, g);
}

}  // namespace gradus::kernels

#endif  // HWY_ONCE
