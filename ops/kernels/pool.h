// Pooling over one to three axes: the windows, and the loops over them. An array is [outer, D, H, W, inner]
// as it lies in memory: with channels in front of the spatial axes outer is N C and inner 1, with channels
// last outer is N and inner C.
#pragma once

#include <algorithm>
#include <cstdint>

#include "gradus/graph/view.h"

namespace gradus::kernels {

// The windows along one axis. Adaptive ones divide the axis into `out` parts that may overlap by one place;
// `kernel` is then the size of the largest.
struct PoolAxis {
  std::int64_t in = 1, out = 1, kernel = 1, stride = 1, dilation = 1, before = 0, after = 0;
  bool adaptive = false;

  // The places of the input that one window reads: begin, begin + dilation, ...; `first` of the window's
  // places come before them, in the padding. There is at least one.
  struct Taps {
    std::int64_t begin, count, first;
  };
  // Where the window starts, perhaps in the padding.
  std::int64_t start(std::int64_t o) const { return adaptive ? o * in / out : o * stride - before; }
  Taps taps(std::int64_t o) const {
    const std::int64_t s = start(o);
    if (adaptive) return {s, ((o + 1) * in + out - 1) / out - s, 0};
    const std::int64_t first = s < 0 ? (dilation - 1 - s) / dilation : 0;
    const std::int64_t end = std::min(kernel, dilation == 1 ? in - s : (in - s + dilation - 1) / dilation);
    return {s + first * dilation, end - first, first};
  }
  // The size of the window where places in the padding count, but not those beyond it.
  std::int64_t padded_size(std::int64_t o) const {
    if (adaptive) return taps(o).count;
    const std::int64_t s = start(o);
    return std::min(s + kernel, in + after) - s;
  }
  // The windows that may read place i are [first_reader, end_reader); tap() tells.
  std::int64_t first_reader(std::int64_t i) const {
    if (adaptive) return i * out / in;
    const std::int64_t behind = i + before - (kernel - 1) * dilation;
    return behind <= 0 ? 0 : (behind + stride - 1) / stride;
  }
  std::int64_t end_reader(std::int64_t i) const {
    return adaptive ? ((i + 1) * out - 1) / in + 1 : std::min(out, (i + before) / stride + 1);
  }
  // Which of window o's places is place i of the input; -1: none, since dilation skips it.
  std::int64_t tap(std::int64_t o, std::int64_t i) const {
    const std::int64_t d = i - start(o);
    return d % dilation == 0 ? d / dilation : -1;
  }
};

struct PoolShape {
  std::int64_t outer = 1, inner = 1;
  PoolAxis axis[3];  // D, H, W; those that are missing are in front, with one place

  std::int64_t volume() const { return axis[0].kernel * axis[1].kernel * axis[2].kernel; }
  std::int64_t in_size() const { return axis[0].in * axis[1].in * axis[2].in; }
  std::int64_t out_size() const { return axis[0].out * axis[1].out * axis[2].out; }
};

// Which of a window's places was chosen, counted in row-major order, padding included: u8 where a window has
// at most 256 places, else i32.
inline DType pool_place_type(std::int64_t volume) { return volume <= 256 ? DType::u8 : DType::i32; }

// How the sum of a window becomes its mean.
struct PoolDivisor {
  bool include_pad = true;
  double fixed = 0;  // 0: the number of places
};

// All arrays are dense, in the order of PoolShape.

// The largest element of each window and its place: the first of several equal ones, the last NaN.
void max_pool(const PoolShape& s, const View& x, const View& y, const View& places);
// False where a place is beyond the window.
bool places_inside(const PoolShape& s, const View& places);
// dx: zeros with each element of g added where the place tells; floating.
void max_pool_backward(const PoolShape& s, const View& g, const View& places, const View& dx);
// The elements of x at those places; floating.
void max_pool_take(const PoolShape& s, const View& x, const View& places, const View& y);
// The places as row-major numbers of the unpadded spatial axes, i64.
void max_pool_indices(const PoolShape& s, const View& places, const View& indices);

// Floating.
void avg_pool(const PoolShape& s, PoolDivisor divisor, const View& x, const View& y);
void avg_pool_backward(const PoolShape& s, PoolDivisor divisor, const View& g, const View& dx);

}  // namespace gradus::kernels
