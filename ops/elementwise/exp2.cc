// exp2: y = 2^x.
// Derivative: dy/dx = y ln 2; the result is kept, not the input.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/exp2.cc"
#include "gradus/ops/kernels/elementwise-inl.h"
#include "gradus/ops/kernels/math_exp2-inl.h"

GRADUS_UNARY(kExp2Loops, kFloating, math::Exp2(d, x))

#if HWY_ONCE
#include <cmath>
#include <numbers>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/math.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kExp2Loops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kExp2Loops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) { c.set(0, zmul(c.grad(), mul(c.output(), std::numbers::ln2))); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4})});
  s.add({s.values({})}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {3.0, -10.0, 100.0, 2000.0, -2000.0})}, {},
        {.gradcheck = false, .note = "whole numbers, overflow"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add_error({SampleSink::i64({2}, {1, 2})},
              "exp2: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {out(0)};

}  // namespace

extern constinit const OpDef op_exp2 = {
    .name = "exp2",
    .doc = "2^x",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = 2^x",
};

Tensor exp2(Operand input) { return apply(op_exp2, {input}); }

}  // namespace gradus
#endif
