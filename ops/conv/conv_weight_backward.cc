// conv_weight_backward: w[o, c, k] = sum over n, p of x[n, c, p stride - padding + k dilation] y[n, o, p]:
// the gradient of conv by its weights, with y for the cotangent. Bilinear, as conv is: with cotangent G, dx =
// conv_transpose(y, G), dy = conv(x, G).
#include <fmt/format.h>

#include "gradus/graph/samples.h"
#include "gradus/ops/conv/attrs.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const auto& a = c.attrs<ConvWeightAttrs>();
  c.require_floating(0);
  c.require_same_dtype();
  const int axes = a.kernel.rank();
  if (axes < 1 || axes > kernels::kSpatial || c.rank(0) != axes + 2 || c.rank(1) != axes + 2) {
    c.shape_error(fmt::format("images of {} spatial axes have {}: {}, {}", axes, axes + 2, c.describe(0),
                              c.describe(1)));
  }
  check_numbers(c, "stride", a.stride, axes, 1);
  check_numbers(c, "padding", a.padding, axes, -0x7fffffff);
  check_numbers(c, "dilation", a.dilation, axes, 1);
  check_numbers(c, "kernel", a.kernel, axes, 1);
  if (c.dim(0, 0) != c.dim(1, 0)) {
    c.shape_error(fmt::format("the numbers of images differ: {}, {}", c.describe(0), c.describe(1)));
  }
  if (a.groups < 1 || c.dim(0, 1) % a.groups != 0 || c.dim(1, 1) % a.groups != 0) {
    c.shape_error(
        fmt::format("{} groups do not divide the channels: {}, {}", a.groups, c.describe(0), c.describe(1)));
  }
  OutputMeta& w = c.out(0);
  c.set_out_like(0, 0);
  w.dims[0] = c.dim(1, 1);
  w.dims[1] = c.dim(0, 1) / a.groups;
  for (int i = 0; i < axes; ++i) w.dims[i + 2] = a.kernel[i];
  c.set_scratch(kernels::conv_scratch(
      kernels::ConvPass::weight,
      conv_shape(a.stride, a.padding, a.dilation, a.groups, c.dims(0), w.dims, c.dims(1)), c.impl(0).view(),
      c.impl(1).view(), View{}));
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<ConvWeightAttrs>();
  const View &x = c.in[0], &y = c.in[1], &w = c.out[0];
  kernels::conv(kernels::ConvPass::weight,
                conv_shape(a.stride, a.padding, a.dilation, a.groups, x.dims, w.dims, y.dims), x, y, View{},
                w, c.scratch);
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<ConvWeightAttrs>();
  const Tensor g = c.grad();
  if (c.needs(0)) {
    const Tensor y = c.input(1);
    c.set(0, conv_transpose(y, g,
                            attrs_between(a.stride, a.padding, a.dilation, a.groups, c.input_shape(0),
                                          a.kernel, y.shape())));
  }
  if (c.needs(1)) {
    const Tensor x = c.input(0);
    c.set(1, conv(x, g,
                  attrs_between(a.stride, a.padding, a.dilation, a.groups, x.shape(), a.kernel,
                                c.input_shape(1))));
  }
}

void samples(SampleSink& s) {
  using A = ConvWeightAttrs;
  s.add({s.values({2, 3, 7}), s.values({2, 4, 7})}, A{{1}, {1}, {1}, {3}, 1});
  s.add({s.values({2, 2, 5, 4}), s.values({2, 3, 5, 3})}, A{{1, 1}, {1, 0}, {1, 1}, {3, 2}, 1});
  s.add({s.values({1, 4, 5, 6}), s.values({1, 6, 3, 5})}, A{{2, 1}, {1, 2}, {1, 2}, {2, 3}, 2},
        {.note = "groups, strides, dilation"});
  s.add({s.values({2, 3, 4, 4}), s.values({2, 3, 4, 4})}, A{{1, 1}, {1, 1}, {1, 1}, {3, 3}, 3},
        {.note = "depthwise"});
  s.add({s.values({2, 3, 3, 2}), s.values({2, 4, 3, 2})}, A{{1, 1}, {0, 0}, {1, 1}, {1, 1}, 1},
        {.note = "each pixel alone"});
  s.add({s.values({1, 2, 3, 4, 3}), s.values({1, 2, 3, 2, 2})},
        A{{1, 2, 1}, {1, 0, 1}, {1, 1, 2}, {2, 2, 2}, 1}, {.note = "three axes"});
  s.add({s.values({1, 1, 2}), s.values({1, 1, 6})}, A{{1}, {3}, {1}, {2}, 1},
        {.note = "places that see none of x"});
  s.add({s.values({1, 1, 1}), s.values({1, 1, 1})}, A{{1}, {0}, {1}, {1}, 1}, {.note = "size 1"});
  s.add({s.values({0, 2, 3}), s.values({0, 2, 2})}, A{{1}, {0}, {1}, {2}, 1}, {.note = "no images: zeros"});
  s.add({s.values({2, 0, 3}), s.values({2, 2, 2})}, A{{1}, {0}, {1}, {2}, 1}, {.note = "no channels"});

  s.add_error({s.values({2, 1, 3}), s.values({3, 1, 3})}, A{{1}, {0}, {1}, {1}, 1},
              "conv_weight_backward: the numbers of images differ: x [2, 1, 3] f64, y [3, 1, 3] f64");
  s.add_error({s.values({1, 4, 3}), s.values({1, 3, 3})}, A{{1}, {0}, {1}, {1}, 2},
              "conv_weight_backward: 2 groups do not divide the channels: x [1, 4, 3] f64, y [1, 3, 3] f64");
  s.add_error({s.values({1, 4, 3}), s.values({1, 3, 3})}, A{{1, 1}, {0, 0}, {1, 1}, {1, 1}, 1},
              "conv_weight_backward: images of 2 spatial axes have 4: x [1, 4, 3] f64, y [1, 3, 3] f64");
  s.add_error({s.values({1, 1, 3}), s.values({1, 1, 3})}, A{{1}, {0}, {1}, {0}, 1},
              "conv_weight_backward: kernel [0] is outside 1..2147483647: x [1, 1, 3] f64, y [1, 1, 3] f64");
  s.add_error(
      {s.values({1, 1, 1, 1, 1}), s.values({1, 1, 1, 1, 1})},
      A{{1, 1, 1}, {0, 0, 0}, {1, 1, 1}, {2147483647, 2147483647, 2147483647}, 1},
      "conv_weight_backward: [1, 1, 2147483647, 2147483647, 2147483647] f64 has too many elements for "
      "the memory of any machine");
}

constexpr const char* kInputs[] = {"x", "y"};
constexpr SaveMask kSaves[] = {in(1), in(0)};
constexpr AttrDef kAttrs[] = {
    GRADUS_ATTR(ConvWeightAttrs, stride, nullptr), GRADUS_ATTR(ConvWeightAttrs, padding, nullptr),
    GRADUS_ATTR(ConvWeightAttrs, dilation, nullptr), GRADUS_ATTR(ConvWeightAttrs, kernel, nullptr),
    GRADUS_ATTR(ConvWeightAttrs, groups, "1")};

}  // namespace

extern constinit const OpDef op_conv_weight_backward = {
    .name = "conv_weight_backward",
    .doc = "the gradient of conv by its weights, from the input x and the cotangent y",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "w[o, c, k] = sum_{n, p} x[n, c, p stride - padding + k dilation] y[n, o, p]",
};

Tensor conv_weight_backward(const Tensor& x, const Tensor& y, const ConvWeightAttrs& attrs) {
  return apply(op_conv_weight_backward, {x, y}, attrs);
}

}  // namespace gradus
