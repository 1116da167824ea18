// Lanes: the rows of an array along one axis, for loops that carry something from element to element. Blocks
// of neighbouring lanes are walked side by side: the chains of dependent operations overlap, and memory is
// read in its order where the axis is not the last one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

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
    // Axes that lie one in the other like one axis are one; those of size 1 are none.
    if (l.rank > 0 && stride == l.strides[l.rank - 1] * l.dims[l.rank - 1]) {
      l.dims[l.rank - 1] *= v.dims[k];
    } else if (v.dims[k] != 1) {
      l.dims[l.rank] = v.dims[k];
      l.strides[l.rank++] = stride;
    }
  }
  std::reverse(l.dims, l.dims + l.rank);
  std::reverse(l.strides, l.strides + l.rank);
  return l;
}

// Lanes that are walked side by side: the most where they are adjacent, so that a step reads several lines of
// a page, and fewer elsewhere.
inline constexpr int kLaneWidth = 128, kStridedWidth = 16;
// A thread gets at least this many elements.
inline constexpr std::int64_t kLaneGrain = 16 * 1024;

// The same lanes of N arrays.
template <int N>
struct LaneBlock {
  int width;
  std::int64_t n;
  std::int64_t stride[N];
  std::int64_t offset[N][kStridedWidth];  // where `adjacent`, the first alone
  bool adjacent;                          // one element after the other in every array

  // f(lane of the block, k, element in each array) for every k, rising or with `reverse` falling. p: the N
  // arrays; elements of const ones come by value or const reference, the others are written by f, all of
  // them.
  template <class F, class... T>
  void walk(bool reverse, F f, T*... p) const {
    static_assert(sizeof...(T) == N);
    walk_all(reverse, f, std::index_sequence_for<T...>(), p...);
  }

 private:
  template <class F, std::size_t... A, class... T>
  void walk_all(bool reverse, F& f, std::index_sequence<A...>, T*... p) const {
    if (adjacent) {
      for (std::int64_t i = 0; i < n; ++i) {
        const std::int64_t k = reverse ? n - 1 - i : i;
        int w = 0;
        for (; w + kChunk <= width; w += kChunk)
          chunk(f, w, k, Chunk<T>(p + offset[A][0] + k * stride[A] + w)...);
        for (; w < width; ++w) f(w, k, p[offset[A][0] + k * stride[A] + w]...);
      }
      return;
    }
    // Rows are often a power of 2 apart and then share the sets of the cache: only a few at once.
    constexpr int kRows = 4;
    int w = 0;
    for (; w + kRows <= width; w += kRows) {
      for (std::int64_t i = 0; i < n; ++i) {
        const std::int64_t k = reverse ? n - 1 - i : i;
        for (int r = w; r < w + kRows; ++r) f(r, k, p[offset[A][r] + k * stride[A]]...);
      }
    }
    for (; w < width; ++w) {
      for (std::int64_t i = 0; i < n; ++i) {
        const std::int64_t k = reverse ? n - 1 - i : i;
        f(w, k, p[offset[A][w] + k * stride[A]]...);
      }
    }
  }

  // Elements in local arrays, which alias nothing: the loop over them becomes vectors.
  static constexpr int kChunk = 16;
  template <class T>
  struct Chunk {
    explicit Chunk(T* p) : to(p) {
      if constexpr (std::is_const_v<T>) std::memcpy(v, p, sizeof(v));
    }
    void store() const {
      if constexpr (!std::is_const_v<T>) std::memcpy(to, v, sizeof(v));
    }
    T* to;
    std::remove_const_t<T> v[kChunk];
  };
  template <class F, class... C>
  static void chunk(F& f, int w, std::int64_t k, C... c) {
    for (int i = 0; i < kChunk; ++i) f(w + i, k, c.v[i]...);
    (c.store(), ...);
  }
};

// f(block) for all lanes along `axis` of arrays with the same dims. Threads take whole blocks.
template <int N, class F>
void for_lane_blocks(const View* const (&views)[N], int axis, F f) {
  if (views[0]->numel == 0) return;
  Lanes lanes[N];
  bool adjacent = true;
  std::int64_t run = 0;  // lanes that are neighbours in every array
  for (int a = 0; a < N; ++a) {
    lanes[a] = lanes_of(*views[a], axis);
    const Lanes& l = lanes[a];
    adjacent = adjacent && l.rank > 0 && l.strides[l.rank - 1] == 1;
    if (adjacent) run = a == 0 ? l.dims[l.rank - 1] : std::min(run, l.dims[l.rank - 1]);
  }
  adjacent = adjacent && run >= kStridedWidth;
  const std::int64_t count = lanes[0].count, n = lanes[0].n;
  // The lanes are cut into stretches of `across` blocks each.
  const std::int64_t stretch = adjacent ? run : count, most = adjacent ? kLaneWidth : kStridedWidth;
  const std::int64_t across = (stretch + most - 1) / most, blocks = count / stretch * across;
  const std::int64_t grain = std::max<std::int64_t>(1, kLaneGrain / (n * std::min(most, stretch)));
  parallel_for(blocks, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i / across * stretch + i % across * most;
      LaneBlock<N> b;
      b.width = static_cast<int>(std::min(most, stretch - i % across * most));
      b.n = n;
      b.adjacent = adjacent;
      for (int a = 0; a < N; ++a) {
        b.stride[a] = lanes[a].stride;
        for (int w = 0; w < (adjacent ? 1 : b.width); ++w) b.offset[a][w] = lanes[a].offset(first + w);
      }
      f(b);
    }
  });
}

}  // namespace gradus::kernels
