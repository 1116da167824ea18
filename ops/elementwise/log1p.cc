// log1p: y = ln(1 + x), without the rounding of 1 + x near 0.
// Derivative: dy/dx = 1/(1 + x).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/log1p.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_UNARY(kLog1pLoops, kFloating, math::Log1p(d, x))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/math.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kLog1pLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kLog1pLoops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) { c.set(0, zdiv(c.grad(), add(c.input(0), 1))); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, -0.7, 3.0)});
  s.add({s.values({}, -0.7, 3.0)}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, -1.0, -2.0, HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "zero, the pole, below it, infinity, NaN"});
  s.add_error({SampleSink::i64({2}, {1, 2})},
              "log1p: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};

}  // namespace

extern constinit const OpDef op_log1p = {
    .name = "log1p",
    .doc = "ln(1 + x), exact near 0",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = ln(1 + x)",
};

Tensor log1p(Operand input) { return apply(op_log1p, {input}); }

}  // namespace gradus
#endif
