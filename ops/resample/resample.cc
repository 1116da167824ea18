// resample: another size of one axis. Place j of the result lies at c = (j + shift) numerator / denominator +
// offset and is the weighted sum of the places around c: y[j] = sum over t of w[j][t] x[i[j][t]] (weights.h).
// interpolate() applies it to one spatial axis after the other.
// Derivative: linear, so the transposed sum: resample_backward.
#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/resample/loops.h"
#include "gradus/ops/resample/weights.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_resample(c, false); }

void kernel(KernelContext& c) { run_resample(c, false); }

void rule(RuleContext& c) {
  ResampleAttrs a = c.attrs<ResampleAttrs>();
  const Shape shape = c.input_shape(0);
  a.size = shape[positive_axis(a.dim, shape.rank())];
  c.set(0, resample_backward(c.grad(), a));
}

void samples(SampleSink& s) {
  s.add({s.values({1, 2, 3, 5})}, ResampleAttrs{-1, 10, "linear", 0.5, 5, 10, -0.5});
  s.add({s.values({1, 2, 5, 3})}, ResampleAttrs{2, 3, "linear", 0, 4, 2, 0}, {.note = "aligned corners"});
  s.add({s.values({2, 3, 4})}, ResampleAttrs{2, 7, "cubic", 0.5, 4, 7, -0.5});
  s.add({s.values({2, 6, 2})}, ResampleAttrs{1, 4, "cubic", 0.5, 6, 4, -0.5, -0.5, true},
        {.note = "places outside do not count"});
  s.add({s.values({1, 2, 4, 3})}, ResampleAttrs{2, 9, "floor", 0, 4, 9, 0});
  s.add({s.values({7})}, ResampleAttrs{0, 4, "ceil", 0.5, 7, 4, -0.5});
  s.add({s.values({2, 5})}, ResampleAttrs{1, 10, "round_half_down", 0.5, 5, 10, -0.5});
  s.add({s.values({2, 5})}, ResampleAttrs{1, 10, "round_half_up", 0.5, 5, 10, -0.5});
  s.add({s.values({3, 2})}, ResampleAttrs{0, 5, "linear", 0, 3, 1, -4}, {.note = "far outside"});
  s.add({s.values({1, 1, 1})}, ResampleAttrs{2, 3, "linear", 0.5, 1, 3, -0.5}, {.note = "size 1"});
  s.add({s.values({0, 2, 3})}, ResampleAttrs{2, 6, "linear", 0.5, 3, 6, -0.5}, {.note = "empty"});
  s.add({SampleSink::i64({2, 3}, {1, 2, 3, 4, 5, 6})}, ResampleAttrs{1, 6, "floor", 0, 3, 6, 0},
        {.note = "integers"});
  s.add_error({s.values({2, 3})}, ResampleAttrs{1, 0}, "resample: size 0 of axis 1 is below 1: x [2, 3] f64");
  s.add_error({s.values({2, 0})}, ResampleAttrs{1, 4},
              "resample: axis 1 of x [2, 0] f64 has no elements to resample");
  s.add_error({s.values({2, 3})}, ResampleAttrs{1, 4, "lanczos"}, "resample: there is no mode lanczos");
  s.add_error({s.values({2, 3})}, ResampleAttrs{1, 4, "linear", 0.5, 1, 0, 0},
              "resample: (0.5 + j) * 1 / 0 + 0 are no places of axis 1: x [2, 3] f64");
  s.add_error({s.values({2, 3})}, ResampleAttrs{2, 4},
              "resample: axis 2 is out of range: x [2, 3] f64 has the axes -2..1");
  s.add_error({SampleSink::i64({2}, {1, 2})}, ResampleAttrs{0, 4},
              "resample: takes floating-point numbers: x [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"x"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(ResampleAttrs, dim, nullptr),
                              GRADUS_ATTR(ResampleAttrs, size, nullptr),
                              GRADUS_ATTR(ResampleAttrs, mode, "linear"),
                              GRADUS_ATTR(ResampleAttrs, shift, "0.5"),
                              GRADUS_ATTR(ResampleAttrs, numerator, "1"),
                              GRADUS_ATTR(ResampleAttrs, denominator, "1"),
                              GRADUS_ATTR(ResampleAttrs, offset, "-0.5"),
                              GRADUS_ATTR(ResampleAttrs, cubic, "-0.75"),
                              GRADUS_ATTR(ResampleAttrs, exclude_outside, "false")};

}  // namespace

extern constinit const OpDef op_resample = {
    .name = "resample",
    .doc = "another size of one axis: places between those that are given, nearest, linear or cubic",
    .inputs = kInputs,
    .attrs = kAttrs,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Resize",
    .formula = "y[j] = sum_t w[j, t] x[i[j, t]]",
};

Tensor resample(Operand x, const ResampleAttrs& attrs) { return apply(op_resample, {x}, attrs); }

}  // namespace gradus
