// B lies in panels of two vectors' width, each k rows long, the last one filled up with zeros. A tile of C, a
// few rows of one panel, is summed in registers over all of k. A panel is read for all rows of A before the
// next one, 256 rows of it at a time, so that they stay in the first-level cache. gemm_tiles() packs a few
// panels at a time, on the stack.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/kernels/gemm_packed.cc"
#include "gradus/ops/kernels/gemm_packed.h"

#include <algorithm>
#include <cstring>
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

// The element (r, i) of A is a[r * row + i * step]. C = alpha A B, or C += alpha A B where `add`.
template <class T>
struct TileArgs {
  const T* a;
  std::int64_t row, step, k;
  const T* panel;
  T alpha;
  bool add;
  T* c;
  std::int64_t ldc, columns;  // those wanted of the panel's
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

// All columns of the panel are wanted where kWhole. Unrolled throughout: otherwise the sums are in memory
// before and behind the loop.
template <class T, int kRows, bool kWhole>
void tile(const TileArgs<T>& t) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  constexpr auto kLanes = static_cast<std::int64_t>(hn::MaxLanes(hn::ScalableTag<T>()));
  V left[kRows], right[kRows];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    left[r] = right[r] = hn::Zero(d);
    __builtin_prefetch(t.c + r * t.ldc + kLanes);  // where sums go is often not in the cache yet
  }
  const T *a = t.a, *panel = t.panel;
  const std::int64_t row = t.row, step = t.step;
  for (std::int64_t i = 0; i < t.k; ++i, a += step, panel += 2 * kLanes) {
    const V b0 = hn::Load(d, panel), b1 = hn::Load(d, panel + kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const V x = hn::Set(d, a[r * row]);
      left[r] = hn::MulAdd(x, b0, left[r]);
      right[r] = hn::MulAdd(x, b1, right[r]);
    }
  }
  const V alpha = hn::Set(d, t.alpha);
  HWY_ALIGN T edge[kWhole ? 1 : 2 * kLanes] = {};
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    T* c = t.c + r * t.ldc;
    T* to = kWhole ? c : edge;
    if (!kWhole && t.add) std::copy_n(c, t.columns, edge);
    if (t.add) {
      hn::StoreU(hn::MulAdd(alpha, left[r], hn::LoadU(d, to)), d, to);
      hn::StoreU(hn::MulAdd(alpha, right[r], hn::LoadU(d, to + kLanes)), d, to + kLanes);
    } else {
      hn::StoreU(hn::Mul(alpha, left[r]), d, to);
      hn::StoreU(hn::Mul(alpha, right[r]), d, to + kLanes);
    }
    if (!kWhole) std::copy_n(edge, t.columns, c);
  }
}

template <class T>
using Tile = void (*)(const TileArgs<T>&);

template <class T, bool kWhole, std::size_t... kRows>
constexpr Tile<T> tile_of(int rows, std::index_sequence<kRows...>) {
  constexpr Tile<T> kTiles[] = {&tile<T, static_cast<int>(kRows) + 1, kWhole>...};
  return kTiles[rows - 1];
}

// A few columns of C: all rows of A with one panel.
template <class T>
void multiply_panel(std::int64_t m, TileArgs<T> t) {
  constexpr auto kSizes = std::make_index_sequence<kTileRows>();
  // Tiles of nearly one height: a last one of a single row would wait for its own additions.
  const std::int64_t tiles = (m + kTileRows - 1) / kTileRows;
  std::int64_t row = 0;
  for (std::int64_t i = 0; i < tiles; ++i) {
    const std::int64_t end = m * (i + 1) / tiles;
    const int rows = static_cast<int>(end - row);
    const auto f =
        t.columns == panel_width<T>() ? tile_of<T, true>(rows, kSizes) : tile_of<T, false>(rows, kSizes);
    f(t);
    t.a += rows * t.row;
    t.c += rows * t.ldc;
    row = end;
  }
}

// Rows of a panel that take half of the first-level cache.
constexpr std::int64_t kDepth = 256;

template <class T>
void multiply(const PackedArgs& g) {
  constexpr std::int64_t kWidth = panel_width<T>();
  for (std::int64_t j = 0; j < g.n; j += kWidth) {
    const T* panel = static_cast<const T*>(g.packed) + j * g.k;
    std::int64_t k = 0;
    do {  // once for k = 0 too
      multiply_panel<T>(
          g.m, {static_cast<const T*>(g.a) + k, g.lda, 1, std::min(kDepth, g.k - k), panel + k * kWidth, T{1},
                g.add || k > 0, static_cast<T*>(g.c) + j, g.ldc, std::min(kWidth, g.n - j)});
      k += kDepth;
    } while (k < g.k);
  }
}

#if HWY_TARGET == HWY_AVX2
// to[i * step + w] = from[w * ld + i] for i and w below 8.
HWY_INLINE void transpose_block(const float* from, std::int64_t ld, float* to, std::int64_t step) {
  const hn::ScalableTag<float> d;
  const hn::Half<decltype(d)> half;
  const hn::RepartitionToWide<decltype(d)> pairs;
  for (std::int64_t i = 0; i < 8; i += 4) {
    // Four columns of the rows w and w + 4.
    const auto rows = [&](std::int64_t w) HWY_ATTR {
      return hn::Combine(d, hn::LoadU(half, from + (w + 4) * ld + i), hn::LoadU(half, from + w * ld + i));
    };
    const auto r0 = rows(0), r1 = rows(1), r2 = rows(2), r3 = rows(3);
    const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, r0, r1));
    const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, r2, r3));
    const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, r0, r1));
    const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, r2, r3));
    float* at = to + i * step;
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23)), d, at);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23)), d, at + step);
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23)), d, at + 2 * step);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23)), d, at + 3 * step);
  }
}
#endif

// The panel of the matrix whose `count` columns are rows at b.
template <class T>
void pack_transposed(std::int64_t k, std::int64_t count, const T* b, std::int64_t ld, T* to) {
  constexpr std::int64_t kWidth = panel_width<T>();
  if (count < kWidth) std::fill_n(to, k * kWidth, T{0});
  // Down a column of the packed form is along a row of b: in blocks, so that the lines which are written stay
  // in the cache.
  constexpr std::int64_t kBlock = 32;
  for (std::int64_t i0 = 0; i0 < k; i0 += kBlock) {
    const std::int64_t end = std::min(k, i0 + kBlock);
    std::int64_t w = 0;
#if HWY_TARGET == HWY_AVX2
    if constexpr (sizeof(T) == 4) {
      for (; w + 8 <= count; w += 8) {
        std::int64_t i = i0;
        for (; i + 8 <= end; i += 8) transpose_block(b + w * ld + i, ld, to + i * kWidth + w, kWidth);
        for (; i < end; ++i) {
          for (std::int64_t v = w; v < w + 8; ++v) to[i * kWidth + v] = b[v * ld + i];
        }
      }
    }
#endif
    for (; w < count; ++w) {
      for (std::int64_t i = i0; i < end; ++i) to[i * kWidth + w] = b[w * ld + i];
    }
  }
}

template <class T>
void pack(bool trans, std::int64_t k, std::int64_t n, const T* b, std::int64_t ld, T* to) {
  constexpr std::int64_t kWidth = panel_width<T>();
  if (trans) {
    for (std::int64_t j = 0; j < n; j += kWidth, to += k * kWidth)
      pack_transposed(k, std::min(kWidth, n - j), b + j * ld, ld, to);
    return;
  }
  const std::int64_t whole = n / kWidth * kWidth;
  for (std::int64_t i = 0; i < k; ++i) {
    for (std::int64_t j = 0; j < whole; j += kWidth)  // copies of a fixed size are quicker
      std::memcpy(to + j * k + i * kWidth, b + i * ld + j, kWidth * sizeof(T));
    if (whole == n) continue;
    T* rest = to + whole * k + i * kWidth;
    std::copy_n(b + i * ld + whole, n - whole, rest);
    std::fill(rest + (n - whole), rest + kWidth, T{0});
  }
}

void gemm_tiles_run(const GemmArgs& g) {
  constexpr std::int64_t kWidth = panel_width<float>();
  // A panel takes half of the first-level cache. Four at a time are packed, so that rows of B are read by
  // whole stretches; they and the rows of A that meet all four stay in the second-level cache.
  constexpr std::int64_t kColumns = 4 * kWidth, kMostRows = 20 * kTileRows;
  HWY_ALIGN float panels[kDepth * kColumns];
  const auto *a = static_cast<const float*>(g.a), *b = static_cast<const float*>(g.b);
  auto* c = static_cast<float*>(g.c);
  if (g.beta != 0 && g.beta != 1) {
    for (std::int64_t i = 0; i < g.m; ++i) {
      for (std::int64_t j = 0; j < g.n; ++j) c[i * g.ldc + j] *= static_cast<float>(g.beta);
    }
  }
  const std::int64_t row = g.trans_a ? 1 : g.lda, step = g.trans_a ? g.lda : 1;
  for (std::int64_t k = 0; k < g.k; k += kDepth) {
    const std::int64_t depth = std::min(kDepth, g.k - k);
    for (std::int64_t j = 0; j < g.n; j += kColumns) {
      const std::int64_t columns = std::min(kColumns, g.n - j);
      pack(g.trans_b, depth, columns, b + (g.trans_b ? j * g.ldb + k : k * g.ldb + j), g.ldb, panels);
      for (std::int64_t i = 0; i < g.m; i += kMostRows) {
        for (std::int64_t p = 0; p < columns; p += kWidth) {
          multiply_panel<float>(
              std::min(kMostRows, g.m - i),
              {a + i * row + k * step, row, step, depth, panels + p * depth, static_cast<float>(g.alpha),
               k > 0 || g.beta != 0, c + i * g.ldc + j + p, g.ldc, std::min(kWidth, columns - p)});
        }
      }
    }
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
GRADUS_EXPORT(gemm_tiles_run);

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

void gemm_tiles(const GemmArgs& args) { k_gemm_tiles_run.get()(args); }

}  // namespace gradus::kernels

#endif  // HWY_ONCE
