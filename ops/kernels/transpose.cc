#include "gradus/ops/kernels/transpose.h"

#include <algorithm>

namespace gradus::kernels {

namespace {

// Squares of kSide elements: both sides of one stay in the first-level cache.
constexpr std::int64_t kSide = 16;

template <class T>
void transpose_blocks(const void* from_data, std::int64_t from_stride, void* to_data, std::int64_t to_stride,
                      std::int64_t rows, std::int64_t cols) {
  const T* from = static_cast<const T*>(from_data);
  T* to = static_cast<T*>(to_data);
  for (std::int64_t c = 0; c < cols; c += kSide) {
    const std::int64_t w = std::min(kSide, cols - c);
    for (std::int64_t r = 0; r < rows; r += kSide) {
      const std::int64_t h = std::min(kSide, rows - r);
      for (std::int64_t i = r; i < r + h; ++i) {
        for (std::int64_t j = c; j < c + w; ++j) to[i * to_stride + j] = from[j * from_stride + i];
      }
    }
  }
}

}  // namespace

void transpose(const void* from, std::int64_t from_stride, void* to, std::int64_t to_stride,
               std::int64_t rows, std::int64_t cols, int size) {
  if (size == 1)
    transpose_blocks<std::uint8_t>(from, from_stride, to, to_stride, rows, cols);
  else if (size == 4)
    transpose_blocks<std::uint32_t>(from, from_stride, to, to_stride, rows, cols);
  else
    transpose_blocks<std::uint64_t>(from, from_stride, to, to_stride, rows, cols);
}

}  // namespace gradus::kernels
