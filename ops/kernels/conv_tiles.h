// Convolutions in f32 by tiles of pixels and channels held in registers: for AVX2, where oneDNN's kernels
// lose a third on arrays that lie channels-last. As conv_onednn.h it takes arrays in that form and contiguous
// weights.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gradus/ops/kernels/conv.h"

namespace gradus::kernels {

// Whether this machine and these sizes are what the tiles are for.
bool tiles_conv_is_wanted(ConvPass pass, const ConvShape& s);

std::size_t tiles_conv_scratch(ConvPass pass, const ConvShape& s);

// x, w and y as in conv(): two of them are read, the third is written. `bias` may be null.
void tiles_conv(ConvPass pass, const ConvShape& s, float* x, float* w, float* y, const float* bias,
                void* scratch);

// What a tile adds up, see conv_tiles.cc. Element [i][k] of A is a[i * a_row + k * a_step], row k of B begins
// at b[k * b_step], for k < k_count; this `lines` times with both moved on by a_line and b_line, all added
// up.
struct TileOperands {
  const float* a;
  std::int64_t a_row, a_step, a_line;
  const float* b;
  std::int64_t b_step, b_line;
  std::int64_t k_count, lines;
};

}  // namespace gradus::kernels
