// max_pool: the largest element of each window, y[o] = max over k of x[o stride - before + k dilation]; the
// first of several equal ones, a NaN before any number and of several the last, as PyTorch chooses. The
// second output tells which place of the window it was, counted in row-major order, in as few bytes as it
// needs; max_pool_indices makes the usual indices of it.
// Derivative: the cotangent goes to the element that was chosen: max_pool_backward.
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/pool.h"
#include "gradus/ops/pool/windows.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_max_pool(c, windows_of(c.attrs<MaxPoolAttrs>())); }

void kernel(KernelContext& c) { run_max_pool(c, windows_of(c.attrs<MaxPoolAttrs>())); }

void rule(RuleContext& c) { differentiate_max_pool(c, windows_of(c.attrs<MaxPoolAttrs>())); }

void samples(SampleSink& s) {
  const MaxPoolAttrs two{{2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}};
  const MaxPoolAttrs three{{3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}};
  s.add({s.values({2, 3, 4, 6})}, two);
  s.add({s.values({2, 2, 7, 7})}, three);
  s.add({s.values({1, 2, 5, 70})}, two, {.note = "rows of whole vectors and a rest"});
  s.add({s.values({2, 1, 5, 41})}, three, {.note = "padding and whole vectors"});
  s.add({s.values({1, 19, 4, 5})}, MaxPoolAttrs{{2, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
        {.note = "windows one apart, many channels"});
  s.add({s.values({3, 8})}, MaxPoolAttrs{{3}, {2}, {2}, {1}, {1}}, {.note = "one axis, unbatched, dilation"});
  s.add({s.values({2, 3, 9})}, MaxPoolAttrs{{2}, {3}, {1}, {0}, {0}, true}, {.note = "ceil_mode"});
  s.add({s.values({1, 2, 4, 5, 6})},
        MaxPoolAttrs{{2, 3, 2}, {2, 1, 2}, {1, 2, 1}, {1, 1, 0}, {0, 2, 1}, true},
        {.note = "three axes, another padding behind, ceil_mode"});
  s.add({s.values({1, 2, 20, 20})}, MaxPoolAttrs{{17, 17}, {1, 3}, {1, 1}, {2, 0}, {0, 0}},
        {.note = "windows of more than 256 places"});
  s.add({s.values({1, 1, 1, 1})}, MaxPoolAttrs{{1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}}, {.note = "size 1"});
  s.add({s.values({0, 2, 4, 4})}, two, {.note = "no images"});
  s.add({s.values({2, 0, 4, 4})}, two, {.note = "no channels"});
  s.add({SampleSink::f64({1, 2, 6}, {1, 3, 3, 2, 2, 2, NAN, 7, -HUGE_VAL, -HUGE_VAL, NAN, NAN})},
        MaxPoolAttrs{{2}, {2}, {1}, {0}, {0}}, {.gradcheck = false, .note = "ties, NaN, -inf"});
  s.add({SampleSink::i64({1, 2, 4}, {-3, -2, -2, 5, 7, 7, 7, 1})}, MaxPoolAttrs{{3}, {1}, {1}, {1}, {1}},
        {.note = "integers"});
  s.add_error(
      {s.values({1, 2, 3, 3})}, MaxPoolAttrs{{5, 2}, {1, 1}, {1, 1}, {0, 0}, {1, 0}},
      "max_pool: the window is larger than the padded axis 2: 5 places (5, 1 apart), the axis has 0 + "
      "3 + 1: input [1, 2, 3, 3] f64");
  s.add_error(
      {s.values({1, 2, 3})}, MaxPoolAttrs{{2}, {0}, {1}, {0}, {0}},
      "max_pool: kernel size 2, stride 0 and dilation 1 of axis 2 are not in 1..2^31: input [1, 2, 3] "
      "f64");
  s.add_error(
      {s.values({1, 2, 3})}, MaxPoolAttrs{{2}, {1}, {-1}, {0}, {0}},
      "max_pool: kernel size 2, stride 1 and dilation -1 of axis 2 are not in 1..2^31: input [1, 2, 3] "
      "f64");
  s.add_error({s.values({1, 2, 3})}, MaxPoolAttrs{{2}, {1}, {1}, {0}, {2}},
              "max_pool: padding 0 and 2 of axis 2 is negative or leaves windows of 2 places without an "
              "element: input [1, 2, 3] f64");
  s.add_error({s.values({1, 2, 2})}, MaxPoolAttrs{{2}, {1}, {3}, {1}, {1}},
              "max_pool: dilation 3 is larger than axis 2, whose windows may then lie in its padding of 1: "
              "input [1, 2, 2] f64");
  s.add_error({s.values({1, 2, 0})}, MaxPoolAttrs{{1}, {1}, {1}, {0}, {0}},
              "max_pool: axis 2 of input [1, 2, 0] f64 has no elements to pool");
  s.add_error({s.values({2, 3})}, two,
              "max_pool: takes 2 spatial axes behind C, or behind N and C: input [2, 3] f64 has 2 axes");
  s.add_error({s.values({2, 3})}, MaxPoolAttrs{{2}, {2, 2}, {1}, {0}, {0}},
              "max_pool: pools one to three axes, with one number for each: kernel [2], stride [2, 2], "
              "dilation [1], padding [0] and [0]");
  s.add_error({SampleSink::boolean({1, 2}, {0, 1})}, MaxPoolAttrs{{2}, {2}, {1}, {0}, {0}},
              "max_pool: takes numbers: input [1, 2] bool");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {out(1)};
constexpr AttrDef kAttrs[] = {
    GRADUS_ATTR(MaxPoolAttrs, kernel, nullptr),   GRADUS_ATTR(MaxPoolAttrs, stride, nullptr),
    GRADUS_ATTR(MaxPoolAttrs, dilation, nullptr), GRADUS_ATTR(MaxPoolAttrs, before, nullptr),
    GRADUS_ATTR(MaxPoolAttrs, after, nullptr),    GRADUS_ATTR(MaxPoolAttrs, ceil_mode, "false")};

}  // namespace

extern constinit const OpDef op_max_pool = {
    .name = "max_pool",
    .doc = "the largest element of each window of the spatial axes, and which of the window's places it was",
    .inputs = kInputs,
    .outputs = 2,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "MaxPool",
    .formula = "y[o] = max_k x[o stride - before + k dilation]",
};

namespace {

ValuesIndices pooled(const Operand& input, const Dims& kernel_size, const MaxPoolOptions& o, int spatial,
                     const char* name, bool with_indices) {
  require_spatial(input, spatial, name);
  const Dims kernel = spread(kernel_size, spatial, "kernel_size", name, input.where);
  const Dims dilation = spread(o.dilation, spatial, "dilation", name, input.where);
  const Dims padding = spread(o.padding, spatial, "padding", name, input.where);
  if (o.padding_end.empty()) require_half_padding(padding, kernel, dilation, input, name);
  const MaxPoolAttrs attrs{
      kernel,
      o.stride.empty() ? kernel : spread(o.stride, spatial, "stride", name, input.where),
      dilation,
      padding,
      o.padding_end.empty() ? padding : spread(o.padding_end, spatial, "padding_end", name, input.where),
      o.ceil_mode};
  return apply_max_pool(op_max_pool, input, &attrs, windows_of(attrs), with_indices);
}

}  // namespace

Tensor max_pool1d(Operand input, const Dims& kernel_size, const MaxPoolOptions& options) {
  return pooled(input, kernel_size, options, 1, "max_pool1d", false).values;
}
Tensor max_pool2d(Operand input, const Dims& kernel_size, const MaxPoolOptions& options) {
  return pooled(input, kernel_size, options, 2, "max_pool2d", false).values;
}
Tensor max_pool3d(Operand input, const Dims& kernel_size, const MaxPoolOptions& options) {
  return pooled(input, kernel_size, options, 3, "max_pool3d", false).values;
}
ValuesIndices max_pool1d_with_indices(Operand input, const Dims& kernel_size, const MaxPoolOptions& options) {
  return pooled(input, kernel_size, options, 1, "max_pool1d_with_indices", true);
}
ValuesIndices max_pool2d_with_indices(Operand input, const Dims& kernel_size, const MaxPoolOptions& options) {
  return pooled(input, kernel_size, options, 2, "max_pool2d_with_indices", true);
}
ValuesIndices max_pool3d_with_indices(Operand input, const Dims& kernel_size, const MaxPoolOptions& options) {
  return pooled(input, kernel_size, options, 3, "max_pool3d_with_indices", true);
}

}  // namespace gradus
