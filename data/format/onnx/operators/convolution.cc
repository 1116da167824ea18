// Convolutions.
#include "gradus/base/format.h"
#include "gradus/data/format/onnx/call.h"
#include "gradus/data/format/onnx/operators.h"
#include "gradus/data/format/onnx/operators/windows.h"
#include "gradus/ops/conv.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/join.h"
#include "gradus/ops/view.h"

namespace gradus::onnx {
namespace {

// The spatial sizes of a weight [.., .., kernel...] that fits the input.
Dims kernel_of(const Call& c) {
  const Tensor& w = c.in(1);
  if (w.rank() != c.in(0).rank() || w.rank() < 3) {
    c.fail("W {} does not fit X {}", format_shape(w.shape()), format_shape(c.in(0).shape()));
  }
  Dims kernel;
  for (int i = 2; i < w.rank(); ++i) kernel.push_back(w.size(i));
  return kernel;
}

void run_conv(Call& c) {
  const Windows w = read_windows(c, kernel_of(c));
  const ConvOptions o{.stride = w.stride,
                      .padding = ConvPadding::ends(w.before, w.behind),
                      .dilation = w.dilation,
                      .groups = c.whole("group", 1)};
  const Tensor &x = c.in(0), &weight = c.in(1);
  if (!c.has(2)) {
    return c.set(0, w.spatial == 1   ? conv1d(x, weight, o)
                    : w.spatial == 2 ? conv2d(x, weight, o)
                                     : conv3d(x, weight, o));
  }
  const Tensor& bias = c.in(2);
  c.set(0, w.spatial == 1   ? conv1d(x, weight, bias, o)
           : w.spatial == 2 ? conv2d(x, weight, bias, o)
                            : conv3d(x, weight, bias, o));
}

Tensor transposed(int spatial, const Tensor& x, const Tensor& weight, const ConvTransposeOptions& o) {
  return spatial == 1   ? conv_transpose1d(x, weight, o)
         : spatial == 2 ? conv_transpose2d(x, weight, o)
                        : conv_transpose3d(x, weight, o);
}

void run_conv_transpose(Call& c) {
  const Tensor &x = c.in(0), &weight = c.in(1);
  Windows w = read_windows(c, kernel_of(c));
  const Dims extra = spatial_list(c, "output_padding", w.spatial, 0);
  const std::string mode = c.text("auto_pad", "NOTSET");
  const bool same = mode.starts_with("SAME");
  const Dims wanted = spatial_list(c, "output_shape", w.spatial, -1);
  // Paddings that give the size that is asked for. Negative ones, and output paddings as large as the stride,
  // add places that no element reaches.
  bool is_plain = true;
  std::vector<std::int64_t> pads;
  std::vector<std::int64_t> dims{x.size(0)};
  for (int i = 0; i < w.spatial; ++i) {
    const std::int64_t full = (x.size(i + 2) - 1) * w.stride[i] + (w.kernel[i] - 1) * w.dilation[i] + 1;
    if (wanted[i] >= 0 || same) {
      const std::int64_t size = wanted[i] >= 0 ? wanted[i] : x.size(i + 2) * w.stride[i];
      const std::int64_t total = full + extra[i] - size;
      w.before[i] = total < 0 ? 0 : mode == "SAME_UPPER" ? total / 2 : total - total / 2;
      w.behind[i] = total - w.before[i];
    }
    is_plain &= w.before[i] >= 0 && w.behind[i] >= 0 && extra[i] < std::max(w.stride[i], w.dilation[i]);
    dims.push_back(full + extra[i] - w.before[i] - w.behind[i]);
  }
  c.made_up_shape(dims);
  ConvTransposeOptions o{.stride = w.stride, .groups = c.whole("group", 1), .dilation = w.dilation};
  Tensor y;
  if (is_plain) {
    o.padding = ConvPadding::ends(w.before, w.behind);
    o.output_padding = extra;
    y = transposed(w.spatial, x, weight, o);
  } else {
    for (int i = w.spatial - 1; i >= 0; --i) {
      pads.push_back(-w.before[i]);
      pads.push_back(extra[i] - w.behind[i]);
    }
    y = pad(transposed(w.spatial, x, weight, o), pads);
  }
  if (c.has(2)) {
    Shape channels;
    channels.push_back(c.in(2).numel());
    for (int i = 0; i < w.spatial; ++i) channels.push_back(1);
    y = y + reshape(c.in(2), channels);
  }
  c.set(0, y);
}

constexpr Operator kOperators[] = {
    {"Conv", run_conv, 2, 3},
    {"ConvTranspose", run_conv_transpose, 2, 3},
};

}  // namespace

std::span<const Operator> convolution_operators() { return kOperators; }

}  // namespace gradus::onnx
