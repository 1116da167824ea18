// Transpose of one matrix between two places in memory.
#pragma once

#include <cstdint>

namespace gradus::kernels {

// to[i * to_stride + j] = from[j * from_stride + i] for i < rows, j < cols; strides in elements of `size` (1,
// 4, 8) bytes. On the calling thread.
void transpose(const void* from, std::int64_t from_stride, void* to, std::int64_t to_stride,
               std::int64_t rows, std::int64_t cols, int size);

}  // namespace gradus::kernels
