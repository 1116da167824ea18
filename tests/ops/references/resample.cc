// References of resample and its transpose: the whole matrix of weights of the axis, from the definition of
// each kernel as a function of the distance.
#include <algorithm>
#include <cmath>
#include <string_view>

#include "gradus/ops/resample/weights.h"
#include "gradus/tests/ops/reference.h"

namespace gradus::reference {
namespace {

using Inputs = std::span<const Tensor>;

double cubic_at(double distance, double a) {
  const double d = std::abs(distance), d2 = d * d, d3 = d2 * d;
  if (d < 1) return (a + 2) * d3 - (a + 3) * d2 + 1;
  if (d < 2) return a * d3 - 5 * a * d2 + 8 * a * d - 4 * a;
  return 0;
}

// The weight of each of n given places in the resampled place j.
std::vector<double> weights(const ResampleAttrs& a, std::int64_t n, std::int64_t j) {
  std::vector<double> w(static_cast<std::size_t>(n));
  const double last = static_cast<double>(n - 1);
  const double at = (static_cast<double>(j) + a.shift) * a.numerator / a.denominator + a.offset;
  const std::string_view mode = a.mode;
  const auto nearest = [&](double place) { w[static_cast<std::size_t>(std::clamp(place, 0.0, last))] = 1; };
  if (mode == "floor") {
    nearest(std::floor(at));
  } else if (mode == "ceil") {
    nearest(std::ceil(at));
  } else if (mode == "round_half_down") {
    nearest(at - std::floor(at) > 0.5 ? std::floor(at) + 1 : std::floor(at));
  } else if (mode == "round_half_up") {
    nearest(at - std::floor(at) >= 0.5 ? std::floor(at) + 1 : std::floor(at));
  } else if (mode == "linear") {
    const double inside = std::clamp(at, 0.0, last);
    for (std::int64_t i = 0; i < n; ++i)
      w[static_cast<std::size_t>(i)] = std::max(0.0, 1 - std::abs(inside - static_cast<double>(i)));
  } else {
    // An axis that goes on far enough at both ends; then what is outside goes to the edge, or away.
    double total = 0;
    for (std::int64_t i = -10; i < n + 10; ++i) {
      const double k = cubic_at(at - static_cast<double>(i), a.cubic);
      const bool outside = i < 0 || i >= n;
      if (outside && a.exclude_outside) continue;
      w[static_cast<std::size_t>(std::clamp<std::int64_t>(i, 0, n - 1))] += k;
      total += k;
    }
    for (double& v : w) v /= total;
  }
  return w;
}

// Along the axis, from `n` places to as many as the attributes say.
template <class F>
std::vector<Tensor> along(const Tensor& x, const ResampleAttrs& a, F weight) {
  const int axis = static_cast<int>(a.dim < 0 ? a.dim + x.rank() : a.dim);
  Shape to = x.shape();
  to[axis] = a.size;
  const std::vector<double> from = read(x);
  std::vector<double> y(static_cast<std::size_t>(to.numel()));
  for (std::size_t o = 0; o < y.size(); ++o) {
    Place at = place_of(o, to);
    const std::int64_t j = at[static_cast<std::size_t>(axis)];
    for (std::int64_t i = 0; i < x.size(axis); ++i) {
      const double w = weight(j, i);
      if (w == 0) continue;
      at[static_cast<std::size_t>(axis)] = i;
      y[o] += w * from[flat_of(at, x.shape())];
    }
  }
  return {make(to, y, x.dtype())};
}

std::vector<Tensor> resample(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const ResampleAttrs*>(attrs);
  const std::int64_t n = in[0].size(static_cast<int>(a.dim));
  return along(in[0], a,
               [&](std::int64_t j, std::int64_t i) { return weights(a, n, j)[static_cast<std::size_t>(i)]; });
}

std::vector<Tensor> resample_backward(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const ResampleAttrs*>(attrs);
  return along(in[0], a, [&](std::int64_t i, std::int64_t j) {
    return weights(a, a.size, j)[static_cast<std::size_t>(i)];
  });
}

constexpr ReferenceEntry kEntries[] = {{"resample", resample}, {"resample_backward", resample_backward}};

}  // namespace

std::span<const ReferenceEntry> resample_references() { return kEntries; }

}  // namespace gradus::reference
