// asinh: y = ln(x + sqrt(x^2 + 1)).
// Derivative: dy/dx = 1/sqrt(x^2 + 1), by hypot, since x^2 may overflow.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/asinh.cc"
#include "gradus/ops/kernels/elementwise-inl.h"
#include "gradus/ops/kernels/math_hyperbolic-inl.h"

GRADUS_UNARY(kAsinhLoops, kFloating, math::Asinh(d, x))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/math.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kAsinhLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kAsinhLoops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) { c.set(0, zdiv(c.grad(), hypot(c.input(0), 1))); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4})});
  s.add({s.values({})}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add_error({SampleSink::i64({2}, {1, 2})},
              "asinh: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};

}  // namespace

extern constinit const OpDef op_asinh = {
    .name = "asinh",
    .doc = "the inverse of sinh",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Asinh",
    .formula = "y = ln(x + sqrt(x^2 + 1))",
};

Tensor asinh(Operand input) { return apply(op_asinh, {input}); }

}  // namespace gradus
#endif
