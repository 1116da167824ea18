// References of pooling: for every place of the result its window is walked through, place by place, padding
// included.
#include "gradus/ops/kernels/pool.h"

#include <cmath>
#include <functional>

#include "gradus/ops/pool/windows.h"
#include "gradus/tests/ops/reference.h"

namespace gradus::reference {
namespace {

using Inputs = std::span<const Tensor>;

// One place of a window along one axis.
struct Tap {
  std::int64_t number;      // of the window's places
  std::int64_t at;          // in the axis, perhaps outside
  bool in_padding_or_axis;  // false beyond the padding
};

std::vector<Tap> taps_of(const Windows& w, int i, std::int64_t n, std::int64_t o) {
  std::vector<Tap> taps;
  if (!w.output_size.empty()) {
    const double parts = static_cast<double>(w.output_size[i]), size = static_cast<double>(n);
    const auto begin = static_cast<std::int64_t>(std::floor(static_cast<double>(o) * size / parts));
    const auto end = static_cast<std::int64_t>(std::ceil(static_cast<double>(o + 1) * size / parts));
    for (std::int64_t k = begin; k < end; ++k) taps.push_back({k - begin, k, true});
    return taps;
  }
  for (std::int64_t k = 0; k < w.kernel[i]; ++k) {
    const std::int64_t at = o * w.stride[i] - w.before[i] + k * w.dilation[i];
    taps.push_back({k, at, at < n + w.after[i]});
  }
  return taps;
}

// The most places that a window has along an axis: by which places are numbered.
std::int64_t widest(const Windows& w, int i, std::int64_t n) {
  if (w.output_size.empty()) return w.kernel[i];
  std::int64_t most = 0;
  for (std::int64_t o = 0; o < w.output_size[i]; ++o)
    most = std::max(most, static_cast<std::int64_t>(taps_of(w, i, n, o).size()));
  return most;
}

std::int64_t pooled_size(const Windows& w, int i, std::int64_t n) {
  if (!w.output_size.empty()) return w.output_size[i];
  // Count the windows: those that end within the padding; with ceil_mode one that starts inside too.
  std::int64_t count = 0;
  for (std::int64_t o = 0;; ++o) {
    const std::int64_t start = o * w.stride[i] - w.before[i];
    const std::int64_t last = start + (w.kernel[i] - 1) * w.dilation[i];
    if (last < n + w.after[i]) {
      ++count;
      continue;
    }
    const std::int64_t previous = last - w.stride[i];
    if (w.ceil_mode && start < n && previous < n + w.after[i] - 1) ++count;
    return count;
  }
}

Shape pooled(const Windows& w, const Shape& x) {
  Shape y = x;
  const int spatial = w.spatial();
  for (int i = 0; i < spatial; ++i) y[x.rank() - spatial + i] = pooled_size(w, i, x[x.rank() - spatial + i]);
  return y;
}

// f(flat place of the result, place number in the window, flat place of x or -1, counts with the padding) for
// all windows and their places.
template <class F>
void each_tap(const Windows& w, const Shape& x, const Shape& y, F f) {
  const int spatial = w.spatial(), lead = x.rank() - spatial;
  for (std::size_t o = 0; o < static_cast<std::size_t>(y.numel()); ++o) {
    const Place out = place_of(o, y);
    Place in(static_cast<std::size_t>(x.rank()));
    for (int i = 0; i < lead; ++i) in[static_cast<std::size_t>(i)] = out[static_cast<std::size_t>(i)];
    const std::function<void(int, std::int64_t, bool, bool)> walk = [&](int i, std::int64_t number,
                                                                        bool inside, bool counts) {
      if (i == spatial) return f(o, number, inside ? static_cast<std::int64_t>(flat_of(in, x)) : -1, counts);
      const std::int64_t n = x[lead + i];
      for (const Tap& t : taps_of(w, i, n, out[static_cast<std::size_t>(lead + i)])) {
        in[static_cast<std::size_t>(lead + i)] = t.at;
        walk(i + 1, number * widest(w, i, n) + t.number, inside && t.at >= 0 && t.at < n,
             counts && t.in_padding_or_axis);
      }
    };
    walk(0, 0, true, true);
  }
}

std::int64_t volume(const Windows& w, const Shape& x) {
  std::int64_t v = 1;
  for (int i = 0; i < w.spatial(); ++i) v *= widest(w, i, x[x.rank() - w.spatial() + i]);
  return v;
}

template <class A>
std::vector<Tensor> max_pool(Inputs in, const void* attrs) {
  const Windows w = windows_of(*static_cast<const A*>(attrs));
  const Shape shape = in[0].shape(), to = pooled(w, shape);
  const std::vector<double> x = read(in[0]);
  const auto n = static_cast<std::size_t>(to.numel());
  std::vector<double> y(n), places(n, -1.0);
  each_tap(w, shape, to, [&](std::size_t o, std::int64_t number, std::int64_t from, bool) {
    if (from < 0) return;
    const double v = x[static_cast<std::size_t>(from)];
    if (places[o] < 0 || v > y[o] || std::isnan(v)) {
      y[o] = v;
      places[o] = static_cast<double>(number);
    }
  });
  return {make(to, y, in[0].dtype()), make(to, places, volume(w, shape) <= 256 ? DType::u8 : DType::i32)};
}

std::vector<Tensor> max_pool_backward(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const MaxPoolBackwardAttrs*>(attrs);
  const Windows w = windows_of(a);
  const std::vector<double> g = read(in[0]), places = read(in[1]);
  std::vector<double> dx(static_cast<std::size_t>(a.shape.numel()));
  each_tap(w, a.shape, in[0].shape(), [&](std::size_t o, std::int64_t number, std::int64_t to, bool) {
    if (to >= 0 && static_cast<double>(number) == places[o]) dx[static_cast<std::size_t>(to)] += g[o];
  });
  return {make(a.shape, dx)};
}

std::vector<Tensor> max_pool_take(Inputs in, const void* attrs) {
  const Windows w = windows_of(*static_cast<const MaxPoolBackwardAttrs*>(attrs));
  const std::vector<double> x = read(in[0]), places = read(in[1]);
  std::vector<double> y(places.size());
  each_tap(w, in[0].shape(), in[1].shape(), [&](std::size_t o, std::int64_t number, std::int64_t from, bool) {
    if (from >= 0 && static_cast<double>(number) == places[o]) y[o] = x[static_cast<std::size_t>(from)];
  });
  return {make(in[1].shape(), y)};
}

std::vector<Tensor> max_pool_indices(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const MaxPoolBackwardAttrs*>(attrs);
  const Windows w = windows_of(a);
  std::int64_t plane = 1;
  for (int i = 0; i < w.spatial(); ++i) plane *= a.shape[a.shape.rank() - 1 - i];
  const std::vector<double> places = read(in[0]);
  std::vector<double> y(places.size());
  each_tap(w, a.shape, in[0].shape(), [&](std::size_t o, std::int64_t number, std::int64_t from, bool) {
    if (static_cast<double>(number) == places[o]) y[o] = static_cast<double>(from % plane);
  });
  return {make(in[0].shape(), y, DType::i64)};
}

template <class A>
std::vector<double> divisors(const A& a, const Windows& w, const Shape& x, const Shape& y) {
  std::vector<double> n(static_cast<std::size_t>(y.numel()));
  if (a.divisor_override != 0) {
    std::fill(n.begin(), n.end(), static_cast<double>(a.divisor_override));
    return n;
  }
  each_tap(w, x, y, [&](std::size_t o, std::int64_t, std::int64_t at, bool counts) {
    if (a.count_include_pad ? counts : at >= 0) n[o] += 1;
  });
  return n;
}

std::vector<Tensor> mean_of(const Tensor& input, const Windows& w, const AvgPoolAttrs& a) {
  const Shape shape = input.shape(), to = pooled(w, shape);
  const std::vector<double> x = read(input), n = divisors(a, w, shape, to);
  std::vector<double> y(static_cast<std::size_t>(to.numel()));
  each_tap(w, shape, to, [&](std::size_t o, std::int64_t, std::int64_t from, bool) {
    if (from >= 0) y[o] += x[static_cast<std::size_t>(from)];
  });
  for (std::size_t o = 0; o < y.size(); ++o) y[o] /= n[o];
  return {make(to, y)};
}

std::vector<Tensor> avg_pool(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const AvgPoolAttrs*>(attrs);
  return mean_of(in[0], windows_of(a), a);
}

std::vector<Tensor> adaptive_avg_pool(Inputs in, const void* attrs) {
  return mean_of(in[0], windows_of(*static_cast<const AdaptivePoolAttrs*>(attrs)), AvgPoolAttrs{});
}

std::vector<Tensor> avg_pool_backward(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const AvgPoolBackwardAttrs*>(attrs);
  const Windows w = windows_of(a);
  const std::vector<double> g = read(in[0]), n = divisors(a, w, a.shape, in[0].shape());
  std::vector<double> dx(static_cast<std::size_t>(a.shape.numel()));
  each_tap(w, a.shape, in[0].shape(), [&](std::size_t o, std::int64_t, std::int64_t to, bool) {
    if (to >= 0) dx[static_cast<std::size_t>(to)] += g[o] / n[o];
  });
  return {make(a.shape, dx)};
}

constexpr ReferenceEntry kEntries[] = {
    {"max_pool", max_pool<MaxPoolAttrs>},     {"adaptive_max_pool", max_pool<AdaptivePoolAttrs>},
    {"max_pool_backward", max_pool_backward}, {"max_pool_take", max_pool_take},
    {"max_pool_indices", max_pool_indices},   {"avg_pool", avg_pool},
    {"adaptive_avg_pool", adaptive_avg_pool}, {"avg_pool_backward", avg_pool_backward},
};

}  // namespace

std::span<const ReferenceEntry> pool_references() { return kEntries; }

}  // namespace gradus::reference
