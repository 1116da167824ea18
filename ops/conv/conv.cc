// conv: y[n, o, p] = bias[o] + sum over c, k of w[o, c, k] x[n, c, p stride - padding + k dilation] over 1 to
// 3 spatial axes, x being 0 outside; group i of the output channels reads group i of x's. Bilinear, so the
// derivative is the same sum by another operand: with cotangent G, dx = conv_transpose(G, w),
// dw = conv_weight_backward(x, G), dbias = G summed over all but the channels.
// Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016).
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/conv/attrs.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const auto& a = c.attrs<ConvAttrs>();
  const int axes = check_conv(c, a);
  const std::int64_t out = c.dim(1, 0);
  if (c.dim(0, 1) / a.groups != c.dim(1, 1)) {
    c.shape_error(fmt::format("channels differ: {} has {} in {} groups, {} takes {} a group", c.describe(0),
                              c.dim(0, 1), a.groups, c.describe(1), c.dim(1, 1)));
  }
  if (out % a.groups != 0) {
    c.shape_error(
        fmt::format("{} groups do not divide the {} output channels of {}", a.groups, out, c.describe(1)));
  }
  check_bias(c, out);
  c.set_out_like(0, 0);
  OutputMeta& y = c.out(0);
  y.dims[1] = out;
  for (int i = 0; i < axes; ++i) {
    const __int128 over = reach(c.dim(1, i + 2), a.dilation[i]);
    const __int128 padded = static_cast<__int128>(c.dim(0, i + 2)) + a.padding[i] + a.padding_end[i];
    if (over > padded) {
      c.shape_error(fmt::format(
          "the kernel is larger than the padded input along axis {}: {} with dilation {} reaches over {}, {} "
          "with padding {} and {} has {}",
          i + 2, c.describe(1), a.dilation[i], over, c.describe(0), a.padding[i], a.padding_end[i], padded));
    }
    y.dims[i + 2] = static_cast<std::int64_t>((padded - over) / a.stride[i] + 1);
  }
  set_channels_last(y);
  const View bias = c.size() > 2 ? c.impl(2).view() : View{};
  c.set_scratch(kernels::conv_scratch(
      kernels::ConvPass::forward,
      conv_shape(a.stride, a.padding, a.dilation, a.groups, c.dims(0), c.dims(1), y.dims), c.impl(0).view(),
      c.impl(1).view(), bias));
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<ConvAttrs>();
  const View &x = c.in[0], &w = c.in[1], &y = c.out[0];
  kernels::conv(kernels::ConvPass::forward,
                conv_shape(a.stride, a.padding, a.dilation, a.groups, x.dims, w.dims, y.dims), x, w,
                c.n > 2 ? c.in[2] : View{}, y, c.scratch);
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<ConvAttrs>();
  Tensor g = c.grad();
  if (c.needs(0) && c.needs(1)) g = channels_last(g);
  if (c.needs(0)) {
    const Tensor w = c.input(1);
    c.set(0, conv_transpose(g, w,
                            attrs_between(a.stride, a.padding, a.dilation, a.groups, c.input_shape(0),
                                          spatial(w.shape()), g.shape())));
  }
  if (c.needs(1)) {
    c.set(1, conv_weight_backward(c.input(0), g,
                                  {a.stride, a.padding, a.dilation, spatial(c.input_shape(1)), a.groups}));
  }
  if (c.size() > 2 && c.needs(2)) c.set(2, bias_gradient(g));
}

void samples(SampleSink& s) {
  using A = ConvAttrs;
  s.add({s.values({2, 3, 7}), s.values({4, 3, 3}), s.values({4})}, A{{1}, {1}, {1}, {1}, 1});
  s.add({s.values({2, 2, 8}), s.values({2, 2, 3})}, A{{2}, {0}, {0}, {2}, 1}, {.note = "no bias"});
  s.add({s.values({2, 2, 5, 4}), s.values({3, 2, 3, 2}), s.values({3})},
        A{{1, 1}, {1, 0}, {1, 0}, {1, 1}, 1});
  s.add({s.values({1, 4, 5, 6}), s.values({6, 2, 2, 3})}, A{{2, 1}, {1, 2}, {0, 1}, {1, 2}, 2},
        {.note = "groups, strides, dilation, other padding at each end"});
  s.add({s.values({2, 3, 4, 4}), s.values({3, 1, 3, 3}), s.values({3})}, A{{1, 1}, {1, 1}, {1, 1}, {1, 1}, 3},
        {.note = "depthwise"});
  s.add({s.values({1, 2, 4, 3}), s.values({4, 1, 2, 2})}, A{{1, 2}, {0, 1}, {0, 1}, {1, 1}, 2},
        {.note = "two results a channel"});
  s.add({s.values({2, 3, 3, 2}), s.values({4, 3, 1, 1}), s.values({4})}, A{{1, 1}, {0, 0}, {0, 0}, {1, 1}, 1},
        {.note = "each pixel alone"});
  s.add({s.values({1, 2, 5, 5}), s.values({2, 2, 1, 1})}, A{{3, 2}, {0, 1}, {0, 1}, {1, 1}, 1},
        {.note = "pixels that are left out"});
  s.add({s.values({1, 2, 3, 4, 3}), s.values({2, 2, 2, 2, 2}), s.values({2})},
        A{{1, 2, 1}, {1, 0, 1}, {0, 1, 1}, {1, 1, 2}, 1}, {.note = "three axes"});
  s.add({s.values({1, 1, 6, 5}), s.values({2, 1, 2, 2})}, A{{1, 2}, {-1, 1}, {-2, -1}, {1, 1}, 1},
        {.note = "elements taken away"});
  s.add({s.values({1, 1, 2}), s.values({1, 1, 2})}, A{{1}, {3}, {2}, {1}, 1},
        {.note = "more padding than kernel: places that see none of the input"});
  s.add({s.values({1, 1, 1, 1}), s.values({1, 1, 1, 1}), s.values({1})}, A{{1, 1}, {0, 0}, {0, 0}, {1, 1}, 1},
        {.note = "size 1"});
  s.add({s.values({0, 2, 3}), s.values({2, 2, 2}), s.values({2})}, A{{1}, {0}, {0}, {1}, 1},
        {.note = "no images"});
  s.add({s.values({2, 0, 3}), s.values({2, 0, 2}), s.values({2})}, A{{1}, {0}, {0}, {1}, 1},
        {.note = "no channels: the bias"});
  s.add({s.values({2, 2, 3}), s.values({0, 2, 2})}, A{{1}, {0}, {0}, {1}, 1}, {.note = "no result channels"});

  const A plain{{1, 1}, {0, 0}, {0, 0}, {1, 1}, 1};
  s.add_error({s.values({1, 2, 3, 9}), s.values({4, 2, 3, 3}).name("w1")},
              A{{1, 1}, {0, 0}, {1, 0}, {2, 1}, 1},
              "conv: the kernel is larger than the padded input along axis 2: weight \"w1\" [4, 2, 3, 3] f64 "
              "with dilation 2 reaches over 5, input [1, 2, 3, 9] f64 with padding 0 and 1 has 4");
  s.add_error(
      {s.values({1, 3, 5, 5}), s.values({4, 2, 3, 3})}, plain,
      "conv: channels differ: input [1, 3, 5, 5] f64 has 3 in 1 groups, weight [4, 2, 3, 3] f64 takes "
      "2 a group");
  s.add_error({s.values({1, 4, 5, 5}), s.values({4, 4, 3, 3})}, A{{1, 1}, {0, 0}, {0, 0}, {1, 1}, 3},
              "conv: 3 groups do not divide the 4 channels of input [1, 4, 5, 5] f64");
  s.add_error({s.values({1, 4, 5, 5}), s.values({3, 2, 3, 3})}, A{{1, 1}, {0, 0}, {0, 0}, {1, 1}, 2},
              "conv: 2 groups do not divide the 3 output channels of weight [3, 2, 3, 3] f64");
  s.add_error({s.values({1, 4, 5, 5}), s.values({4, 4, 3, 3})}, A{{1, 1}, {0, 0}, {0, 0}, {1, 1}, 0},
              "conv: groups is 0; there is at least one: input [1, 4, 5, 5] f64, weight [4, 4, 3, 3] f64");
  s.add_error(
      {s.values({1, 1, 5, 5}), s.values({1, 1, 3, 3})}, A{{1, 0}, {0, 0}, {0, 0}, {1, 1}, 1},
      "conv: stride [1, 0] is outside 1..2147483647: input [1, 1, 5, 5] f64, weight [1, 1, 3, 3] f64");
  s.add_error(
      {s.values({1, 1, 5, 5}), s.values({1, 1, 3, 3})}, A{{1, 1}, {0, 0}, {0, 0}, {1, -1}, 1},
      "conv: dilation [1, -1] is outside 1..2147483647: input [1, 1, 5, 5] f64, weight [1, 1, 3, 3] f64");
  s.add_error({s.values({1, 1, 5}), s.values({1, 1, 3})}, A{{1}, {std::int64_t{1} << 31}, {0}, {1}, 1},
              "conv: padding [2147483648] is outside -2147483647..2147483647: input [1, 1, 5] f64, weight "
              "[1, 1, 3] f64");
  s.add_error({s.values({1, 1, 5, 5}), s.values({1, 1, 3, 3})}, A{{1, 1}, {0}, {0, 0}, {1, 1}, 1},
              "conv: padding [0] has not one number for each of the 2 spatial axes: input [1, 1, 5, 5] f64, "
              "weight [1, 1, 3, 3] f64");
  s.add_error(
      {s.values({1, 5, 5}), s.values({1, 1, 3, 3})}, plain,
      "conv: input and weight have two axes of channels or batches and 2 spatial ones: input [1, 5, 5] "
      "f64, weight [1, 1, 3, 3] f64");
  s.add_error({s.values({1, 1}), s.values({1, 1})}, A{},
              "conv: stride [] is for 0 spatial axes; there are 1 to 3");
  s.add_error({s.values({1, 1, 0}), s.values({1, 1, 1})}, A{{1}, {1}, {1}, {1}, 1},
              "conv: input [1, 1, 0] f64 has no elements along axis 2");
  s.add_error({s.values({1, 1, 3}), s.values({1, 1, 0})}, A{{1}, {1}, {1}, {1}, 1},
              "conv: weight [1, 1, 0] f64 has no elements along axis 2");
  s.add_error(
      {s.values({1, 2, 3}), s.values({4, 2, 3}), s.values({1, 4})}, A{{1}, {0}, {0}, {1}, 1},
      "conv: the bias does not fit the weight: bias [1, 4] f64, weight [4, 2, 3] f64; it would be [4]");
  s.add_error(
      {SampleSink::i64({1, 1, 1}, {1}), SampleSink::i64({1, 1, 1}, {1})}, A{{1}, {0}, {0}, {1}, 1},
      "conv: takes floating-point numbers: input [1, 1, 1] i64; convert it with astype(x, DType::f32)");
  s.add_error({s.values({1, 1, 1, 1}), s.values({1, 1, 1, 1})},
              A{{1, 1}, {2147483647, 2147483647}, {0, 0}, {1, 1}, 1},
              "conv: [1, 1, 2147483648, 2147483648] f64 has too many elements for the memory of any machine");
}

constexpr const char* kInputs[] = {"input", "weight", "bias"};
constexpr SaveMask kSaves[] = {in(1), in(0), 0};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(ConvAttrs, stride, nullptr),
                              GRADUS_ATTR(ConvAttrs, padding, nullptr),
                              GRADUS_ATTR(ConvAttrs, padding_end, nullptr),
                              GRADUS_ATTR(ConvAttrs, dilation, nullptr), GRADUS_ATTR(ConvAttrs, groups, "1")};

}  // namespace

extern constinit const OpDef op_conv = {
    .name = "conv",
    .doc = "convolution over 1 to 3 spatial axes: each place of the result weighs the input around it",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Conv",
    .formula = "y[n, o, p] = b[o] + sum_{c, k} w[o, c, k] x[n, c, p stride - padding + k dilation]",
};

Tensor conv(const Tensor& x, const Tensor& w, const ConvAttrs& attrs) {
  return apply(op_conv, {x, w}, attrs);
}

namespace {

// "same": the result has as many places as the input.
void pad_to_same(const ConvCall& call, const Operand& weight, ConvAttrs* a) {
  weight.dtype();
  for (int i = 0; i < call.axes; ++i) {
    if (a->stride[i] != 1) {
      throw_error<ValueError>(call.where, call.name, "padding \"same\" is for stride 1, but it is {}",
                              a->stride[i]);
    }
    std::int64_t total = 0;  // where there is no answer, conv says what is wrong
    const bool fits = weight.impl->rank == call.axes + 2;
    if (fits && __builtin_mul_overflow(a->dilation[i], weight.impl->dims()[i + 2] - 1, &total)) total = 0;
    total = std::max<std::int64_t>(total, 0);
    a->padding.push_back(total / 2);
    a->padding_end.push_back(total - total / 2);
  }
}

Tensor call(const char* name, int axes, const Operand& input, const Operand& weight, const Operand* bias,
            const ConvOptions& o) {
  const ConvCall call{name, axes, input.where};
  ConvAttrs a{call.each("stride", o.stride), {}, {}, call.each("dilation", o.dilation), o.groups};
  const char* mode = o.padding.mode;
  if (mode != nullptr && std::strcmp(mode, "same") == 0) {
    pad_to_same(call, weight, &a);
  } else if (mode == nullptr || std::strcmp(mode, "valid") == 0) {
    a.padding = call.padding("padding", o.padding.before);
    a.padding_end = call.padding("padding", o.padding.behind);
  } else {
    throw_error<ValueError>(call.where, name, "there is no padding \"{}\"; there are \"same\" and \"valid\"",
                            mode);
  }
  return call.apply(op_conv, input, weight, bias, a);
}

}  // namespace

Tensor conv1d(Operand input, Operand weight, const ConvOptions& options) {
  return call("conv1d", 1, input, weight, nullptr, options);
}
Tensor conv1d(Operand input, Operand weight, Operand bias, const ConvOptions& options) {
  return call("conv1d", 1, input, weight, &bias, options);
}
Tensor conv2d(Operand input, Operand weight, const ConvOptions& options) {
  return call("conv2d", 2, input, weight, nullptr, options);
}
Tensor conv2d(Operand input, Operand weight, Operand bias, const ConvOptions& options) {
  return call("conv2d", 2, input, weight, &bias, options);
}
Tensor conv3d(Operand input, Operand weight, const ConvOptions& options) {
  return call("conv3d", 3, input, weight, nullptr, options);
}
Tensor conv3d(Operand input, Operand weight, Operand bias, const ConvOptions& options) {
  return call("conv3d", 3, input, weight, &bias, options);
}

}  // namespace gradus
