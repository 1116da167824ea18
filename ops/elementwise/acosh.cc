// acosh: y = ln(x + sqrt(x^2 - 1)); NaN for x < 1.
// Derivative: dy/dx = 1/sqrt(x^2 - 1), in the form (x - 1)(x + 1) that keeps its digits near 1; inf at 1.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/acosh.cc"
#include "gradus/ops/kernels/elementwise-inl.h"
#include "gradus/ops/kernels/math_hyperbolic-inl.h"

GRADUS_UNARY(kAcoshLoops, kFloating, math::Acosh(d, x))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/math.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kAcoshLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kAcoshLoops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) {
  const Tensor x = c.input(0);
  c.set(0, zmul(c.grad(), rsqrt(mul(sub(x, 1), add(x, 1)))));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, 1.2, 4.0)});
  s.add({s.values({}, 1.2, 4.0)}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({s.values({2}, 1e10, 1e11)}, {}, {.gradcheck = false, .note = "large"});
  s.add({SampleSink::f64({2}, {-1e10, -1e11})}, {}, {.gradcheck = false, .note = "far outside"});
  s.add({SampleSink::f64({5}, {1.0, 0.5, -2.0, HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "the end, outside, infinity, NaN"});
  s.add_error({SampleSink::i64({2}, {1, 2})},
              "acosh: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};

}  // namespace

extern constinit const OpDef op_acosh = {
    .name = "acosh",
    .doc = "the inverse of cosh",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Acosh",
    .formula = "y = ln(x + sqrt(x^2 - 1))",
};

Tensor acosh(Operand input) { return apply(op_acosh, {input}); }

}  // namespace gradus
#endif
