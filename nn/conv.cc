#include "gradus/nn/conv.h"

#include <string_view>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/nn/start.h"

namespace gradus::nn {
namespace {

std::string text_of(const Dims& d, int n) {
  std::string text = "(";
  for (int i = 0; i < n; ++i) text += fmt::format("{}{}", i == 0 ? "" : ", ", d[d.size() == 1 ? 0 : i]);
  return text + (n == 1 ? ",)" : ")");
}

// One number an axis.
Dims each_axis(const Dims& d, int n, const char* layer, const char* what, Location where) {
  if (d.size() != 1 && d.size() != n) {
    throw_error<ValueError>(where, layer, "{} has {} numbers; it takes one, or one for each of {} axes", what,
                            d.size(), n);
  }
  Dims out;
  for (int i = 0; i < n; ++i) out.push_back(d[d.size() == 1 ? 0 : i]);
  return out;
}

// Checks the sizes and gives the weight's shape [first, second / groups, kernel...].
Shape weight_shape(const char* layer, std::int64_t in, std::int64_t out, std::int64_t groups,
                   const Dims& kernel, bool transposed, Location where) {
  check_sizes(layer, {{"in_channels", in}, {"out_channels", out}, {"groups", groups}}, where, 1);
  for (const std::int64_t k : kernel) check_sizes(layer, {{"kernel_size", k}}, where, 1);
  if (in % groups != 0 || out % groups != 0) {
    throw_error<ValueError>(where, layer, "{} groups do not divide {} channels in and {} out", groups, in,
                            out);
  }
  Shape s = transposed ? Shape{in, out / groups} : Shape{out, in / groups};
  for (const std::int64_t k : kernel) s.push_back(k);
  return s;
}

std::int64_t fan_in(const Shape& weight) {
  std::int64_t n = 1;
  for (int i = 1; i < weight.rank(); ++i) n *= weight[i];
  return n;
}

template <int spatial>
Tensor run_conv(const Operand& x, const Tensor& w, const Tensor& bias, const ConvOptions& o) {
  const Operand weight(w, x.where);
  if (!bias.defined()) {
    if constexpr (spatial == 1) return conv1d(x, weight, o);
    if constexpr (spatial == 2) return conv2d(x, weight, o);
    if constexpr (spatial == 3) return conv3d(x, weight, o);
  }
  const Operand b(bias, x.where);
  if constexpr (spatial == 1) return conv1d(x, weight, b, o);
  if constexpr (spatial == 2) return conv2d(x, weight, b, o);
  if constexpr (spatial == 3) return conv3d(x, weight, b, o);
}

template <int spatial>
Tensor run_transposed(const Operand& x, const Tensor& w, const Tensor& bias, const ConvTransposeOptions& o) {
  const Operand weight(w, x.where);
  if (!bias.defined()) {
    if constexpr (spatial == 1) return conv_transpose1d(x, weight, o);
    if constexpr (spatial == 2) return conv_transpose2d(x, weight, o);
    if constexpr (spatial == 3) return conv_transpose3d(x, weight, o);
  }
  const Operand b(bias, x.where);
  if constexpr (spatial == 1) return conv_transpose1d(x, weight, b, o);
  if constexpr (spatial == 2) return conv_transpose2d(x, weight, b, o);
  if constexpr (spatial == 3) return conv_transpose3d(x, weight, b, o);
}

const char* name_of(PadMode m) {
  switch (m) {
    case PadMode::constant:
      return "zeros";
    case PadMode::reflect:
      return "reflect";
    case PadMode::replicate:
      return "replicate";
    case PadMode::circular:
      return "circular";
  }
  return "";
}

constexpr const char* kConv[] = {"Conv1d", "Conv2d", "Conv3d"};
constexpr const char* kTransposed[] = {"ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"};

}  // namespace

template <int spatial>
Conv<spatial>::Conv(std::int64_t in_channels, std::int64_t out_channels, const Dims& kernel_size,
                    const ConvLayerOptions& o, Location where)
    : options{.stride = o.stride, .padding = o.padding, .dilation = o.dilation, .groups = o.groups},
      padding_mode(o.padding_mode) {
  constexpr const char* kLayer = kConv[spatial - 1];
  const Dims kernel = each_axis(kernel_size, spatial, kLayer, "kernel_size", where);
  const Shape shape = weight_shape(kLayer, in_channels, out_channels, o.groups, kernel, false, where);
  if (padding_mode != PadMode::constant) {
    // Worked out here: pad() does it, and the convolution then adds nothing.
    const Dims dilation = each_axis(o.dilation, spatial, kLayer, "dilation", where);
    const std::string_view mode = o.padding.mode == nullptr ? "" : o.padding.mode;
    Dims before, behind;
    for (int i = 0; i < spatial; ++i) {
      if (mode == "same") {
        const std::int64_t total = dilation[i] * (kernel[i] - 1);
        before.push_back(total / 2);
        behind.push_back(total - total / 2);
      } else {
        before.push_back(each_axis(o.padding.before, spatial, kLayer, "padding", where)[i]);
        behind.push_back(each_axis(o.padding.behind, spatial, kLayer, "padding", where)[i]);
      }
    }
    options.padding = ConvPadding::ends(before, behind);
  }
  weight = start_uniform(shape, fan_in(shape), o.dtype, o.generator, where);
  if (o.bias) bias = start_uniform({out_channels}, fan_in(shape), o.dtype, o.generator, where);
}

template <int spatial>
Tensor Conv<spatial>::forward(Operand x) const {
  return with_weight(x, weight);
}

template <int spatial>
Tensor Conv<spatial>::with_weight(Operand x, const Tensor& w) const {
  if (padding_mode == PadMode::constant) return run_conv<spatial>(x, w, bias, options);
  std::vector<std::int64_t> pads;  // from the last axis on
  for (int i = spatial - 1; i >= 0; --i) {
    pads.push_back(options.padding.before[i]);
    pads.push_back(options.padding.behind[i]);
  }
  ConvOptions o = options;
  o.padding = 0;
  return run_conv<spatial>(Operand(pad(x, pads, {.mode = padding_mode}), x.where), w, bias, o);
}

template <int spatial>
std::string Conv<spatial>::type_name() const {
  return kConv[spatial - 1];
}

template <int spatial>
std::string Conv<spatial>::options_text() const {
  if (!weight.defined() || weight.rank() != spatial + 2) return {};
  Dims kernel;
  for (int i = 0; i < spatial; ++i) kernel.push_back(weight.size(i + 2));
  std::string text = fmt::format("{}, {}, kernel_size={}, stride={}", weight.size(1) * options.groups,
                                 weight.size(0), text_of(kernel, spatial), text_of(options.stride, spatial));
  if (options.padding.mode != nullptr)
    text += fmt::format(", padding={}", options.padding.mode);
  else if (!(options.padding.before == Dims(0)))
    text += fmt::format(", padding={}", text_of(options.padding.before, spatial));
  if (!(options.dilation == Dims(1))) text += ", dilation=" + text_of(options.dilation, spatial);
  if (options.groups != 1) text += fmt::format(", groups={}", options.groups);
  if (!bias.defined()) text += ", bias=False";
  if (padding_mode != PadMode::constant) text += fmt::format(", padding_mode={}", name_of(padding_mode));
  return text;
}

template struct Conv<1>;
template struct Conv<2>;
template struct Conv<3>;

template <int spatial>
ConvTranspose<spatial>::ConvTranspose(std::int64_t in_channels, std::int64_t out_channels,
                                      const Dims& kernel_size, const ConvTransposeLayerOptions& o,
                                      Location where)
    : options{.stride = o.stride,
              .padding = o.padding,
              .output_padding = o.output_padding,
              .groups = o.groups,
              .dilation = o.dilation} {
  constexpr const char* kLayer = kTransposed[spatial - 1];
  const Dims kernel = each_axis(kernel_size, spatial, kLayer, "kernel_size", where);
  const Shape shape = weight_shape(kLayer, in_channels, out_channels, o.groups, kernel, true, where);
  weight = start_uniform(shape, fan_in(shape), o.dtype, o.generator, where);
  if (o.bias) bias = start_uniform({out_channels}, fan_in(shape), o.dtype, o.generator, where);
}

template <int spatial>
Tensor ConvTranspose<spatial>::forward(Operand x) const {
  return with_weight(x, weight);
}

template <int spatial>
Tensor ConvTranspose<spatial>::with_weight(Operand x, const Tensor& w) const {
  return run_transposed<spatial>(x, w, bias, options);
}

template <int spatial>
std::string ConvTranspose<spatial>::type_name() const {
  return kTransposed[spatial - 1];
}

template <int spatial>
std::string ConvTranspose<spatial>::options_text() const {
  if (!weight.defined() || weight.rank() != spatial + 2) return {};
  Dims kernel;
  for (int i = 0; i < spatial; ++i) kernel.push_back(weight.size(i + 2));
  std::string text =
      fmt::format("{}, {}, kernel_size={}, stride={}", weight.size(0), weight.size(1) * options.groups,
                  text_of(kernel, spatial), text_of(options.stride, spatial));
  if (!(options.padding.before == Dims(0))) text += ", padding=" + text_of(options.padding.before, spatial);
  if (!(options.output_padding == Dims(0)))
    text += ", output_padding=" + text_of(options.output_padding, spatial);
  if (options.groups != 1) text += fmt::format(", groups={}", options.groups);
  if (!(options.dilation == Dims(1))) text += ", dilation=" + text_of(options.dilation, spatial);
  if (!bias.defined()) text += ", bias=False";
  return text;
}

template struct ConvTranspose<1>;
template struct ConvTranspose<2>;
template struct ConvTranspose<3>;

}  // namespace gradus::nn
