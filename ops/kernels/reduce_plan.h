// ReducePlan: a reduction over any axes of any strides, brought to one of two patterns.
//   rows: each output is a row of reduced elements, its inner run as contiguous as it gets
//   columns: a tile of neighbouring outputs is reduced at once, row by row of the array
// `layout` holds the reduced dimensions only; its linear index counts the elements that make one output.
#pragma once

#include <cstdint>

#include "gradus/graph/view.h"
#include "gradus/ops/kernels/layout.h"

namespace gradus::kernels {

// The most outputs of one tile.
inline constexpr std::int64_t kReduceWidth = 128;

struct ReducePlan {
  Layout layout;  // one operand, rank >= 1
  std::int64_t outputs = 1;

  // A tile takes `tile_width` of the `columns` outputs along one kept dimension. By columns, they are reduced
  // side by side in vectors, otherwise one after the other.
  bool by_columns = false;
  std::int64_t columns = 1, tile_width = 1;
  std::int64_t column_stride = 0, column_out_stride = 0;

  // The kept dimensions other than the columns.
  int kept_rank = 0;
  std::int64_t kept_dims[kMaxRank], kept_strides[kMaxRank], kept_out_strides[kMaxRank];

  std::int64_t tiles_across() const { return (columns + tile_width - 1) / tile_width; }
  std::int64_t tiles() const { return outputs / columns * tiles_across(); }
};

// One tile of outputs: where it begins in the input and the output (in elements), and its width.
struct ReduceTile {
  std::int64_t in, out, width;
};

ReducePlan make_reduce_plan(const View& in, unsigned axes);
ReduceTile reduce_tile(const ReducePlan& plan, std::int64_t index);

}  // namespace gradus::kernels
