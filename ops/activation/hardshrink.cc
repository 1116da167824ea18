// hardshrink: y = 0 for -lambd <= x <= lambd, else x; NaN stays NaN.
// Derivative: 0 for -lambd <= x <= lambd, else 1; see shrink_backward.cc. It depends on x only through
// steps, so for second order x is a constant.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/activation/hardshrink.cc"
#include "gradus/ops/kernels/activation-inl.h"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_UNARY(kHardshrinkLoops, kFloating,
             hn::IfThenZeroElse(hn::Le(hn::Abs(x), math::Param(d, params, 0)), x))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/activation/fused_backward.h"
#include "gradus/ops/activation/params.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kHardshrinkLoops); }

void kernel(KernelContext& c) {
  const auto& a = c.attrs<ShrinkAttrs>();
  with_params(c.in[0].dtype, {a.lambd}, [&](const void* params) {
    kernels::elementwise(kernels::kHardshrinkLoops, c.in, 1, c.out[0], params);
  });
}

void rule(RuleContext& c) {
  c.set(0, shrink_backward(c.grad(), constant(c.input(0)), c.attrs<ShrinkAttrs>().lambd));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, -2, 2)}, ShrinkAttrs{});
  s.add({s.values({2, 23}, -2, 2)}, ShrinkAttrs{}, {.note = "a tail behind whole vectors"});
  s.add({s.values({}, -2, 2)}, ShrinkAttrs{}, {.note = "one element"});
  s.add({s.values({0, 3})}, ShrinkAttrs{}, {.note = "empty"});
  s.add({SampleSink::f64({6}, {0.5, -0.5, 0.0, HUGE_VAL, -HUGE_VAL, NAN})}, ShrinkAttrs{},
        {.gradcheck = false, .note = "the steps, infinities, NaN"});
  s.add({s.values({4})}, ShrinkAttrs{-1}, {.note = "a negative lambd: nothing becomes 0"});
  s.add_error(
      {SampleSink::i64({2}, {1, 2})}, ShrinkAttrs{},
      "hardshrink: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(ShrinkAttrs, lambd, "0.5")};

}  // namespace

extern constinit const OpDef op_hardshrink = {
    .name = "hardshrink",
    .doc = "0 for |x| <= lambd, else x",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Shrink",
    .formula = "y = 0 for |x| <= lambd, else x",
};

Tensor hardshrink(Operand input, double lambd) { return apply(op_hardshrink, {input}, ShrinkAttrs{lambd}); }

}  // namespace gradus
#endif
