// What object detection adds: choosing boxes, and reading regions.
#include <algorithm>
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/data/format/onnx/call.h"
#include "gradus/data/format/onnx/operators.h"
#include "gradus/data/format/onnx/operators/integers.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/join.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus::onnx {
namespace {

struct Box {
  float y1, x1, y2, x2;

  float area() const { return (y2 - y1) * (x2 - x1); }
};

float overlap(const Box& a, const Box& b) {
  const float h = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  const float w = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  if (!(h > 0) || !(w > 0)) return 0;
  return h * w / (a.area() + b.area() - h * w);
}

// Of the boxes that overlap by more than a threshold only the best stays, for each batch and class.
void run_non_max_suppression(Call& c) {
  const Tensor& boxes = c.in(0);
  const Tensor& scores = c.in(1);
  if (boxes.rank() != 3 || scores.rank() != 3 || boxes.size(2) != 4 || boxes.size(0) != scores.size(0) ||
      boxes.size(1) != scores.size(2)) {
    c.fail("boxes {} and scores {} do not fit", format_shape(boxes.shape()), format_shape(scores.shape()));
  }
  const std::int64_t most = c.has(2) ? c.whole_in(2) : 0;
  const double most_overlap = c.has(3) ? c.real_in(3) : 0;
  const bool has_least = c.has(4);
  const double least = has_least ? c.real_in(4) : 0;
  const bool centred = c.flag("center_point_box");
  const std::vector<float> corners = boxes.to_vector<float>(), values = scores.to_vector<float>();
  const std::int64_t batches = boxes.size(0), count = boxes.size(1), classes = scores.size(1);
  std::vector<std::int64_t> chosen;
  for (std::int64_t b = 0; b < batches; ++b) {
    std::vector<Box> all;
    for (std::int64_t i = 0; i < count; ++i) {
      const float* p = &corners[static_cast<std::size_t>((b * count + i) * 4)];
      if (centred) {
        all.push_back({p[1] - p[3] / 2, p[0] - p[2] / 2, p[1] + p[3] / 2, p[0] + p[2] / 2});
      } else {
        all.push_back(
            {std::min(p[0], p[2]), std::min(p[1], p[3]), std::max(p[0], p[2]), std::max(p[1], p[3])});
      }
    }
    for (std::int64_t k = 0; k < classes; ++k) {
      const float* score = values.data() + (b * classes + k) * count;
      std::vector<std::int64_t> order;
      for (std::int64_t i = 0; i < count; ++i) {
        if (!std::isnan(score[i]) && (!has_least || static_cast<double>(score[i]) > least))
          order.push_back(i);
      }
      std::stable_sort(order.begin(), order.end(),
                       [&](std::int64_t i, std::int64_t j) { return score[i] > score[j]; });
      std::vector<std::int64_t> kept;
      for (const std::int64_t i : order) {
        if (static_cast<std::int64_t>(kept.size()) >= most) break;
        const bool covered = std::any_of(kept.begin(), kept.end(), [&](std::int64_t j) {
          return static_cast<double>(overlap(all[static_cast<std::size_t>(i)],
                                             all[static_cast<std::size_t>(j)])) > most_overlap;
        });
        if (!covered) kept.push_back(i);
      }
      for (const std::int64_t i : kept) chosen.insert(chosen.end(), {b, k, i});
    }
  }
  const auto rows = static_cast<std::int64_t>(chosen.size() / 3);
  c.set(0, index_tensor(chosen, {rows, 3}), ElementType::i64);
}

// Four neighbours of a point and their weights in the bilinear sum.
struct Corners {
  std::int64_t place[4];
  double weight[4];
};

Corners find_corners(double y, double x, std::int64_t h, std::int64_t w) {
  Corners out{};
  const auto last_y = static_cast<double>(h - 1), last_x = static_cast<double>(w - 1);
  if (!(y >= -1 && y <= last_y + 1 && x >= -1 && x <= last_x + 1)) return out;
  y = std::clamp(y, 0.0, last_y);
  x = std::clamp(x, 0.0, last_x);
  const auto y0 = static_cast<std::int64_t>(y), x0 = static_cast<std::int64_t>(x);
  const std::int64_t y1 = std::min(y0 + 1, h - 1), x1 = std::min(x0 + 1, w - 1);
  const double dy = y - static_cast<double>(y0), dx = x - static_cast<double>(x0);
  const std::int64_t places[] = {y0 * w + x0, y0 * w + x1, y1 * w + x0, y1 * w + x1};
  const double weights[] = {(1 - dy) * (1 - dx), (1 - dy) * dx, dy * (1 - dx), dy * dx};
  std::copy(std::begin(places), std::end(places), out.place);
  std::copy(std::begin(weights), std::end(weights), out.weight);
  return out;
}

// Each region of a feature map as a small grid of averages of points between the pixels. Source: He et al.:
// "Mask R-CNN", 2017, and the definition of RoiAlign in operator sets 10 and 16.
void run_roi_align(Call& c) {
  const Tensor& x = c.in(0);
  const Tensor& rois = c.in(1);
  if (x.rank() != 4 || rois.rank() != 2 || rois.size(1) != 4) {
    c.fail("X {} and rois {} do not fit", format_shape(x.shape()), format_shape(rois.shape()));
  }
  if (c.text("mode", "avg") != "avg") c.unsupported("mode \"{}\"", c.text("mode", "avg"));
  const std::int64_t oh = c.whole("output_height", 1), ow = c.whole("output_width", 1);
  const std::int64_t ratio = c.whole("sampling_ratio", 0);
  const double scale = c.real("spatial_scale", 1);
  const std::string coordinates =
      c.text("coordinate_transformation_mode", c.opset() < 16 ? "output_half_pixel" : "half_pixel");
  if (coordinates != "half_pixel" && coordinates != "output_half_pixel")
    c.fail("the coordinate_transformation_mode \"{}\" is none", coordinates);
  const bool half_pixel = coordinates == "half_pixel";
  const std::int64_t n = x.size(0), channels = x.size(1), h = x.size(2), w = x.size(3), count = rois.size(0);
  if (oh < 1 || ow < 1 || ratio < 0 || ratio > 1024 || h < 1 || w < 1) {
    c.fail("an output of {} x {} with a sampling_ratio of {} from {} x {}", oh, ow, ratio, h, w);
  }
  const std::int64_t dims[] = {count, channels, oh, ow};
  c.made_up_shape(dims);
  std::vector<std::int64_t> batch = c.wholes_in(2);
  if (static_cast<std::int64_t>(batch.size()) != count)
    c.fail("{} batch indices are given for {} regions", batch.size(), count);
  const std::vector<double> r = astype(rois, DType::f64).to_vector<double>();
  // Pixels as rows of channels.
  const Tensor pixels = reshape(permute(x, {0, 2, 3, 1}), {n * h * w, channels});
  std::vector<Tensor> parts;
  for (std::int64_t k = 0; k < count; ++k) {
    const double* p = &r[static_cast<std::size_t>(4 * k)];
    const std::int64_t b = batch[static_cast<std::size_t>(k)];
    if (b < 0 || b >= n) c.fail("batch index {} is not in 0 .. {}", b, n - 1);
    const double shift = half_pixel ? 0.5 : 0;
    const double x1 = p[0] * scale - shift, y1 = p[1] * scale - shift;
    double rw = p[2] * scale - shift - x1, rh = p[3] * scale - shift - y1;
    if (!half_pixel) {
      rw = std::max(rw, 1.0);
      rh = std::max(rh, 1.0);
    }
    if (!std::isfinite(x1) || !std::isfinite(y1) || !(std::abs(rw) < 1e6) || !(std::abs(rh) < 1e6))
      c.fail("region {} is no rectangle", k);
    const double bh = rh / static_cast<double>(oh), bw = rw / static_cast<double>(ow);
    const std::int64_t gh = ratio > 0 ? ratio : static_cast<std::int64_t>(std::max(std::ceil(bh), 0.0));
    const std::int64_t gw = ratio > 0 ? ratio : static_cast<std::int64_t>(std::max(std::ceil(bw), 0.0));
    const std::int64_t points[] = {oh, ow, gh, gw, 4, channels};
    c.made_up_shape(points);
    std::vector<std::int64_t> places;
    std::vector<double> weights;
    for (std::int64_t i = 0; i < oh * gh; ++i) {
      const double y = y1 + (static_cast<double>(i) + 0.5) * bh / static_cast<double>(gh);
      for (std::int64_t j = 0; j < ow * gw; ++j) {
        const Corners corners =
            find_corners(y, x1 + (static_cast<double>(j) + 0.5) * bw / static_cast<double>(gw), h, w);
        for (int q = 0; q < 4; ++q) {
          places.push_back(b * h * w + corners.place[q]);
          weights.push_back(corners.weight[q] / static_cast<double>(std::max<std::int64_t>(gh * gw, 1)));
        }
      }
    }
    const auto total = static_cast<std::int64_t>(places.size());
    const Tensor weighted =
        index_select(pixels, 0, index_tensor(places)) * astype(tensor(weights, {total, 1}), x.dtype());
    const Tensor grid = sum(reshape(weighted, {oh, gh, ow, gw * 4, channels}), {1, 3});
    parts.push_back(permute(grid, {2, 0, 1}));
  }
  c.set(0, parts.empty() ? zeros({0, channels, oh, ow}, x.dtype()) : stack(parts));
}

constexpr Operator kOperators[] = {
    {"NonMaxSuppression", run_non_max_suppression, 2, 5},
    {"RoiAlign", run_roi_align, 3, 3},
};

}  // namespace

std::span<const Operator> detection_operators() { return kOperators; }

}  // namespace gradus::onnx
