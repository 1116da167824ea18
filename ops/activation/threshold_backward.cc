// threshold_backward: the derivative of threshold, dx = 0 for x <= threshold, else g (for NaN too).
// Derivative: by g as threshold_backward itself; by x: 0.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/activation/threshold_backward.cc"
#include "gradus/ops/kernels/activation-inl.h"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_BINARY(kThresholdBackwardLoops, kFloating, hn::IfThenZeroElse(hn::Le(b, math::Param(d, params, 0)), a))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/activation/fused_backward.h"
#include "gradus/ops/activation/params.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kThresholdBackwardLoops); }

void kernel(KernelContext& c) {
  const auto& a = c.attrs<ThresholdBackwardAttrs>();
  with_params(c.in[0].dtype, {a.threshold}, [&](const void* params) {
    kernels::elementwise(kernels::kThresholdBackwardLoops, c.in, 2, c.out[0], params);
  });
}

void rule(RuleContext& c) {
  if (c.needs(0)) {
    c.set(0, threshold_backward(c.grad(), constant(c.input(1)), c.attrs<ThresholdBackwardAttrs>().threshold));
  }
  if (c.needs(1)) c.set(1, zero_gradient(c, 1));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4}, -4, 4)}, ThresholdBackwardAttrs{0.5});
  s.add({s.values({2, 1, 4}), s.values({3, 1}, -4, 4)}, ThresholdBackwardAttrs{0.5}, {.note = "broadcast"});
  s.add({s.values({}), s.values({5}, -4, 4)}, ThresholdBackwardAttrs{0.5}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3}, -4, 4)}, ThresholdBackwardAttrs{0.5}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, 2.0, HUGE_VAL, 1.0, 2.0}),
         SampleSink::f64({5}, {NAN, 0.5, 1.0, NAN, -1.0})},
        ThresholdBackwardAttrs{0.5}, {.gradcheck = false, .note = "the step, NaN"});
  s.add_error({s.values({2, 3}), s.values({2, 4})}, ThresholdBackwardAttrs{0.5},
              "threshold_backward: shapes do not broadcast: g [2, 3] f64, x [2, 4] f64: axis 1 from the end "
              "is 3 in one and 4 in another; sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})}, ThresholdBackwardAttrs{0.5},
              "threshold_backward: dtypes differ: g [2] f64, x [2] i64; convert one with astype()");
}

constexpr const char* kInputs[] = {"g", "x"};
constexpr SaveMask kSaves[] = {in(1), 0};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(ThresholdBackwardAttrs, threshold, nullptr)};

}  // namespace

extern constinit const OpDef op_threshold_backward = {
    .name = "threshold_backward",
    .doc = "derivative of threshold",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "dx = 0 for x <= threshold, else g",
};

Tensor threshold_backward(Operand g, Operand x, double threshold) {
  return apply(op_threshold_backward, {g, x}, ThresholdBackwardAttrs{threshold});
}

}  // namespace gradus
#endif
