// hardswish: y = x min(max(x + 3, 0), 6) / 6.
// Derivative: 0 for x <= -3, 1 for x >= 3, x / 3 + 1/2 between; NaN for NaN, in one loop:
// hardswish_backward.cc.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/activation/hardswish.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_UNARY(kHardswishLoops, kFloating,
             hn::Mul(hn::Mul(x, math::Min(d, math::Max(d, hn::Add(x, math::Const(d, 3)), hn::Zero(d)),
                                          math::Const(d, 6))),
                     math::Const(d, 1.0 / 6)))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/activation/fused_backward.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kHardswishLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kHardswishLoops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) { c.set(0, hardswish_backward(c.grad(), c.input(0))); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, -5, 5)});
  s.add({s.values({2, 23}, -5, 5)}, {}, {.note = "a tail behind whole vectors"});
  s.add({s.values({}, -5, 5)}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({6}, {-3.0, 3.0, 0.0, HUGE_VAL, -HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "bounds, infinities, NaN"});
  s.add_error(
      {SampleSink::i64({2}, {1, 2})},
      "hardswish: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};

}  // namespace

extern constinit const OpDef op_hardswish = {
    .name = "hardswish",
    .doc = "x hardsigmoid(x)",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "HardSwish",
    .formula = "y = x min(max(x + 3, 0), 6) / 6",
};

Tensor hardswish(Operand input) { return apply(op_hardswish, {input}); }

}  // namespace gradus
#endif
