// sin: y = sin x.
// Derivative: dy/dx = cos x.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/sin.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_UNARY(kSinLoops, kFloating, math::Sin(d, x))

#if HWY_ONCE
#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/math.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kSinLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kSinLoops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) { c.set(0, zmul(c.grad(), cos(c.input(0)))); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4})});
  s.add({s.values({})}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({3}, {0.0, -0.0, 100.0})}, {}, {.gradcheck = false, .note = "zeros, several turns"});
  s.add_error({SampleSink::i64({2}, {1, 2})},
              "sin: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};

}  // namespace

extern constinit const OpDef op_sin = {
    .name = "sin",
    .doc = "the sine of an angle in radians",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Sin",
    .formula = "y = sin x",
};

Tensor sin(Operand input) { return apply(op_sin, {input}); }

}  // namespace gradus
#endif
