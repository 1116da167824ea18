// exp: y = e^x.
// Derivative: dy/dx = y; the result is kept, not the input.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/exp.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_UNARY(kExpLoops, kFloating, math::Exp(d, x))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/math.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kExpLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kExpLoops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) { c.set(0, zmul(c.grad(), c.output())); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4})});
  s.add({s.values({})}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add_error({SampleSink::i64({2}, {1, 2})},
              "exp: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {out(0)};

}  // namespace

extern constinit const OpDef op_exp = {
    .name = "exp",
    .doc = "e^x",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Exp",
    .formula = "y = e^x",
};

Tensor exp(Operand input) { return apply(op_exp, {input}); }

}  // namespace gradus
#endif
