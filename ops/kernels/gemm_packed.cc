// B lies in panels of two vectors' width, each k rows long, the last one filled up with zeros. A tile of C, a
// few rows of one panel, is summed in registers over all of k. A panel is read for all rows of A before the
// next one, so that it stays in the first-level cache.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/kernels/gemm_packed.cc"
#include "gradus/ops/kernels/gemm_packed.h"

#include <algorithm>
#include <utility>

#include "gradus/ops/kernels/basic-inl.h"

namespace gradus::kernels {

#ifndef GRADUS_GEMM_PACKED_ARGS
#define GRADUS_GEMM_PACKED_ARGS

struct PackedArgs {
  std::int64_t m, n, k;
  const void* a;
  std::int64_t lda;
  const void* packed;
  bool add;
  void* c;
  std::int64_t ldc;
};

#endif

}  // namespace gradus::kernels

GRADUS_SIMD_BEGIN

// Accumulators of a tile: two vectors a row, and room for the vectors of B and one of A beside them.
constexpr int kTileRows = HWY_TARGET == HWY_AVX3 ? 8 : 6;

template <class T>
constexpr std::int64_t panel_width() {
  return 2 * static_cast<std::int64_t>(hn::MaxLanes(hn::ScalableTag<T>()));
}

// `count` columns are wanted, all of the panel's where kWhole.
template <class T, int kRows, bool kWhole>
void tile(std::int64_t k, const T* a, std::int64_t lda, const T* panel, bool add, T* c, std::int64_t ldc,
          std::int64_t count) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  constexpr auto kLanes = static_cast<std::int64_t>(hn::MaxLanes(hn::ScalableTag<T>()));
  V left[kRows], right[kRows];
  HWY_ALIGN T edge[kWhole ? 1 : 2 * kLanes] = {};
  for (int r = 0; r < kRows; ++r) {
    if (!add) {
      left[r] = right[r] = hn::Zero(d);
    } else if constexpr (kWhole) {
      left[r] = hn::LoadU(d, c + r * ldc);
      right[r] = hn::LoadU(d, c + r * ldc + kLanes);
    } else {
      std::copy_n(c + r * ldc, count, edge);
      left[r] = hn::Load(d, edge);
      right[r] = hn::Load(d, edge + kLanes);
    }
  }
  for (std::int64_t i = 0; i < k; ++i) {
    const V b0 = hn::Load(d, panel), b1 = hn::Load(d, panel + kLanes);
    panel += 2 * kLanes;
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const V x = hn::Set(d, a[r * lda + i]);
      left[r] = hn::MulAdd(x, b0, left[r]);
      right[r] = hn::MulAdd(x, b1, right[r]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    if constexpr (kWhole) {
      hn::StoreU(left[r], d, c + r * ldc);
      hn::StoreU(right[r], d, c + r * ldc + kLanes);
    } else {
      hn::Store(left[r], d, edge);
      hn::Store(right[r], d, edge + kLanes);
      std::copy_n(edge, count, c + r * ldc);
    }
  }
}

template <class T, bool kWhole>
using Tile = void (*)(std::int64_t, const T*, std::int64_t, const T*, bool, T*, std::int64_t, std::int64_t);

template <class T, bool kWhole, std::size_t... kRows>
constexpr Tile<T, kWhole> tile_of(int rows, std::index_sequence<kRows...>) {
  constexpr Tile<T, kWhole> kTiles[] = {&tile<T, static_cast<int>(kRows) + 1, kWhole>...};
  return kTiles[rows - 1];
}

template <class T>
void multiply(const PackedArgs& g) {
  const auto* a = static_cast<const T*>(g.a);
  auto* c = static_cast<T*>(g.c);
  constexpr std::int64_t kWidth = panel_width<T>();
  constexpr auto kSizes = std::make_index_sequence<kTileRows>();
  // Tiles of nearly one height: a last one of a single row would wait for its own additions.
  const std::int64_t tiles = (g.m + kTileRows - 1) / kTileRows;
  for (std::int64_t j = 0; j < g.n; j += kWidth) {
    const T* panel = static_cast<const T*>(g.packed) + j * g.k;
    const std::int64_t count = std::min(kWidth, g.n - j);
    std::int64_t row = 0;
    for (std::int64_t t = 0; t < tiles; ++t) {
      const std::int64_t end = g.m * (t + 1) / tiles;
      const int rows = static_cast<int>(end - row);
      const auto f = count == kWidth ? tile_of<T, true>(rows, kSizes) : tile_of<T, false>(rows, kSizes);
      f(g.k, a + row * g.lda, g.lda, panel, g.add, c + row * g.ldc + j, g.ldc, count);
      row = end;
    }
  }
}

template <class T>
void pack(bool trans, std::int64_t k, std::int64_t n, const T* b, std::int64_t ld, T* to) {
  constexpr std::int64_t kWidth = panel_width<T>();
  for (std::int64_t j = 0; j < n; j += kWidth) {
    const std::int64_t count = std::min(kWidth, n - j);
    if (count < kWidth) std::fill_n(to, k * kWidth, T{0});
    if (trans) {
      // Down a column of the packed form is along a row of b: in blocks, so that the lines which are written
      // stay in the cache.
      constexpr std::int64_t kBlock = 32;
      for (std::int64_t i0 = 0; i0 < k; i0 += kBlock) {
        const std::int64_t end = std::min(k, i0 + kBlock);
        for (std::int64_t w = 0; w < count; ++w) {
          for (std::int64_t i = i0; i < end; ++i) to[i * kWidth + w] = b[(j + w) * ld + i];
        }
      }
    } else {
      for (std::int64_t i = 0; i < k; ++i) std::copy_n(b + i * ld + j, count, to + i * kWidth);
    }
    to += k * kWidth;
  }
}

void gemm_packed_run(DType dtype, const PackedArgs& g) {
  dtype == DType::f32 ? multiply<float>(g) : multiply<double>(g);
}

void gemm_packed_pack(DType dtype, bool trans, std::int64_t k, std::int64_t n, const void* b, std::int64_t ld,
                      void* packed) {
  if (dtype == DType::f32)
    pack(trans, k, n, static_cast<const float*>(b), ld, static_cast<float*>(packed));
  else
    pack(trans, k, n, static_cast<const double*>(b), ld, static_cast<double*>(packed));
}

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {

namespace {

GRADUS_EXPORT(gemm_packed_run);
GRADUS_EXPORT(gemm_packed_pack);

}  // namespace

std::size_t packed_bytes(DType dtype, std::int64_t k, std::int64_t n) {
  // Whole panels of the widest vectors, 64 bytes.
  const std::int64_t width = 128 / static_cast<std::int64_t>(size_of(dtype));
  return static_cast<std::size_t>((n + width - 1) / width * width * k) * size_of(dtype);
}

void pack_matrix(DType dtype, bool trans, std::int64_t k, std::int64_t n, const void* b, std::int64_t ld,
                 void* packed) {
  k_gemm_packed_pack.get()(dtype, trans, k, n, b, ld, packed);
}

void gemm_packed(DType dtype, std::int64_t m, std::int64_t n, std::int64_t k, const void* a, std::int64_t lda,
                 const void* packed, bool add, void* c, std::int64_t ldc) {
  k_gemm_packed_run.get()(dtype, PackedArgs{m, n, k, a, lda, packed, add, c, ldc});
}

}  // namespace gradus::kernels

#endif  // HWY_ONCE
