// threshold: y = x for x > threshold, else value; NaN stays NaN.
// Derivative: 0 for x <= threshold, else 1; see threshold_backward.cc. It depends on x only through a
// step, so for second order x is a constant.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/activation/threshold.cc"
#include "gradus/ops/kernels/activation-inl.h"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_UNARY(kThresholdLoops, kFloating,
             hn::IfThenElse(hn::Le(x, math::Param(d, params, 0)), math::Param(d, params, 1), x))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/activation/fused_backward.h"
#include "gradus/ops/activation/params.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kThresholdLoops); }

void kernel(KernelContext& c) {
  const auto& a = c.attrs<ThresholdAttrs>();
  with_params(c.in[0].dtype, {a.threshold, a.value}, [&](const void* params) {
    kernels::elementwise(kernels::kThresholdLoops, c.in, 1, c.out[0], params);
  });
}

void rule(RuleContext& c) {
  c.set(0, threshold_backward(c.grad(), constant(c.input(0)), c.attrs<ThresholdAttrs>().threshold));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, -4, 4)}, ThresholdAttrs{0.5, -2});
  s.add({s.values({2, 23}, -4, 4)}, ThresholdAttrs{0.5, -2}, {.note = "a tail behind whole vectors"});
  s.add({s.values({}, -4, 4)}, ThresholdAttrs{0.5, -2}, {.note = "one element"});
  s.add({s.values({0, 3})}, ThresholdAttrs{0.5, -2}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.5, 0.0, HUGE_VAL, -HUGE_VAL, NAN})}, ThresholdAttrs{0.5, -2},
        {.gradcheck = false, .note = "the step, infinities, NaN"});
  s.add_error(
      {SampleSink::i64({2}, {1, 2})}, ThresholdAttrs{0.5, -2},
      "threshold: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(ThresholdAttrs, threshold, nullptr),
                              GRADUS_ATTR(ThresholdAttrs, value, nullptr)};

}  // namespace

extern constinit const OpDef op_threshold = {
    .name = "threshold",
    .doc = "x for x > threshold, else value",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = x for x > threshold, else value",
};

Tensor threshold(Operand input, double threshold, double value) {
  return apply(op_threshold, {input}, ThresholdAttrs{threshold, value});
}

}  // namespace gradus
#endif
