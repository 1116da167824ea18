// Squares of one vector's width are transposed in registers: whole cache lines are read and written, each
// once, which matters more than the order of the squares. Edges and bytes go element by element.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/kernels/transpose.cc"
#include "gradus/ops/kernels/transpose.h"

#include <algorithm>
#include <type_traits>

#include "gradus/ops/kernels/simd-inl.h"

GRADUS_SIMD_BEGIN

template <class T>
void transpose_plain(const T* from, std::int64_t from_stride, T* to, std::int64_t to_stride,
                     std::int64_t rows, std::int64_t cols) {
  constexpr std::int64_t kSide = 16;
  for (std::int64_t c = 0; c < cols; c += kSide) {
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = c; j < std::min(cols, c + kSide); ++j)
        to[i * to_stride + j] = from[j * from_stride + i];
    }
  }
}

#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2

// Vectors a, b (c, d) of 128-bit blocks: writes those made of the blocks number L of all of them, for each L,
// to the rows to + L * step.
#if HWY_TARGET == HWY_AVX3
template <class D, class V, class T>
HWY_INLINE void store_blocks(D d, const V* v, T* to, std::int64_t step) {
  const auto pick = [](V a, V b, auto which)
                        HWY_ATTR { return V{_mm512_shuffle_i32x4(a.raw, b.raw, decltype(which)::value)}; };
  constexpr std::integral_constant<int, 0x88> kEven;
  constexpr std::integral_constant<int, 0xdd> kOdd;
  constexpr int kNext = sizeof(T) == 4 ? 4 : 2;
  const V even0 = pick(v[0], v[kNext], kEven), odd0 = pick(v[0], v[kNext], kOdd);
  const V even1 = pick(v[2 * kNext], v[3 * kNext], kEven), odd1 = pick(v[2 * kNext], v[3 * kNext], kOdd);
  hn::StoreU(pick(even0, even1, kEven), d, to);
  hn::StoreU(pick(odd0, odd1, kEven), d, to + step);
  hn::StoreU(pick(even0, even1, kOdd), d, to + 2 * step);
  hn::StoreU(pick(odd0, odd1, kOdd), d, to + 3 * step);
}
#else
template <class D, class V, class T>
HWY_INLINE void store_blocks(D d, const V* v, T* to, std::int64_t step) {
  constexpr int kNext = sizeof(T) == 4 ? 4 : 2;
  hn::StoreU(hn::ConcatLowerLower(d, v[kNext], v[0]), d, to);
  hn::StoreU(hn::ConcatUpperUpper(d, v[kNext], v[0]), d, to + step);
}
#endif

template <class T>
HWY_INLINE void transpose_square(const T* from, std::int64_t from_stride, T* to, std::int64_t to_stride) {
  const hn::ScalableTag<T> d;
  const hn::ScalableTag<std::uint64_t> d64;
  using V = hn::Vec<decltype(d)>;
  constexpr int kSide = HWY_MAX_BYTES / sizeof(T);
  V row[kSide], mixed[kSide];  // in registers once all loops are unrolled
#pragma GCC unroll 16
  for (int i = 0; i < kSide; ++i) row[i] = hn::LoadU(d, from + i * from_stride);
#pragma GCC unroll 16
  for (int i = 0; i < kSide; i += 2) {
    mixed[i] = hn::InterleaveLower(d, row[i], row[i + 1]);
    mixed[i + 1] = hn::InterleaveUpper(d, row[i], row[i + 1]);
  }
  // Now a block (128 bits) holds one or two columns of two rows; for 4-byte elements four rows have to meet.
  if constexpr (sizeof(T) == 4) {
#pragma GCC unroll 16
    for (int i = 0; i < kSide; i += 4) {
#pragma GCC unroll 2
      for (int k = 0; k < 2; ++k) {
        const auto a = hn::BitCast(d64, mixed[i + k]), b = hn::BitCast(d64, mixed[i + 2 + k]);
        row[i + 2 * k] = hn::BitCast(d, hn::InterleaveLower(d64, a, b));
        row[i + 2 * k + 1] = hn::BitCast(d, hn::InterleaveUpper(d64, a, b));
      }
    }
  } else {
#pragma GCC unroll 16
    for (int i = 0; i < kSide; ++i) row[i] = mixed[i];
  }
  constexpr int kColumns = 16 / sizeof(T);  // of a block
#pragma GCC unroll 16
  for (int j = 0; j < kColumns; ++j) store_blocks(d, row + j, to + j * to_stride, kColumns * to_stride);
}

template <class T>
void transpose_squares(const T* from, std::int64_t from_stride, T* to, std::int64_t to_stride,
                       std::int64_t rows, std::int64_t cols) {
  constexpr std::int64_t kSide = HWY_MAX_BYTES / sizeof(T);
  constexpr std::int64_t kLine = 64 / sizeof(T);  // one or more squares
  const std::int64_t whole_cols = cols - cols % kSide;
  std::int64_t i = 0;
  const auto columns = [&](std::int64_t height) HWY_ATTR {
    for (; i + height <= rows; i += height) {
      for (std::int64_t j = 0; j < whole_cols; j += kSide) {
        for (std::int64_t k = i; k < i + height; k += kSide)
          transpose_square(from + j * from_stride + k, from_stride, to + k * to_stride + j, to_stride);
      }
    }
  };
  columns(kLine);  // whole cache lines of `from`, far apart as they are, at once
  columns(kSide);
  transpose_plain(from + whole_cols * from_stride, from_stride, to + whole_cols, to_stride, i,
                  cols - whole_cols);
  transpose_plain(from + i, from_stride, to + i * to_stride, to_stride, rows - i, cols);
}

#else

template <class T>
void transpose_squares(const T* from, std::int64_t from_stride, T* to, std::int64_t to_stride,
                       std::int64_t rows, std::int64_t cols) {
  constexpr std::int64_t kSide = 16;
  for (std::int64_t i = 0; i < rows; i += kSide) {
    transpose_plain(from + i, from_stride, to + i * to_stride, to_stride, std::min(kSide, rows - i), cols);
  }
}

#endif

void transpose_bytes(const void* from, std::int64_t from_stride, void* to, std::int64_t to_stride,
                     std::int64_t rows, std::int64_t cols, int size) {
  const auto as = [&](auto tag) HWY_ATTR {
    using T = decltype(tag);
    if constexpr (sizeof(T) < 4) {
      transpose_plain(static_cast<const T*>(from), from_stride, static_cast<T*>(to), to_stride, rows, cols);
    } else {
      transpose_squares(static_cast<const T*>(from), from_stride, static_cast<T*>(to), to_stride, rows, cols);
    }
  };
  if (size == 1)
    as(std::uint8_t{});
  else if (size == 2)
    as(std::uint16_t{});
  else if (size == 4)
    as(std::uint32_t{});
  else
    as(std::uint64_t{});
}

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {

namespace {
GRADUS_EXPORT(transpose_bytes);
}

void transpose(const void* from, std::int64_t from_stride, void* to, std::int64_t to_stride,
               std::int64_t rows, std::int64_t cols, int size) {
  k_transpose_bytes.get()(from, from_stride, to, to_stride, rows, cols, size);
}

}  // namespace gradus::kernels

#endif  // HWY_ONCE
