// resample_backward: each place of g added, weighted, to the places that resample would read for it; the
// transposed sum, and so the derivative of resample.
// Derivative: linear, so resample.
#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/resample/loops.h"
#include "gradus/ops/resample/weights.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_resample(c, true); }

void kernel(KernelContext& c) { run_resample(c, true); }

void rule(RuleContext& c) {
  ResampleAttrs a = c.attrs<ResampleAttrs>();
  const Shape shape = c.input_shape(0);
  a.size = shape[positive_axis(a.dim, shape.rank())];
  c.set(0, resample(c.grad(), a));
}

void samples(SampleSink& s) {
  s.add({s.values({1, 2, 3, 10})}, ResampleAttrs{-1, 5, "linear", 0.5, 5, 10, -0.5});
  s.add({s.values({2, 3, 7})}, ResampleAttrs{2, 4, "cubic", 0.5, 4, 7, -0.5});
  s.add({s.values({1, 2, 9, 3})}, ResampleAttrs{2, 4, "floor", 0, 4, 9, 0});
  s.add({s.values({1, 1, 3})}, ResampleAttrs{2, 1, "linear", 0.5, 1, 3, -0.5}, {.note = "size 1"});
  s.add({s.values({0, 2, 6})}, ResampleAttrs{2, 3, "linear", 0.5, 3, 6, -0.5}, {.note = "empty"});
  s.add_error({s.values({2, 3})}, ResampleAttrs{1, -2},
              "resample_backward: size -2 of axis 1 is below 1: g [2, 3] f64");
}

constexpr const char* kInputs[] = {"g"};
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

extern constinit const OpDef op_resample_backward = {
    .name = "resample_backward",
    .doc =
        "each place of g added, weighted, to the places that it was resampled from: the gradient of resample",
    .inputs = kInputs,
    .attrs = kAttrs,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "x[i[j, t]] += w[j, t] g[j]",
};

Tensor resample_backward(Operand g, const ResampleAttrs& attrs) {
  return apply(op_resample_backward, {g}, attrs);
}

}  // namespace gradus
