// resample and resample_backward along one axis, [outer, n, inner] in memory: whole inner runs are weighted
// and added where there are any, so that neighbours in memory are read together.
#include "gradus/ops/resample/loops.h"

#include <algorithm>

#include "gradus/base/parallel.h"
#include "gradus/ops/channels.h"
#include "gradus/ops/creation/values.h"
#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/pack.h"
#include "gradus/ops/resample/weights.h"

namespace gradus {
namespace {

constexpr std::int64_t kWork = 32 * 1024;  // elements that are worth a thread
constexpr std::int64_t kBlock = 1024;      // elements of a run that stay in the first-level cache

// Axes behind C; arrays of fewer than three axes have no channels.
int spatial_of(int rank) { return std::max(rank - 2, 0); }

ChannelLayout layout_of_any(const View& v) {
  return v.rank < 3 ? ChannelLayout::channels_first : layout_of(v, spatial_of(v.rank));
}

// Elements from one place of the axis to the next.
std::int64_t inner_of(const View& v, ChannelLayout layout, int axis) {
  std::int64_t strides[kMaxRank];
  layout_strides(v.rank < 3 ? ChannelLayout::channels_first : layout, v.dims, v.rank, spatial_of(v.rank),
                 strides);
  return strides[axis];
}

template <class T>
void gather_runs(const ResampleTable& table, std::int64_t n, std::int64_t m, std::int64_t inner, const T* x,
                 T* y, std::int64_t begin, std::int64_t end) {
  const int taps = table.taps;
  for (std::int64_t r = begin; r < end; ++r) {
    const std::int64_t j = r % m;
    const T* from = x + r / m * n * inner;
    T* to = y + r * inner;
    const std::int64_t* index = table.index + j * taps;
    const double* weight = table.weight + j * taps;
    if (taps == 1) {
      std::copy_n(from + index[0] * inner, inner, to);
      continue;
    }
    for (std::int64_t b = 0; b < inner; b += kBlock) {
      const std::int64_t count = std::min(kBlock, inner - b);
      const T *p0 = from + index[0] * inner + b, *p1 = from + index[1] * inner + b;
      const T w0 = static_cast<T>(weight[0]), w1 = static_cast<T>(weight[1]);
      for (std::int64_t i = 0; i < count; ++i) to[b + i] = static_cast<T>(w0 * p0[i] + w1 * p1[i]);
      for (int t = 2; t < taps; ++t) {
        const T* p = from + index[t] * inner + b;
        const T w = static_cast<T>(weight[t]);
        for (std::int64_t i = 0; i < count; ++i) to[b + i] = static_cast<T>(to[b + i] + w * p[i]);
      }
    }
  }
}

// The same for runs of one element: outer places [begin, end).
template <class T>
void gather_rows(const ResampleTable& table, std::int64_t n, std::int64_t m, const T* x, T* y,
                 std::int64_t begin, std::int64_t end) {
  const int taps = table.taps;
  for (std::int64_t r = begin; r < end; ++r) {
    const T* from = x + r * n;
    T* to = y + r * m;
    for (std::int64_t j = 0; j < m; ++j) {
      const std::int64_t* index = table.index + j * taps;
      const double* weight = table.weight + j * taps;
      if (taps == 1) {
        to[j] = from[index[0]];
        continue;
      }
      T sum = static_cast<T>(static_cast<T>(weight[0]) * from[index[0]] +
                             static_cast<T>(weight[1]) * from[index[1]]);
      for (int t = 2; t < taps; ++t) sum = static_cast<T>(sum + static_cast<T>(weight[t]) * from[index[t]]);
      to[j] = sum;
    }
  }
}

// Elements [begin, end) of the outer places' runs. m is the size of g's axis, n that of the result's.
template <class T>
void scatter_runs(const ResampleTable& table, std::int64_t n, std::int64_t m, std::int64_t inner, const T* g,
                  T* dx, std::int64_t outer, std::int64_t begin, std::int64_t end) {
  const int taps = table.taps;
  const T* from = g + outer * m * inner;
  T* to = dx + outer * n * inner;
  for (std::int64_t i = 0; i < n; ++i) std::fill(to + i * inner + begin, to + i * inner + end, T{0});
  for (std::int64_t j = 0; j < m; ++j) {
    const T* p = from + j * inner;
    for (int t = 0; t < taps; ++t) {
      T* q = to + table.index[j * taps + t] * inner;
      const T w = static_cast<T>(table.weight[j * taps + t]);
      for (std::int64_t i = begin; i < end; ++i) q[i] = static_cast<T>(q[i] + w * p[i]);
    }
  }
}

}  // namespace

void infer_resample(InferContext& c, bool transposed) {
  const auto& a = c.attrs<ResampleAttrs>();
  require_resample(c, a);
  const int axis = c.axis(0, a.dim), rank = c.rank(0);
  Shape shape = c.shape(0);
  shape[axis] = a.size;
  const ChannelLayout layout = layout_of_any(c.impl(0).view());
  set_out_laid_out(c, 0, c.dtype(0), shape, layout, spatial_of(rank));
  const std::int64_t resampled = transposed ? c.dim(0, axis) : a.size;
  // More than this has no memory, and its table's size would overflow.
  if (resampled > std::int64_t{1} << 44 || c.numel(0) == 0) return;
  c.set_scratch(laid_out_room(c.impl(0), layout, spatial_of(rank)) + resample_room(a, resampled));
}

void run_resample(KernelContext& c, bool transposed) {
  if (c.out[0].numel == 0) return;
  const auto& a = c.attrs<ResampleAttrs>();
  const int axis = positive_axis(a.dim, c.in[0].rank);
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const ChannelLayout layout = layout_of_any(c.in[0]);
  const View x = laid_out(c.in[0], layout, spatial_of(c.in[0].rank), &scratch);
  const View& y = c.out[0];
  const std::int64_t inner = inner_of(x, layout, axis), n = x.dims[axis], m = y.dims[axis];
  const std::int64_t outer = x.numel / (n * inner);
  const ResampleTable table =
      transposed ? make_resample_table(a, m, n, scratch) : make_resample_table(a, n, m, scratch);
  with_type(x.dtype, [&]<class T>(T) {
    if (!transposed && inner == 1) {
      parallel_for(outer, std::max<std::int64_t>(1, kWork / (m * table.taps)),
                   [&](std::int64_t begin, std::int64_t end) {
                     gather_rows(table, n, m, x.as<const T>(), y.as<T>(), begin, end);
                   });
      return;
    }
    if (!transposed) {
      parallel_for(outer * m, std::max<std::int64_t>(1, kWork / (inner * table.taps)),
                   [&](std::int64_t begin, std::int64_t end) {
                     gather_runs(table, n, m, inner, x.as<const T>(), y.as<T>(), begin, end);
                   });
      return;
    }
    // Blocks of runs are independent of each other, as outer places are.
    const std::int64_t blocks = (inner + kBlock - 1) / kBlock;
    parallel_for(outer * blocks,
                 std::max<std::int64_t>(1, kWork / (std::min(inner, kBlock) * (n * table.taps + m))),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t b = begin; b < end; ++b) {
                     const std::int64_t first = b % blocks * kBlock;
                     scatter_runs(table, m, n, inner, x.as<const T>(), y.as<T>(), b / blocks, first,
                                  std::min(inner, first + kBlock));
                   }
                 });
  });
}

}  // namespace gradus
