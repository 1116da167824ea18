// tanh: y = (e^x - e^-x) / (e^x + e^-x).
// Derivative: dy/dx = 1 - y^2, in one loop: tanh_backward.cc.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/tanh.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_UNARY(kTanhLoops, kFloating, math::Tanh(d, x))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/fused_backward.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/math.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kTanhLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kTanhLoops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) { c.set(0, tanh_backward(c.grad(), c.output())); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4})});
  s.add({s.values({})}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add_error({SampleSink::i64({2}, {1, 2})},
              "tanh: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {out(0)};

}  // namespace

extern constinit const OpDef op_tanh = {
    .name = "tanh",
    .doc = "the hyperbolic tangent",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Tanh",
    .formula = "y = tanh x",
};

Tensor tanh(Operand input) { return apply(op_tanh, {input}); }

}  // namespace gradus
#endif
