// Conversions between the dtypes that elements are kept in and those that they are computed in: runs of
// contiguous elements. They round to the nearest, ties to even, and give the same bits on every machine.
#pragma once

#include <cstdint>

#include "gradus/graph/half.h"

namespace gradus::kernels {

// n elements; the arrays do not overlap.
using ConvertRun = void (*)(const void* from, void* to, std::int64_t n);

void f16_to_f32(const float16* from, float* to, std::int64_t n);
void f32_to_f16(const float* from, float16* to, std::int64_t n);
void bf16_to_f32(const bfloat16* from, float* to, std::int64_t n);
void f32_to_bf16(const float* from, bfloat16* to, std::int64_t n);

}  // namespace gradus::kernels
