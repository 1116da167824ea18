// atanh: y = ln((1 + x) / (1 - x)) / 2; infinite at -1 and 1, NaN outside.
// Derivative: dy/dx = 1/(1 - x^2), in the form (1 - x)(1 + x) that keeps its digits near 1; inf at -1 and 1.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/atanh.cc"
#include "gradus/ops/kernels/elementwise-inl.h"
#include "gradus/ops/kernels/math_hyperbolic-inl.h"

GRADUS_UNARY(kAtanhLoops, kFloating, math::Atanh(d, x))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/math.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kAtanhLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kAtanhLoops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) {
  const Tensor x = c.input(0);
  c.set(0, zdiv(c.grad(), mul(sub(1, x), add(1, x))));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, -0.9, 0.9)});
  s.add({s.values({}, -0.9, 0.9)}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({6}, {0.0, -0.0, 1.0, -1.0, 1.5, NAN})}, {},
        {.gradcheck = false, .note = "zeros, the poles, outside, NaN"});
  s.add_error({SampleSink::i64({2}, {1, 2})},
              "atanh: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};

}  // namespace

extern constinit const OpDef op_atanh = {
    .name = "atanh",
    .doc = "the inverse of tanh",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Atanh",
    .formula = "y = ln((1 + x) / (1 - x)) / 2",
};

Tensor atanh(Operand input) { return apply(op_atanh, {input}); }

}  // namespace gradus
#endif
