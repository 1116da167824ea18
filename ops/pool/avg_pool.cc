// avg_pool: the mean of each window, y[o] = sum over k of x[o stride - before + k] / n. The divisor n counts
// the places of the window: with count_include_pad those in the padding too, but not those behind it that
// ceil_mode adds; or it is divisor_override, where that is not 0.
// Derivative: linear, so each cotangent over its divisor added to the places of its window:
// avg_pool_backward.
#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/kernels/pool.h"
#include "gradus/ops/pool.h"
#include "gradus/ops/pool/windows.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_avg_pool(c, windows_of(c.attrs<AvgPoolAttrs>())); }

void kernel(KernelContext& c) {
  const auto& a = c.attrs<AvgPoolAttrs>();
  run_avg_pool(c, windows_of(a), {a.count_include_pad, static_cast<double>(a.divisor_override)});
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<AvgPoolAttrs>();
  c.set(0, avg_pool_backward(c.grad(), {a.kernel, a.stride, a.before, a.after, a.ceil_mode,
                                        a.count_include_pad, a.divisor_override, Dims{}, c.input_shape(0)}));
}

void samples(SampleSink& s) {
  const AvgPoolAttrs two{{2, 2}, {2, 2}, {0, 0}, {0, 0}};
  s.add({s.values({2, 3, 4, 6})}, two);
  s.add({s.values({2, 2, 7, 5})}, AvgPoolAttrs{{3, 3}, {2, 1}, {1, 1}, {1, 1}});
  s.add({s.values({2, 2, 7, 5})}, AvgPoolAttrs{{3, 3}, {2, 2}, {1, 1}, {0, 1}, true, false},
        {.note = "ceil_mode, padding does not count"});
  s.add({s.values({1, 2, 6})}, AvgPoolAttrs{{4}, {3}, {2}, {2}, true, true},
        {.note = "ceil_mode behind the padding"});
  s.add({s.values({1, 19, 4, 5})}, AvgPoolAttrs{{2, 3}, {1, 2}, {1, 1}, {1, 1}, false, true, 5},
        {.note = "divisor_override, many channels"});
  s.add({s.values({3, 8})}, AvgPoolAttrs{{3}, {2}, {1}, {1}}, {.note = "one axis, unbatched"});
  s.add({s.values({1, 2, 3, 4, 5})}, AvgPoolAttrs{{2, 2, 3}, {1, 2, 2}, {1, 0, 1}, {0, 1, 1}},
        {.note = "three axes, another padding behind"});
  s.add({s.values({1, 1, 1})}, AvgPoolAttrs{{1}, {1}, {0}, {0}}, {.note = "size 1"});
  s.add({s.values({0, 2, 4, 4})}, two, {.note = "no images"});
  s.add_error(
      {s.values({1, 2, 3, 1})}, two,
      "avg_pool: the window is larger than the padded axis 3: 2 places (2, 1 apart), the axis has 0 + "
      "1 + 0: input [1, 2, 3, 1] f64");
  s.add_error(
      {s.values({1, 2, 3})}, AvgPoolAttrs{{0}, {1}, {0}, {0}},
      "avg_pool: kernel size 0, stride 1 and dilation 1 of axis 2 are not in 1..2^31: input [1, 2, 3] "
      "f64");
  s.add_error({s.values({1, 2, 3})}, AvgPoolAttrs{{2}, {1}, {-1}, {0}},
              "avg_pool: padding -1 and 0 of axis 2 is negative or leaves windows of 2 places without an "
              "element: input [1, 2, 3] f64");
  s.add_error({s.values({1, 2, 2, 2, 2})},
              AvgPoolAttrs{{65536, 65536, 1}, {1, 1, 1}, {65534, 65535, 0}, {65535, 65535, 0}},
              "avg_pool: a window has more than 2^31 places: kernel [65536, 65536, 1], input [1, 2, 2, 2, 2] "
              "f64");
  s.add_error({SampleSink::i64({1, 2}, {0, 1})}, AvgPoolAttrs{{2}, {2}, {0}, {0}},
              "avg_pool: takes floating-point numbers: input [1, 2] i64; convert it with astype(x, "
              "DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr AttrDef kAttrs[] = {
    GRADUS_ATTR(AvgPoolAttrs, kernel, nullptr),      GRADUS_ATTR(AvgPoolAttrs, stride, nullptr),
    GRADUS_ATTR(AvgPoolAttrs, before, nullptr),      GRADUS_ATTR(AvgPoolAttrs, after, nullptr),
    GRADUS_ATTR(AvgPoolAttrs, ceil_mode, "false"),   GRADUS_ATTR(AvgPoolAttrs, count_include_pad, "true"),
    GRADUS_ATTR(AvgPoolAttrs, divisor_override, "0")};

}  // namespace

extern constinit const OpDef op_avg_pool = {
    .name = "avg_pool",
    .doc = "the mean of each window of the spatial axes",
    .inputs = kInputs,
    .attrs = kAttrs,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "AveragePool",
    .formula = "y[o] = sum_k x[o stride - before + k] / n[o]",
};

namespace {

Tensor pooled(const Operand& input, const Dims& kernel_size, const AvgPoolOptions& o, int spatial,
              const char* name) {
  require_spatial(input, spatial, name);
  const Dims kernel = spread(kernel_size, spatial, "kernel_size", name, input.where);
  const Dims padding = spread(o.padding, spatial, "padding", name, input.where);
  if (o.padding_end.empty()) {
    require_half_padding(padding, kernel, spread(1, spatial, "dilation", name, input.where), input, name);
  }
  return apply(
      op_avg_pool, {input},
      AvgPoolAttrs{
          kernel, o.stride.empty() ? kernel : spread(o.stride, spatial, "stride", name, input.where), padding,
          o.padding_end.empty() ? padding : spread(o.padding_end, spatial, "padding_end", name, input.where),
          o.ceil_mode, o.count_include_pad, o.divisor_override});
}

}  // namespace

Tensor avg_pool1d(Operand input, const Dims& kernel_size, const AvgPoolOptions& options) {
  return pooled(input, kernel_size, options, 1, "avg_pool1d");
}
Tensor avg_pool2d(Operand input, const Dims& kernel_size, const AvgPoolOptions& options) {
  return pooled(input, kernel_size, options, 2, "avg_pool2d");
}
Tensor avg_pool3d(Operand input, const Dims& kernel_size, const AvgPoolOptions& options) {
  return pooled(input, kernel_size, options, 3, "avg_pool3d");
}

}  // namespace gradus
