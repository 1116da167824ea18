// log10: y = ln x / ln 10; -inf at 0, NaN below.
// Derivative: dy/dx = 1/(x ln 10).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/log10.cc"
#include "gradus/ops/kernels/elementwise-inl.h"
#include "gradus/ops/kernels/math_exp2-inl.h"

GRADUS_UNARY(kLog10Loops, kFloating, math::Log10(d, x))

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

void infer(InferContext& c) { infer_elementwise(c, kernels::kLog10Loops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kLog10Loops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) { c.set(0, zdiv(c.grad(), mul(c.input(0), std::numbers::ln10))); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, 0.2, 3.0)});
  s.add({s.values({}, 0.2, 3.0)}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, -1.0, HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "zeros, negative, infinity, NaN"});
  s.add_error({SampleSink::i64({2}, {1, 2})},
              "log10: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};

}  // namespace

extern constinit const OpDef op_log10 = {
    .name = "log10",
    .doc = "the logarithm to base 10",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = ln x / ln 10",
};

Tensor log10(Operand input) { return apply(op_log10, {input}); }

}  // namespace gradus
#endif
