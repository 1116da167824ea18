// conv_transpose: x[n, c, q] = bias[c] + sum over o, k and p with q = p stride - padding + k dilation of
// w[o, c, k] y[n, o, p]: each place of y adds the kernel to the places of x that conv with these attributes
// would read for it. Bilinear, as conv is: with cotangent G, dy = conv(G, w),
// dw = conv_weight_backward(G, y), dbias = G summed over all but the channels.
// A negative padding_end is torch's output_padding: places more at the end.
// Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016), section 4.
#include <fmt/format.h>

#include <cstring>

#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/conv/attrs.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const auto& a = c.attrs<ConvAttrs>();
  const int axes = check_conv(c, a);
  if (c.dim(0, 1) != c.dim(1, 0)) {
    c.shape_error(fmt::format("channels differ: {} has {}, {} takes {}", c.describe(0), c.dim(0, 1),
                              c.describe(1), c.dim(1, 0)));
  }
  OutputMeta& x = c.out(0);
  c.set_out_like(0, 0);
  if (__builtin_mul_overflow(c.dim(1, 1), a.groups, &x.dims[1])) {
    c.shape_error(
        fmt::format("{} groups of {} channels are too many: {}", a.groups, c.dim(1, 1), c.describe(1)));
  }
  check_bias(c, x.dims[1]);
  for (int i = 0; i < axes; ++i) {
    const __int128 size =
        static_cast<__int128>(c.dim(0, i + 2) - 1) * a.stride[i] + reach(c.dim(1, i + 2), a.dilation[i]);
    const __int128 padded = size - a.padding[i] - a.padding_end[i];
    if (padded < 1) {
      c.shape_error(fmt::format("padding {} and {} leave nothing of the {} places along axis {}: {}, {}",
                                a.padding[i], a.padding_end[i], size, i + 2, c.describe(0), c.describe(1)));
    }
    if (padded > (std::int64_t{1} << 47)) {
      c.shape_error(fmt::format("the result has {} places along axis {}, too many for any machine: {}, {}",
                                padded, i + 2, c.describe(0), c.describe(1)));
    }
    x.dims[i + 2] = static_cast<std::int64_t>(padded);
  }
  set_channels_last(x);
  const View bias = c.size() > 2 ? c.impl(2).view() : View{};
  c.set_scratch(kernels::conv_scratch(
      kernels::ConvPass::input,
      conv_shape(a.stride, a.padding, a.dilation, a.groups, x.dims, c.dims(1), c.dims(0)), c.impl(1).view(),
      c.impl(0).view(), bias));
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<ConvAttrs>();
  const View &y = c.in[0], &w = c.in[1], &x = c.out[0];
  kernels::conv(kernels::ConvPass::input,
                conv_shape(a.stride, a.padding, a.dilation, a.groups, x.dims, w.dims, y.dims), w, y,
                c.n > 2 ? c.in[2] : View{}, x, c.scratch);
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<ConvAttrs>();
  Tensor g = c.grad();
  if (c.needs(0) && c.needs(1)) g = channels_last(g);
  if (c.needs(0)) {
    const Tensor w = c.input(1);
    c.set(0, conv(g, w,
                  attrs_between(a.stride, a.padding, a.dilation, a.groups, g.shape(), spatial(w.shape()),
                                c.input_shape(0))));
  }
  if (c.needs(1)) {
    c.set(1, conv_weight_backward(g, c.input(0),
                                  {a.stride, a.padding, a.dilation, spatial(c.input_shape(1)), a.groups}));
  }
  if (c.size() > 2 && c.needs(2)) c.set(2, bias_gradient(g));
}

void samples(SampleSink& s) {
  using A = ConvAttrs;
  s.add({s.values({2, 3, 5}), s.values({3, 4, 3}), s.values({4})}, A{{1}, {1}, {1}, {1}, 1});
  s.add({s.values({2, 2, 3}), s.values({2, 2, 3})}, A{{2}, {0}, {-1}, {2}, 1},
        {.note = "no bias; one place more at the end"});
  s.add({s.values({1, 3, 3, 4}), s.values({3, 2, 3, 2}), s.values({2})},
        A{{2, 1}, {1, 0}, {0, 0}, {1, 1}, 1});
  s.add({s.values({1, 4, 3, 2}), s.values({4, 3, 2, 3})}, A{{2, 3}, {1, 2}, {0, 1}, {1, 2}, 2},
        {.note = "groups, strides, dilation"});
  s.add({s.values({2, 3, 3, 3}), s.values({3, 1, 2, 2}), s.values({3})}, A{{2, 2}, {0, 0}, {0, 0}, {1, 1}, 3},
        {.note = "depthwise"});
  s.add({s.values({1, 1, 3}), s.values({1, 1, 2})}, A{{1}, {0}, {-2}, {3}, 1},
        {.note = "more places at the end than the stride"});
  s.add({s.values({1, 2, 3}), s.values({2, 1, 2})}, A{{4}, {0}, {0}, {1}, 1},
        {.note = "places that nothing is added to"});
  s.add({s.values({2, 3, 3, 2}), s.values({3, 2, 1, 1}), s.values({2})}, A{{1, 1}, {0, 0}, {0, 0}, {1, 1}, 1},
        {.note = "each pixel alone"});
  s.add({s.values({1, 2, 2, 3, 2}), s.values({2, 2, 2, 2, 2}), s.values({2})},
        A{{1, 2, 1}, {1, 0, 0}, {0, 1, 0}, {1, 1, 2}, 1}, {.note = "three axes"});
  s.add({s.values({1, 1, 4}), s.values({1, 1, 2})}, A{{1}, {-1}, {2}, {1}, 1},
        {.note = "a place more in front"});
  s.add({s.values({1, 1, 1, 1}), s.values({1, 1, 1, 1}), s.values({1})}, A{{1, 1}, {0, 0}, {0, 0}, {1, 1}, 1},
        {.note = "size 1"});
  s.add({s.values({0, 2, 3}), s.values({2, 2, 2}), s.values({2})}, A{{1}, {0}, {0}, {1}, 1},
        {.note = "no images"});
  s.add({s.values({2, 0, 3}), s.values({0, 2, 2}), s.values({2})}, A{{1}, {0}, {0}, {1}, 1},
        {.note = "no channels: the bias"});

  s.add_error(
      {s.values({1, 3, 5, 5}), s.values({2, 3, 3, 3})}, A{{1, 1}, {0, 0}, {0, 0}, {1, 1}, 1},
      "conv_transpose: channels differ: input [1, 3, 5, 5] f64 has 3, weight [2, 3, 3, 3] f64 takes 2");
  s.add_error({s.values({1, 3, 5}), s.values({3, 1, 3})}, A{{1}, {0}, {0}, {1}, 2},
              "conv_transpose: 2 groups do not divide the 3 channels of input [1, 3, 5] f64");
  s.add_error({s.values({1, 1, 2}), s.values({1, 1, 2})}, A{{1}, {2}, {1}, {1}, 1},
              "conv_transpose: padding 2 and 1 leave nothing of the 3 places along axis 2: input [1, 1, 2] "
              "f64, weight [1, 1, 2] f64");
  s.add_error(
      {s.values({1, 1, 2}), s.values({1, 1, 2})}, A{{0}, {0}, {0}, {1}, 1},
      "conv_transpose: stride [0] is outside 1..2147483647: input [1, 1, 2] f64, weight [1, 1, 2] f64");
  s.add_error(
      {s.values({1, 1, 2}), s.values({1, 1, 2}), s.values({2})}, A{{1}, {0}, {0}, {1}, 1},
      "conv_transpose: the bias does not fit the weight: bias [2] f64, weight [1, 1, 2] f64; it would "
      "be [1]");
  s.add_error(
      {s.values({1, 2, 1}), s.values({2, 1, 1})}, A{{1}, {0}, {0}, {1}, std::int64_t{1} << 62},
      "conv_transpose: 4611686018427387904 groups do not divide the 2 channels of input [1, 2, 1] f64");
  s.add_error(
      {s.values({1, 1, 3, 3}), s.values({1, 1, 1, 1})},
      A{{2147483647, 2147483647}, {0, 0}, {0, 0}, {1, 1}, 1},
      "conv_transpose: [1, 1, 4294967295, 4294967295] f64 has too many elements for the memory of any "
      "machine");
}

constexpr const char* kInputs[] = {"input", "weight", "bias"};
constexpr SaveMask kSaves[] = {in(1), in(0), 0};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(ConvAttrs, stride, nullptr),
                              GRADUS_ATTR(ConvAttrs, padding, nullptr),
                              GRADUS_ATTR(ConvAttrs, padding_end, nullptr),
                              GRADUS_ATTR(ConvAttrs, dilation, nullptr), GRADUS_ATTR(ConvAttrs, groups, "1")};

}  // namespace

extern constinit const OpDef op_conv_transpose = {
    .name = "conv_transpose",
    .doc =
        "transposed convolution over 1 to 3 spatial axes: each place of the input adds the kernel to the "
        "result",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "ConvTranspose",
    .formula = "x[n, c, p stride - padding + k dilation] += w[o, c, k] y[n, o, p], from b[c]",
};

Tensor conv_transpose(const Tensor& y, const Tensor& w, const ConvAttrs& attrs) {
  return apply(op_conv_transpose, {y, w}, attrs);
}

namespace {

Tensor call(const char* name, int axes, const Operand& input, const Operand& weight, const Operand* bias,
            const ConvTransposeOptions& o) {
  const ConvCall call{name, axes, input.where};
  if (o.padding.mode != nullptr && std::strcmp(o.padding.mode, "valid") != 0) {
    throw_error<ValueError>(call.where, name, "takes numbers as padding, not \"{}\"", o.padding.mode);
  }
  ConvAttrs a{call.each("stride", o.stride), call.padding("padding", o.padding.before),
              call.padding("padding", o.padding.behind), call.each("dilation", o.dilation), o.groups};
  const Dims more = call.padding("output_padding", o.output_padding);
  for (int i = 0; i < axes; ++i) {
    if (more[i] != 0 && more[i] >= a.stride[i] && more[i] >= a.dilation[i]) {
      throw_error<ValueError>(call.where, name,
                              "output_padding {} is not below the stride {} or the dilation {}: no input "
                              "reaches so far",
                              more[i], a.stride[i], a.dilation[i]);
    }
    a.padding_end[i] -= more[i];
  }
  return call.apply(op_conv_transpose, input, weight, bias, a);
}

}  // namespace

Tensor conv_transpose1d(Operand input, Operand weight, const ConvTransposeOptions& options) {
  return call("conv_transpose1d", 1, input, weight, nullptr, options);
}
Tensor conv_transpose1d(Operand input, Operand weight, Operand bias, const ConvTransposeOptions& options) {
  return call("conv_transpose1d", 1, input, weight, &bias, options);
}
Tensor conv_transpose2d(Operand input, Operand weight, const ConvTransposeOptions& options) {
  return call("conv_transpose2d", 2, input, weight, nullptr, options);
}
Tensor conv_transpose2d(Operand input, Operand weight, Operand bias, const ConvTransposeOptions& options) {
  return call("conv_transpose2d", 2, input, weight, &bias, options);
}
Tensor conv_transpose3d(Operand input, Operand weight, const ConvTransposeOptions& options) {
  return call("conv_transpose3d", 3, input, weight, nullptr, options);
}
Tensor conv_transpose3d(Operand input, Operand weight, Operand bias, const ConvTransposeOptions& options) {
  return call("conv_transpose3d", 3, input, weight, &bias, options);
}

}  // namespace gradus
