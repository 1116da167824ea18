// tan: y = tan x.
// Derivative: dy/dx = 1 + y^2.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/tan.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_UNARY(kTanLoops, kFloating, math::Tan(d, x))

#if HWY_ONCE
#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/math.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kTanLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kTanLoops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) { c.set(0, zmul(c.grad(), add(square(c.output()), 1))); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, -1.2, 1.2)});
  s.add({s.values({}, -1.2, 1.2)}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({3}, {0.0, -0.0, 100.0})}, {}, {.gradcheck = false, .note = "zeros, several turns"});
  s.add_error({SampleSink::i64({2}, {1, 2})},
              "tan: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {out(0)};

}  // namespace

extern constinit const OpDef op_tan = {
    .name = "tan",
    .doc = "the tangent of an angle in radians",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Tan",
    .formula = "y = tan x",
};

Tensor tan(Operand input) { return apply(op_tan, {input}); }

}  // namespace gradus
#endif
