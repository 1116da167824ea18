// sqrt: y = x^(1/2); NaN below 0.
// Derivative: dy/dx = 1/(2 y), so inf at 0.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/sqrt.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_UNARY(kSqrtLoops, kFloating, hn::Sqrt(x))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kSqrtLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kSqrtLoops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) { c.set(0, zdiv(c.grad(), mul(c.output(), 2))); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, 0.2, 4.0)});
  s.add({s.values({}, 0.2, 4.0)}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, -1.0, HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "zeros, negative, infinity, NaN"});
  s.add_error({SampleSink::i64({2}, {1, 2})},
              "sqrt: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {out(0)};

}  // namespace

extern constinit const OpDef op_sqrt = {
    .name = "sqrt",
    .doc = "the square root",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Sqrt",
    .formula = "y = x^(1/2)",
};

Tensor sqrt(Operand input) { return apply(op_sqrt, {input}); }

}  // namespace gradus
#endif
