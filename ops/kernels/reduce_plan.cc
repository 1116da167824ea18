#include "gradus/ops/kernels/reduce_plan.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace gradus::kernels {

namespace {

// Runs shorter than this are not worth a row of their own if there is another way.
constexpr std::int64_t kShortRow = 16;

struct Dim {
  std::int64_t size, stride, out_stride;
  bool reduced;

  // Broadcast dimensions (stride 0) go outside: inside they would break up contiguous runs.
  std::int64_t order() const { return stride == 0 ? std::numeric_limits<std::int64_t>::max() : stride; }
};

}  // namespace

ReducePlan make_reduce_plan(const View& in, unsigned axes) {
  std::int64_t own[kMaxRank];
  const std::int64_t* strides = in.strides;
  if (strides == nullptr) {
    contiguous_strides(in.dims, in.rank, own);
    strides = own;
  }
  Dim all[kMaxRank];
  ReducePlan plan;
  std::int64_t out_stride = 1;
  int n = 0;
  for (int i = in.rank - 1; i >= 0; --i) {
    const bool reduced = axes >> i & 1;
    if (in.dims[i] != 1) all[n++] = Dim{in.dims[i], strides[i], reduced ? 0 : out_stride, reduced};
    if (!reduced) out_stride *= in.dims[i];
  }
  plan.outputs = out_stride;
  std::reverse(all, all + n);
  for (int i = 1; i < n; ++i) {  // insertion sort: few, and usually in order already
    for (int j = i; j > 0 && all[j - 1].order() < all[j].order(); --j) std::swap(all[j - 1], all[j]);
  }

  Dim dims[kMaxRank];
  int rank = 0;
  for (int i = 0; i < n; ++i) {
    const Dim& d = all[i];
    if (rank > 0) {
      Dim& last = dims[rank - 1];
      if (last.reduced == d.reduced && last.stride == d.stride * d.size &&
          last.out_stride == d.out_stride * d.size) {
        last = Dim{last.size * d.size, d.stride, d.out_stride, d.reduced};
        continue;
      }
    }
    dims[rank++] = d;
  }

  std::int64_t reduced = 1;
  int inner_reduced = -1, inner_kept = -1;
  for (int i = 0; i < rank; ++i) {
    if (dims[i].reduced) {
      reduced *= dims[i].size;
      inner_reduced = i;
    } else {
      inner_kept = i;
    }
  }
  bool by_columns = false;
  if (inner_kept >= 0 && inner_reduced >= 0 && dims[inner_kept].stride != 0) {
    const bool kept_inside = inner_kept > inner_reduced;
    by_columns = kept_inside ? dims[inner_kept].size >= kShortRow || reduced < 4 * kShortRow
                             : dims[inner_reduced].size < kShortRow;
  }

  Layout& l = plan.layout;
  l.operands = 1;
  l.numel = reduced;
  for (int i = 0; i < rank; ++i) {
    if (dims[i].reduced) {
      l.dims[l.rank] = dims[i].size;
      l.strides[0][l.rank++] = dims[i].stride;
    } else if (i == inner_kept) {
      plan.columns = dims[i].size;
      plan.column_stride = dims[i].stride;
      plan.column_out_stride = dims[i].out_stride;
    } else {
      plan.kept_dims[plan.kept_rank] = dims[i].size;
      plan.kept_strides[plan.kept_rank] = dims[i].stride;
      plan.kept_out_strides[plan.kept_rank++] = dims[i].out_stride;
    }
  }
  plan.by_columns = by_columns;
  // By rows, a tile is some work for one call, but not so much that threads would idle.
  constexpr std::int64_t kRowTile = 16 * 1024;
  const std::int64_t width = by_columns ? kReduceWidth : kRowTile / std::max<std::int64_t>(1, reduced);
  plan.tile_width = std::clamp<std::int64_t>(width, 1, kReduceWidth);
  if (l.rank == 0) {
    l.rank = 1;
    l.dims[0] = 1;
    l.strides[0][0] = 0;
  }
  return plan;
}

ReduceTile reduce_tile(const ReducePlan& plan, std::int64_t index) {
  ReduceTile tile{0, 0, 1};
  if (plan.columns > 1) {
    const std::int64_t across = plan.tiles_across();
    const std::int64_t first = index % across * plan.tile_width;
    index /= across;
    tile.width = std::min(plan.tile_width, plan.columns - first);
    tile.in = first * plan.column_stride;
    tile.out = first * plan.column_out_stride;
  }
  for (int i = plan.kept_rank - 1; i >= 0; --i) {
    const std::int64_t at = i == 0 ? index : index % plan.kept_dims[i];
    if (i > 0) index /= plan.kept_dims[i];
    tile.in += at * plan.kept_strides[i];
    tile.out += at * plan.kept_out_strides[i];
  }
  return tile;
}

}  // namespace gradus::kernels
