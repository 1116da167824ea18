// interpolate: resample() along one spatial axis after the other; the weights of several axes are products.
// Where pixel j of m lies among n, as PyTorch has it: with align_corners at j (n - 1) / (m - 1); else at
// (j + 1/2) r - 1/2 with r = n / m, or 1 / scale_factor where that was given; "nearest" takes floor(j r),
// "nearest_exact" floor((j + 1/2) r). "area" is adaptive_avg_pool.
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/pool.h"
#include "gradus/ops/resample.h"
#include "gradus/ops/resample/weights.h"

namespace gradus {
namespace {

constexpr const char* kOp = "interpolate";

struct Mode {
  const char* name;
  const char* resample;
  int spatial;  // axes; 0: any number
};
constexpr Mode kModes[] = {{"nearest", "floor", 0},   {"nearest_exact", "floor", 0}, {"linear", "linear", 1},
                           {"bilinear", "linear", 2}, {"trilinear", "linear", 3},    {"bicubic", "cubic", 2},
                           {"area", nullptr, 0}};

// The new sizes. Errors: ValueError.
Dims sizes_of(const Tensor& x, const InterpolateOptions& o, int spatial, Location where) {
  const bool by_size = !o.size.empty(), by_scale = !o.scale_factor.empty();
  if (by_size == by_scale) {
    throw_error<ValueError>(where, kOp, "takes either size or scale_factor, and {} was given: input {}",
                            by_size ? "both" : "none", describe(x));
  }
  const std::size_t given = by_size ? static_cast<std::size_t>(o.size.size()) : o.scale_factor.size();
  if (given != 1 && given != static_cast<std::size_t>(spatial)) {
    throw_error<ValueError>(where, kOp,
                            "{} has {} numbers: takes one for each of {} axes, or one for all: input {}",
                            by_size ? "size" : "scale_factor", given, spatial, describe(x));
  }
  Dims sizes;
  for (int i = 0; i < spatial; ++i) {
    const int k = given == 1 ? 0 : i;
    const std::int64_t n = x.size(2 + i);
    if (n == 0)
      throw_error<ShapeError>(where, kOp, "axis {} of input {} has no elements", 2 + i, describe(x));
    if (by_size) {
      if (o.size[k] < 1) {
        throw_error<ValueError>(where, kOp, "size {} of axis {} is below 1: input {}", o.size[k], 2 + i,
                                describe(x));
      }
      sizes.push_back(o.size[k]);
      continue;
    }
    const double scale = o.scale_factor[static_cast<std::size_t>(k)];
    const double size = std::floor(static_cast<double>(n) * scale);
    if (!(scale > 0) || !(size >= 1) || size > 0x1p44) {
      throw_error<ValueError>(where, kOp, "scale_factor {} makes axis {} of size {} one of {}: input {}",
                              scale, 2 + i, n, size, describe(x));
    }
    sizes.push_back(static_cast<std::int64_t>(size));
  }
  return sizes;
}

}  // namespace

Tensor interpolate(Operand input, const InterpolateOptions& o) {
  const At at{input.where};
  Tensor x = held(input);
  const int spatial = x.rank() - 2;
  const Mode& mode = kModes[static_cast<int>(o.mode)];
  if (spatial < 1 || spatial > 3 || (mode.spatial != 0 && mode.spatial != spatial)) {
    throw_error<ShapeError>(
        input.where, kOp, "mode {} takes {} spatial axes behind N and C: input {} has {} axes", mode.name,
        mode.spatial == 0 ? "1 to 3" : std::to_string(mode.spatial), describe(x), x.rank());
  }
  const bool smooth = mode.spatial != 0;
  if (o.align_corners && !smooth) {
    throw_error<ValueError>(input.where, kOp,
                            "align_corners says nothing to mode {}; it is for linear and cubic modes",
                            mode.name);
  }
  if ((smooth || o.mode == InterpolateMode::area) && !is_floating(x.dtype())) {
    throw_error<DtypeError>(
        input.where, kOp,
        "mode {} takes floating-point numbers: input {}; convert it with astype(x, DType::f32)", mode.name,
        describe(x));
  }
  const Dims sizes = sizes_of(x, o, spatial, input.where);
  if (o.mode == InterpolateMode::area) {
    return spatial == 1   ? adaptive_avg_pool1d(input, sizes)
           : spatial == 2 ? adaptive_avg_pool2d(input, sizes)
                          : adaptive_avg_pool3d(input, sizes);
  }
  Shape result = x.shape();
  std::int64_t numel = result[0] * result[1];
  bool too_many = false;
  for (int i = 0; i < spatial; ++i) {
    result[2 + i] = sizes[i];
    too_many |= __builtin_mul_overflow(numel, sizes[i], &numel) || numel > std::int64_t{1} << 44;
  }
  if (too_many) {
    throw_error<ShapeError>(input.where, kOp,
                            "a result {} has too many elements for the memory of any machine: "
                            "input {}",
                            format_shape({result.data(), static_cast<std::size_t>(result.rank())}),
                            describe(x));
  }
  // Axes that become smaller come first: less is left for the others.
  Dims order;
  for (const bool smaller : {true, false}) {
    for (int i = 0; i < spatial; ++i) {
      if ((sizes[i] < x.size(2 + i)) == smaller) order.push_back(i);
    }
  }
  for (const std::int64_t axis : order) {
    const int i = static_cast<int>(axis);
    const std::int64_t n = x.size(2 + i), m = sizes[i];
    ResampleAttrs a{2 + i, m, mode.resample};
    const bool exact = o.mode == InterpolateMode::nearest_exact;
    a.shift = o.mode == InterpolateMode::nearest ? 0 : 0.5;
    a.offset = smooth ? -0.5 : 0;
    if (o.align_corners) {
      a.shift = a.offset = 0;
      a.numerator = m > 1 ? static_cast<double>(n - 1) : 0;
      a.denominator = m > 1 ? static_cast<double>(m - 1) : 1;
    } else if (o.scale_factor.empty() || o.recompute_scale_factor) {
      a.numerator = static_cast<double>(n);
      a.denominator = static_cast<double>(m);
    } else {
      a.denominator = o.scale_factor[o.scale_factor.size() == 1 ? 0 : static_cast<std::size_t>(i)];
    }
    // What is already at its place stays; one axis at least is copied, so that the result is no alias.
    const bool same = n == m && a.numerator == a.denominator && (exact || a.shift + a.offset == 0);
    if (same && (axis != order[spatial - 1] || !x.is(Tensor::share(input.impl)))) continue;
    x = resample(at(std::move(x)), a);
  }
  return x;
}

}  // namespace gradus
