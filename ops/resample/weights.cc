// The table of weights of resample. Keys' cubic kernel: R. Keys, "Cubic convolution interpolation for digital
// image processing" (1981), with a free parameter (-0.5 there, -0.75 in PyTorch and OpenCV).
#include "gradus/ops/resample/weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "gradus/base/format.h"

namespace gradus {
namespace {

struct Mode {
  const char* name;
  int taps;
};
constexpr Mode kModes[] = {{"floor", 1},         {"ceil", 1},   {"round_half_down", 1},
                           {"round_half_up", 1}, {"linear", 2}, {"cubic", 4}};

double keys(double distance, double a) {
  const double d = std::abs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? a * (((d - 5) * d + 8) * d - 4) : 0;
}

}  // namespace

int resample_taps(const ResampleAttrs& a) {
  for (const Mode& m : kModes) {
    if (std::strcmp(a.mode, m.name) == 0) return m.taps;
  }
  return 0;
}

void require_resample(const InferContext& c, const ResampleAttrs& a) {
  const int axis = c.axis(0, a.dim);
  const int taps = resample_taps(a);
  if (taps == 0) c.value_error(fmt::format("there is no mode {}", a.mode));
  if (taps > 1) c.require_floating(0);
  if (c.dtype(0) == DType::boolean) c.dtype_error(fmt::format("takes numbers: {}", c.describe(0)));
  if (a.size < 1) {
    c.value_error(fmt::format("size {} of axis {} is below 1: {}", a.size, axis, c.describe(0)));
  }
  if (c.dim(0, axis) == 0) {
    c.shape_error(fmt::format("axis {} of {} has no elements to resample", axis, c.describe(0)));
  }
  if (!std::isfinite(a.shift) || !std::isfinite(a.offset) || !std::isfinite(a.cubic) ||
      !std::isfinite(a.numerator / a.denominator)) {
    c.value_error(fmt::format("({} + j) * {} / {} + {} are no places of axis {}: {}", a.shift, a.numerator,
                              a.denominator, a.offset, axis, c.describe(0)));
  }
}

std::size_t resample_room(const ResampleAttrs& a, std::int64_t resampled) {
  return static_cast<std::size_t>(resampled) * static_cast<std::size_t>(resample_taps(a)) *
         (sizeof(std::int64_t) + sizeof(double));
}

ResampleTable make_resample_table(const ResampleAttrs& a, std::int64_t given, std::int64_t resampled,
                                  void* memory) {
  const int taps = resample_taps(a);
  auto* index = static_cast<std::int64_t*>(memory);
  auto* weight = reinterpret_cast<double*>(index + resampled * taps);
  // Anything further outside reads the same places, and no number overflows.
  const double far = static_cast<double>(given) + 4;
  for (std::int64_t j = 0; j < resampled; ++j) {
    // The product before the quotient: where the place is whole, this is exact.
    const double at =
        std::clamp((static_cast<double>(j) + a.shift) * a.numerator / a.denominator + a.offset, -far, far);
    double first = std::floor(at);
    double w[4] = {1, 0, 0, 0};
    if (taps == 2) {
      w[1] = at - first;
      w[0] = 1 - w[1];
    } else if (taps == 4) {
      for (int t = 0; t < 4; ++t) w[t] = keys(at - (first - 1 + t), a.cubic);
      first -= 1;
    } else if (a.mode[0] == 'c') {
      first = std::ceil(at);
    } else if (a.mode[0] == 'r') {
      first = std::strcmp(a.mode, "round_half_up") == 0 ? std::floor(at + 0.5) : std::ceil(at - 0.5);
    }
    double inside = 0;
    const auto begin = static_cast<std::int64_t>(first);
    for (int t = 0; t < taps; ++t) {
      const std::int64_t i = begin + t;
      if (i >= 0 && i < given) inside += w[t];
    }
    for (int t = 0; t < taps; ++t) {
      const std::int64_t i = begin + t;
      if (a.exclude_outside && inside != 0) w[t] = i >= 0 && i < given ? w[t] / inside : 0;
      index[j * taps + t] = std::clamp<std::int64_t>(i, 0, given - 1);
      weight[j * taps + t] = w[t];
    }
  }
  return {taps, index, weight};
}

}  // namespace gradus
