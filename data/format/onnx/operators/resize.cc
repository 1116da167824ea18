// Resize and Upsample: each axis by itself, every output element a weighted sum of a few elements (taps) of
// the input. Source: the definition of Resize in operator sets 10, 11 and 13. And reading between the pixels.
#include <algorithm>
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/data/format/onnx/call.h"
#include "gradus/data/format/onnx/operators.h"
#include "gradus/data/format/onnx/operators/integers.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/resample.h"
#include "gradus/ops/view.h"

namespace gradus::onnx {
namespace {

struct ResizeOptions {
  std::string mode = "nearest";
  std::string coordinates = "asymmetric";
  std::string nearest = "floor";
  double cubic_a = -0.75;
  bool exclude_outside = false;
  double extrapolation = 0;
};

struct Axis {
  std::int64_t in = 0, out = 0;
  double scale = 1;
  double roi_start = 0, roi_end = 1;
};

// Where element x of the output lies in the input.
double source_place(const Call& c, const ResizeOptions& o, const Axis& a, std::int64_t i) {
  const auto x = static_cast<double>(i);
  // The format counts with the size that the scale gives before it is cut to a whole number.
  const auto in = static_cast<double>(a.in), out = in * a.scale;
  if (o.coordinates == "half_pixel") return (x + 0.5) / a.scale - 0.5;
  if (o.coordinates == "pytorch_half_pixel") return out != 1 ? (x + 0.5) / a.scale - 0.5 : 0;
  if (o.coordinates == "align_corners") return out != 1 ? x * (in - 1) / (out - 1) : 0;
  if (o.coordinates == "asymmetric") return x / a.scale;
  if (o.coordinates == "tf_half_pixel_for_nn") return (x + 0.5) / a.scale;
  if (o.coordinates == "tf_crop_and_resize") {
    return out != 1 ? a.roi_start * (in - 1) + x * (a.roi_end - a.roi_start) * (in - 1) / (out - 1)
                    : 0.5 * (a.roi_start + a.roi_end) * (in - 1);
  }
  c.fail("the coordinate_transformation_mode \"{}\" is none", o.coordinates);
}

double nearest_place(const Call& c, const ResizeOptions& o, double x) {
  if (o.nearest == "floor") return std::floor(x);
  if (o.nearest == "ceil") return std::ceil(x);
  if (o.nearest == "round_prefer_floor") return std::ceil(x - 0.5);
  if (o.nearest == "round_prefer_ceil") return std::floor(x + 0.5);
  c.fail("the nearest_mode \"{}\" is none", o.nearest);
}

// The taps of one output element: the place of the first and the weights from there on.
struct Taps {
  double first = 0;
  std::vector<double> weights;
};

Taps find_taps(const Call& c, const ResizeOptions& o, double x) {
  if (o.mode == "nearest") return {nearest_place(c, o, x), {1}};
  const double base = std::floor(x);
  const double r = x - base;
  if (o.mode == "linear") return {base, {1 - r, r}};
  const double a = o.cubic_a;
  // Keys: "Cubic convolution interpolation for digital image processing", 1981.
  const auto near = [a](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
  const auto far = [a](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
  return {base - 1, {far(1 + r), near(r), near(1 - r), far(2 - r)}};
}

Tensor resize_axis(const Call& c, const ResizeOptions& o, const Tensor& x, int axis, const Axis& a) {
  std::size_t count = 0;
  std::vector<std::vector<std::int64_t>> places;
  std::vector<std::vector<double>> weights;
  std::vector<std::uint8_t> outside;
  for (std::int64_t i = 0; i < a.out; ++i) {
    const double at = source_place(c, o, a, i);
    if (!std::isfinite(at)) c.fail("scale {} of axis {} gives no places", a.scale, axis);
    outside.push_back(
        o.coordinates == "tf_crop_and_resize" && (at < 0 || at > static_cast<double>(a.in - 1)) ? 1 : 0);
    Taps taps = find_taps(c, o, at);
    if (count == 0) {
      count = taps.weights.size();
      places.resize(count);
      weights.resize(count);
    }
    double total = 0;
    for (std::size_t k = 0; k < count; ++k) {
      const double place = taps.first + static_cast<double>(k);
      if (o.exclude_outside && (place < 0 || place > static_cast<double>(a.in - 1))) taps.weights[k] = 0;
      total += taps.weights[k];
    }
    for (std::size_t k = 0; k < count; ++k) {
      const double place =
          std::clamp(taps.first + static_cast<double>(k), 0.0, static_cast<double>(a.in - 1));
      places[k].push_back(static_cast<std::int64_t>(place));
      weights[k].push_back(o.exclude_outside && total != 0 ? taps.weights[k] / total : taps.weights[k]);
    }
  }
  std::vector<std::int64_t> line(static_cast<std::size_t>(x.rank()), 1);
  line[static_cast<std::size_t>(axis)] = a.out;
  Tensor y;
  for (std::size_t k = 0; k < count; ++k) {
    Tensor part = index_select(x, axis, index_tensor(places[k]));
    if (o.mode != "nearest") part = part * astype(tensor(weights[k], Shape(line)), x.dtype());
    y = y.defined() ? y + part : part;
  }
  if (std::find(outside.begin(), outside.end(), 1) != outside.end()) {
    y = where(astype(tensor(outside, Shape(line)), DType::boolean), Scalar(o.extrapolation), y);
  }
  return y;
}

void resize(Call& c, const ResizeOptions& o, const std::vector<double>& scales,
            const std::vector<std::int64_t>& sizes, const std::vector<double>& roi) {
  const Tensor& x = c.in(0);
  if (o.mode != "nearest" && o.mode != "linear" && o.mode != "cubic")
    c.fail("the mode \"{}\" is none", o.mode);
  if (o.mode != "nearest" && !is_floating(x.dtype()))
    c.unsupported("mode {} for {}", o.mode, name(x.dtype()));
  const auto rank = static_cast<std::size_t>(x.rank());
  if ((sizes.empty() ? scales.size() : sizes.size()) != rank) {
    c.fail("{} scales and {} sizes are given for {} axes", scales.size(), sizes.size(), rank);
  }
  std::vector<Axis> axes(rank);
  std::vector<std::int64_t> dims;
  for (std::size_t i = 0; i < rank; ++i) {
    Axis& a = axes[i];
    a.in = x.size(static_cast<int>(i));
    if (!sizes.empty()) {
      a.out = sizes[i];
      a.scale = static_cast<double>(a.out) / static_cast<double>(a.in);
    } else {
      a.scale = scales[i];
      if (!(a.scale > 0) || std::isinf(a.scale))
        c.fail("scale {} of axis {} is no number above 0", a.scale, i);
      a.out = static_cast<std::int64_t>(std::min(std::floor(static_cast<double>(a.in) * a.scale), 1e18));
    }
    // What is worked out for each place of an axis must not outgrow the tensor itself.
    if (a.out > (std::int64_t{1} << 24)) c.fail("axis {} would have the size {}", i, a.out);
    if (a.in == 0 && a.out != 0) c.fail("axis {} of size 0 cannot grow to {}", i, a.out);
    if (o.coordinates == "tf_crop_and_resize") {
      if (roi.size() != 2 * rank) c.fail("roi has {} numbers for {} axes", roi.size(), rank);
      a.roi_start = roi[i];
      a.roi_end = roi[i + rank];
    }
    dims.push_back(a.out);
  }
  c.made_up_shape(dims);
  Tensor y = x;
  for (std::size_t i = 0; i < rank; ++i) {
    const Axis& a = axes[i];
    const bool whole = a.roi_start == 0 && a.roi_end == 1;
    if (a.in == a.out && a.scale == 1 && whole) continue;
    y = a.out == 0 ? slice(y, static_cast<std::int64_t>(i), 0, 0)
                   : resize_axis(c, o, y, static_cast<int>(i), a);
  }
  c.set(0, y, c.type(0));
}

std::vector<double> reals_in(const Call& c, int i) {
  if (!c.has(i)) return {};
  return astype(c.in(i), DType::f64).to_vector<double>();
}

void run_resize(Call& c) {
  ResizeOptions o;
  o.mode = c.text("mode", "nearest");
  if (c.opset() < 11) return resize(c, o, reals_in(c, 1), {}, {});
  o.coordinates = c.text("coordinate_transformation_mode", "half_pixel");
  o.nearest = c.text("nearest_mode", "round_prefer_floor");
  o.cubic_a = c.real("cubic_coeff_a", -0.75);
  o.exclude_outside = c.flag("exclude_outside");
  o.extrapolation = c.real("extrapolation_value", 0);
  std::vector<std::int64_t> sizes;
  if (c.has(3)) sizes = c.wholes_in(3);
  resize(c, o, reals_in(c, 2), sizes, reals_in(c, 1));
}

void run_upsample(Call& c) {
  ResizeOptions o;
  o.mode = c.text("mode", "nearest");
  if (o.mode == "bilinear") o.mode = "linear";
  std::vector<double> scales;
  if (c.opset() >= 9) {
    scales = reals_in(c, 1);
  } else if (c.opset() >= 7) {
    scales = c.reals("scales").value_or(std::vector<double>{});
  } else {
    scales = {1, 1, c.real("height_scale", 1), c.real("width_scale", 1)};
  }
  resize(c, o, scales, {}, {});
}

void run_grid_sample(Call& c) {
  GridSampleOptions o;
  const std::string mode = c.text("mode", "bilinear"), padding = c.text("padding_mode", "zeros");
  if (mode == "nearest") {
    o.mode = GridSampleMode::nearest;
  } else if (mode == "bicubic") {
    o.mode = GridSampleMode::bicubic;
  } else if (mode != "bilinear") {
    c.fail("the mode \"{}\" is none", mode);
  }
  if (padding == "border") {
    o.padding_mode = GridPadding::border;
  } else if (padding == "reflection") {
    o.padding_mode = GridPadding::reflection;
  } else if (padding != "zeros") {
    c.fail("the padding_mode \"{}\" is none", padding);
  }
  o.align_corners = c.flag("align_corners");
  c.set(0, grid_sample(c.in(0), c.in(1), o));
}

constexpr Operator kOperators[] = {
    {"Resize", run_resize, 1, 4},
    {"Upsample", run_upsample, 1, 2},
    {"GridSample", run_grid_sample, 2, 2},
};

}  // namespace

std::span<const Operator> resize_operators() { return kOperators; }

}  // namespace gradus::onnx
