#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/kernels/gemm_loop.cc"
#include "gradus/ops/kernels/gemm_loop.h"

#include <algorithm>

#include "gradus/ops/kernels/basic-inl.h"

GRADUS_SIMD_BEGIN

constexpr std::int64_t kDepth = 256;  // rows of a packed panel of B; two vectors of f32 wide: 32 KiB
constexpr int kRows = 4;

// acc[kRows][2 vectors] += A rows * panel, then into C.
template <int kHeight, class T>
HWY_INLINE void multiply_rows(const T* a, std::int64_t row_step, std::int64_t k_step, const T* panel,
                              std::int64_t depth, T alpha, T beta, bool first, T* c, std::int64_t ldc,
                              std::int64_t width) {
  const hn::ScalableTag<T> d;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  hn::Vec<decltype(d)> acc[kHeight][2];
  for (int i = 0; i < kHeight; ++i) acc[i][0] = acc[i][1] = hn::Zero(d);
  for (std::int64_t k = 0; k < depth; ++k) {
    const auto b0 = hn::Load(d, panel + k * 2 * lanes);
    const auto b1 = hn::Load(d, panel + k * 2 * lanes + lanes);
    for (int i = 0; i < kHeight; ++i) {
      const auto x = hn::Set(d, a[i * row_step + k * k_step]);
      if constexpr (hwy::IsFloat<T>()) {
        acc[i][0] = hn::MulAdd(x, b0, acc[i][0]);
        acc[i][1] = hn::MulAdd(x, b1, acc[i][1]);
      } else {
        acc[i][0] = hn::Add(math::Mul(d, x, b0), acc[i][0]);
        acc[i][1] = hn::Add(math::Mul(d, x, b1), acc[i][1]);
      }
    }
  }
  for (int i = 0; i < kHeight; ++i) {
    for (int j = 0; j < 2; ++j) {
      const std::int64_t count = std::min(lanes, width - j * lanes);
      if (count <= 0) continue;
      T* at = c + i * ldc + j * lanes;
      auto value = math::Mul(d, hn::Set(d, alpha), acc[i][j]);
      const bool whole = count == lanes;
      if (!first || beta != T{0}) {
        const auto old = whole ? hn::LoadU(d, at) : load_first(d, at, static_cast<std::size_t>(count));
        value = hn::Add(value, first ? math::Mul(d, hn::Set(d, beta), old) : old);
      }
      if (whole)
        hn::StoreU(value, d, at);
      else
        store_first(value, d, at, static_cast<std::size_t>(count));
    }
  }
}

template <class T>
void multiply(const GemmArgs& g) {
  const hn::ScalableTag<T> d;
  const std::int64_t width = 2 * static_cast<std::int64_t>(hn::Lanes(d));
  HWY_ALIGN T panel[kDepth * 2 * (HWY_MAX_BYTES / sizeof(T))];
  const T* a = static_cast<const T*>(g.a);
  const T* b = static_cast<const T*>(g.b);
  T* c = static_cast<T*>(g.c);
  const T alpha = static_cast<T>(g.alpha), beta = static_cast<T>(g.beta);
  const std::int64_t row_step = g.trans_a ? 1 : g.lda, k_step = g.trans_a ? g.lda : 1;
  const std::int64_t b_row = g.trans_b ? 1 : g.ldb, b_col = g.trans_b ? g.ldb : 1;
  for (std::int64_t k0 = 0; k0 < g.k; k0 += kDepth) {
    const std::int64_t depth = std::min(kDepth, g.k - k0);
    for (std::int64_t j = 0; j < g.n; j += width) {
      const std::int64_t w = std::min(width, g.n - j);
      for (std::int64_t k = 0; k < depth; ++k) {
        const T* from = b + (k0 + k) * b_row + j * b_col;
        T* to = panel + k * width;
        for (std::int64_t x = 0; x < w; ++x) to[x] = from[x * b_col];
        for (std::int64_t x = w; x < width; ++x) to[x] = T{0};
      }
      std::int64_t i = 0;
      const T* at = a + k0 * k_step;
      for (; i + kRows <= g.m; i += kRows) {
        multiply_rows<kRows>(at + i * row_step, row_step, k_step, panel, depth, alpha, beta, k0 == 0,
                             c + i * g.ldc + j, g.ldc, w);
      }
      for (; i < g.m; ++i) {
        multiply_rows<1>(at + i * row_step, row_step, k_step, panel, depth, alpha, beta, k0 == 0,
                         c + i * g.ldc + j, g.ldc, w);
      }
    }
  }
}

void multiply_dtype(DType dtype, const GemmArgs& g) {
  switch (dtype) {
    case DType::f32:
      return multiply<float>(g);
    case DType::f64:
      return multiply<double>(g);
    case DType::i32:
      return multiply<std::int32_t>(g);
    case DType::i64:
      return multiply<std::int64_t>(g);
    default:
      return multiply<std::uint8_t>(g);
  }
}

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {

namespace {
GRADUS_EXPORT(multiply_dtype);
}

void gemm_loop(DType dtype, const GemmArgs& args) { k_multiply_dtype.get()(dtype, args); }

}  // namespace gradus::kernels

#endif  // HWY_ONCE
