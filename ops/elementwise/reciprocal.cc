// reciprocal: y = 1/x.
// Derivative: dy/dx = -1/x^2 = -y^2.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/reciprocal.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_UNARY(kReciprocalLoops, kFloating, hn::Div(math::Const(d, 1), x))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kReciprocalLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kReciprocalLoops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) { c.set(0, zmul(c.grad(), neg(square(c.output())))); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, 0.4, 3.0)});
  s.add({s.values({}, 0.4, 3.0)}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({s.values({4}, -3.0, -0.4)}, {}, {.note = "negative"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add_error(
      {SampleSink::i64({2}, {1, 2})},
      "reciprocal: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {out(0)};

}  // namespace

extern constinit const OpDef op_reciprocal = {
    .name = "reciprocal",
    .doc = "1 / x",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Reciprocal",
    .formula = "y = 1 / x",
};

Tensor reciprocal(Operand input) { return apply(op_reciprocal, {input}); }

}  // namespace gradus
#endif
