// Pools.
#include "gradus/ops/pool.h"

#include "gradus/base/format.h"
#include "gradus/data/format/onnx/call.h"
#include "gradus/data/format/onnx/operators.h"
#include "gradus/data/format/onnx/operators/integers.h"
#include "gradus/data/format/onnx/operators/windows.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/join.h"
#include "gradus/ops/view.h"

namespace gradus::onnx {
namespace {

// Places in the spatial axes of each channel as places in the whole tensor; in column-major order of the
// spatial axes where asked for.
Tensor whole_places(const Tensor& places, const Shape& x, bool column_major) {
  std::vector<std::int64_t> all = whole_numbers(places);
  std::int64_t area = 1, windows = 1;
  for (int i = 2; i < x.rank(); ++i) {
    area *= x[i];
    windows *= places.size(i);
  }
  for (std::size_t k = 0; k < all.size(); ++k) {
    std::int64_t at = all[k];
    if (column_major) {
      std::int64_t rest = at, place = 0;
      std::int64_t weights[kMaxRank] = {};
      std::int64_t weight = 1;
      for (int i = 2; i < x.rank(); ++i) {
        weights[i] = weight;
        weight *= x[i];
      }
      for (int i = x.rank() - 1; i >= 2; --i) {
        place += rest % x[i] * weights[i];
        rest /= x[i];
      }
      at = place;
    }
    all[k] = static_cast<std::int64_t>(k) / windows * area + at;
  }
  return index_tensor(all, places.shape());
}

void run_max_pool(Call& c) {
  const Tensor& x = c.in(0);
  const Windows w = read_windows(c, {});
  const MaxPoolOptions o{.stride = w.stride,
                         .padding = w.before,
                         .padding_end = w.behind,
                         .dilation = w.dilation,
                         .ceil_mode = c.flag("ceil_mode")};
  const bool column_major = c.flag("storage_order");
  if (!c.wants(1)) {
    return c.set(0,
                 w.spatial == 1   ? max_pool1d(x, w.kernel, o)
                 : w.spatial == 2 ? max_pool2d(x, w.kernel, o)
                                  : max_pool3d(x, w.kernel, o),
                 c.type(0));
  }
  const ValuesIndices found = w.spatial == 1   ? max_pool1d_with_indices(x, w.kernel, o)
                              : w.spatial == 2 ? max_pool2d_with_indices(x, w.kernel, o)
                                               : max_pool3d_with_indices(x, w.kernel, o);
  c.set(0, found.values, c.type(0));
  c.set(1, whole_places(found.indices, x.shape(), column_major), ElementType::i64);
}

void run_average_pool(Call& c) {
  const Tensor& x = c.in(0);
  const Windows w = read_windows(c, {});
  const AvgPoolOptions o{.stride = w.stride,
                         .padding = w.before,
                         .padding_end = w.behind,
                         .ceil_mode = c.flag("ceil_mode"),
                         .count_include_pad = c.flag("count_include_pad")};
  c.set(0, w.spatial == 1   ? avg_pool1d(x, w.kernel, o)
           : w.spatial == 2 ? avg_pool2d(x, w.kernel, o)
                            : avg_pool3d(x, w.kernel, o));
}

void run_lp_pool(Call& c) {
  const Tensor& x = c.in(0);
  const Windows w = read_windows(c, {});
  const LpPoolOptions o{.stride = w.stride, .padding = w.before, .padding_end = w.behind};
  const double p = c.opset() < 2 ? c.real("p", 2) : static_cast<double>(c.whole("p", 2));
  c.set(0, w.spatial == 1   ? lp_pool1d(x, p, w.kernel, o)
           : w.spatial == 2 ? lp_pool2d(x, p, w.kernel, o)
                            : lp_pool3d(x, p, w.kernel, o));
}

// All spatial axes.
Dims spatial_axes(const Call& c) {
  Dims dims;
  for (int i = 2; i < c.in(0).rank(); ++i) dims.push_back(i);
  if (dims.empty()) c.fail("its input {} has no spatial axes", format_shape(c.in(0).shape()));
  return dims;
}

void run_global_lp_pool(Call& c) {
  const double p = c.opset() < 2 ? c.real("p", 2) : static_cast<double>(c.whole("p", 2));
  c.set(0, norm(c.in(0), p, spatial_axes(c), true));
}

// The indices are places in the whole tensor that the sizes of the windows give; a larger output has more
// places behind those.
void run_max_unpool(Call& c) {
  const Tensor& x = c.in(0);
  const Windows w = read_windows(c, {});
  if (!(c.in(1).shape() == x.shape())) {
    c.fail("indices {} do not fit X {}", format_shape(c.in(1).shape()), format_shape(x.shape()));
  }
  std::vector<std::int64_t> dims{x.size(0), x.size(1)};
  for (int i = 0; i < w.spatial; ++i) {
    dims.push_back((x.size(i + 2) - 1) * w.stride[i] - w.before[i] - w.behind[i] + w.kernel[i]);
  }
  const Shape shape = c.made_up_shape(dims);
  const Tensor places = wrapped_indices(c, flatten(c.in(1)), shape.numel());
  Tensor y = reshape(scatter(zeros({shape.numel()}, x.dtype()), 0, places, flatten(x)), shape);
  if (c.has(2)) {
    const std::vector<std::int64_t> wanted = c.wholes_in(2);
    c.made_up_shape(wanted);
    if (static_cast<int>(wanted.size()) != x.rank())
      c.fail("output_shape has {} sizes for {} axes", wanted.size(), x.rank());
    std::vector<std::int64_t> pads;
    for (int i = x.rank() - 1; i >= 0; --i) {
      pads.push_back(0);
      pads.push_back(wanted[static_cast<std::size_t>(i)] - shape[i]);
    }
    y = pad(y, pads);
  }
  c.set(0, y);
}

constexpr Operator kOperators[] = {
    {"MaxPool", run_max_pool, 1, 1},
    {"AveragePool", run_average_pool, 1, 1},
    {"LpPool", run_lp_pool, 1, 1},
    {"GlobalMaxPool", [](Call& c) { c.set(0, amax(c.in(0), spatial_axes(c), true)); }, 1, 1},
    {"GlobalAveragePool", [](Call& c) { c.set(0, mean(c.in(0), spatial_axes(c), true)); }, 1, 1},
    {"GlobalLpPool", run_global_lp_pool, 1, 1},
    {"MaxUnpool", run_max_unpool, 2, 3},
};

}  // namespace

std::span<const Operator> pool_operators() { return kOperators; }

}  // namespace gradus::onnx
