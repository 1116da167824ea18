// Lanes: the rows of an array along one axis, for loops that carry something from element to element. Blocks
// of neighbouring lanes are walked side by side: the chains of dependent operations overlap, and memory is
// read in its order where the axis is not the last one.
#pragma once

#include <algorithm>
#include <cstdint>

#include "gradus/base/parallel.h"
#include "gradus/graph/view.h"

namespace gradus::kernels {

// Lane i, in row-major order of the other axes, begins at offset(i); its n elements are `stride` apart.
struct Lanes {
  std::int64_t count = 1, n = 1, stride = 0;

  std::int64_t offset(std::int64_t i) const {
    std::int64_t at = 0;
    for (int k = rank - 1; k > 0; --k) {
      at += i % dims[k] * strides[k];
      i /= dims[k];
    }
    return rank == 0 ? 0 : at + i * strides[0];
  }

  int rank = 0;  // of the other axes
  std::int64_t dims[kMaxRank], strides[kMaxRank];
};

inline Lanes lanes_of(const View& v, int axis) {
  Lanes l;
  std::int64_t step = 1;
  for (int k = v.rank - 1; k >= 0; --k) {
    const std::int64_t stride = v.strides != nullptr ? v.strides[k] : step;
    step *= v.dims[k];
    if (k == axis) {
      l.n = v.dims[k];
      l.stride = stride;
      continue;
    }
    l.count *= v.dims[k];
    l.dims[l.rank] = v.dims[k];
    l.strides[l.rank++] = stride;
  }
  std::reverse(l.dims, l.dims + l.rank);
  std::reverse(l.strides, l.strides + l.rank);
  return l;
}

// Lanes that are walked side by side.
inline constexpr int kLaneWidth = 16;
// A thread gets at least this many elements.
inline constexpr std::int64_t kLaneGrain = 16 * 1024;

// The same lanes of N arrays.
template <int N>
struct LaneBlock {
  std::int64_t first;  // the number of the first lane
  int width;
  std::int64_t n;
  std::int64_t stride[N];
  std::int64_t offset[N][kLaneWidth];
  bool adjacent;  // whole, and one element after the other in every array

  // f(lane of the block, k, offset in each array) for every element, k rising or with `reverse` falling.
  template <class F>
  void walk(bool reverse, F f) const {
    if (adjacent) {
      for (std::int64_t i = 0; i < n; ++i) {
        const std::int64_t k = reverse ? n - 1 - i : i;
        std::int64_t at[N];
        for (int a = 0; a < N; ++a) at[a] = k * stride[a] + offset[a][0];
        for (int w = 0; w < kLaneWidth; ++w) call(f, w, k, [&](int a) { return at[a] + w; });
      }
      return;
    }
    // Rows are often a power of 2 apart and then share the sets of the cache: only a few at once.
    constexpr int kRows = 4;
    int w = 0;
    for (; w + kRows <= width; w += kRows) {
      for (std::int64_t i = 0; i < n; ++i) {
        const std::int64_t k = reverse ? n - 1 - i : i;
        for (int r = w; r < w + kRows; ++r)
          call(f, r, k, [&](int a) { return offset[a][r] + k * stride[a]; });
      }
    }
    for (; w < width; ++w) {
      for (std::int64_t i = 0; i < n; ++i) {
        const std::int64_t k = reverse ? n - 1 - i : i;
        call(f, w, k, [&](int a) { return offset[a][w] + k * stride[a]; });
      }
    }
  }

 private:
  template <class F, class At>
  static void call(F& f, int w, std::int64_t k, At at) {
    if constexpr (N == 1)
      f(w, k, at(0));
    else if constexpr (N == 2)
      f(w, k, at(0), at(1));
    else
      f(w, k, at(0), at(1), at(2));
  }
};

// f(block) for all lanes along `axis` of arrays with the same dims. Threads take whole blocks.
template <int N, class F>
void for_lane_blocks(const View* const (&views)[N], int axis, F f) {
  if (views[0]->numel == 0) return;
  Lanes lanes[N];
  for (int a = 0; a < N; ++a) lanes[a] = lanes_of(*views[a], axis);
  const std::int64_t count = lanes[0].count, n = lanes[0].n;
  const std::int64_t blocks = (count + kLaneWidth - 1) / kLaneWidth;
  const std::int64_t grain = std::max<std::int64_t>(1, kLaneGrain / (n * kLaneWidth));
  parallel_for(blocks, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      LaneBlock<N> b;
      b.first = i * kLaneWidth;
      b.width = static_cast<int>(std::min<std::int64_t>(kLaneWidth, count - b.first));
      b.n = n;
      b.adjacent = b.width == kLaneWidth;
      for (int a = 0; a < N; ++a) {
        b.stride[a] = lanes[a].stride;
        for (int w = 0; w < b.width; ++w) {
          b.offset[a][w] = lanes[a].offset(b.first + w);
          b.adjacent = b.adjacent && b.offset[a][w] == b.offset[a][0] + w;
        }
      }
      f(b);
    }
  });
}

}  // namespace gradus::kernels
