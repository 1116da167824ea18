// References of the convolutions: every triple of an element of x, a tap and an element of y that meet, added
// up into whichever of the three arrays is asked for.
#include "gradus/ops/conv.h"

#include "gradus/ops/conv/attrs.h"
#include "gradus/tests/ops/reference.h"

namespace gradus::reference {
namespace {

using Inputs = std::span<const Tensor>;

// Calls f(flat index in x, in w, in y) for all that meet.
template <class F>
void for_all(const Shape& x, const Shape& w, const Shape& y, const Dims& stride, const Dims& padding,
             const Dims& dilation, std::int64_t groups, F f) {
  const std::int64_t inputs = x[1] / groups, outputs = y[1] / groups;
  for (std::size_t iw = 0; iw < static_cast<std::size_t>(w.numel()); ++iw) {
    const Place tap = place_of(iw, w);
    for (std::size_t iy = 0; iy < static_cast<std::size_t>(y.numel()); ++iy) {
      const Place to = place_of(iy, y);
      if (to[1] != tap[0]) continue;
      Place from{to[0], to[1] / outputs * inputs + tap[1]};
      bool inside = true;
      std::size_t axis = 2;
      for (int k = 0; k < stride.size(); ++k, ++axis) {
        from.push_back(to[axis] * stride[k] - padding[k] + tap[axis] * dilation[k]);
        inside = inside && from[axis] >= 0 && from[axis] < x[k + 2];
      }
      if (inside) f(flat_of(from, x), iw, iy);
    }
  }
}

// Zeros, or the bias of each channel.
std::vector<double> start(Inputs in, const Shape& shape) {
  std::vector<double> v(static_cast<std::size_t>(shape.numel()), 0.0);
  if (in.size() < 3) return v;
  const std::vector<double> bias = read(in[2]);
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = bias[static_cast<std::size_t>(place_of(i, shape)[1])];
  return v;
}

std::vector<Tensor> conv(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const ConvAttrs*>(attrs);
  const Shape x = in[0].shape(), w = in[1].shape();
  Shape y{x[0], w[0]};
  for (int k = 0; k < a.stride.size(); ++k) {
    // As many places as fit, counted.
    std::int64_t places = 0;
    while (places * a.stride[k] + (w[k + 2] - 1) * a.dilation[k] < x[k + 2] + a.padding[k] + a.padding_end[k])
      ++places;
    y.push_back(places);
  }
  const std::vector<double> vx = read(in[0]), vw = read(in[1]);
  std::vector<double> out = start(in, y);
  for_all(x, w, y, a.stride, a.padding, a.dilation, a.groups,
          [&](std::size_t ix, std::size_t iw, std::size_t iy) { out[iy] += vx[ix] * vw[iw]; });
  return {make(y, out, in[0].dtype())};
}

std::vector<Tensor> conv_transpose(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const ConvAttrs*>(attrs);
  const Shape y = in[0].shape(), w = in[1].shape();
  Shape x{y[0], w[1] * a.groups};
  for (int k = 0; k < a.stride.size(); ++k) {
    // The last place that is reached, without what padding takes away at both ends.
    const std::int64_t last = (y[k + 2] - 1) * a.stride[k] + (w[k + 2] - 1) * a.dilation[k];
    x.push_back(last + 1 - a.padding[k] - a.padding_end[k]);
  }
  const std::vector<double> vy = read(in[0]), vw = read(in[1]);
  std::vector<double> out = start(in, x);
  for_all(x, w, y, a.stride, a.padding, a.dilation, a.groups,
          [&](std::size_t ix, std::size_t iw, std::size_t iy) { out[ix] += vy[iy] * vw[iw]; });
  return {make(x, out, in[0].dtype())};
}

std::vector<Tensor> conv_weight_backward(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const ConvWeightAttrs*>(attrs);
  const Shape x = in[0].shape(), y = in[1].shape();
  Shape w{y[1], x[1] / a.groups};
  for (std::int64_t k : a.kernel) w.push_back(k);
  const std::vector<double> vx = read(in[0]), vy = read(in[1]);
  std::vector<double> out = start({}, w);
  for_all(x, w, y, a.stride, a.padding, a.dilation, a.groups,
          [&](std::size_t ix, std::size_t iw, std::size_t iy) { out[iw] += vx[ix] * vy[iy]; });
  return {make(w, out, in[0].dtype())};
}

constexpr ReferenceEntry kEntries[] = {
    {"conv", conv},
    {"conv_transpose", conv_transpose},
    {"conv_weight_backward", conv_weight_backward},
};

}  // namespace

std::span<const ReferenceEntry> conv_references() { return kEntries; }

}  // namespace gradus::reference
