// erfc: y = 1 - erf(x), with small relative error where erf(x) is close to 1.
// Derivative: dy/dx = -2/sqrt(pi) e^(-x^2).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/erfc.cc"
#include "gradus/ops/kernels/elementwise-inl.h"
#include "gradus/ops/kernels/math_erf-inl.h"

GRADUS_UNARY(kErfcLoops, kFloating, math::Erfc(d, x))

#if HWY_ONCE
#include <cmath>
#include <numbers>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/math.h"
#include "gradus/ops/elementwise/special.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kErfcLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kErfcLoops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) {
  const Tensor slope = mul(exp(neg(square(c.input(0)))), -2 * std::numbers::inv_sqrtpi);
  c.set(0, zmul(c.grad(), slope));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4})});
  s.add({s.values({})}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({4}, {5.0, 9.0, 26.0, -9.0})}, {}, {.gradcheck = false, .note = "tails"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add_error({SampleSink::i64({2}, {1, 2})},
              "erfc: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};

}  // namespace

extern constinit const OpDef op_erfc = {
    .name = "erfc",
    .doc = "1 - erf(x), exact for large x",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = 1 - erf(x)",
};

Tensor erfc(Operand input) { return apply(op_erfc, {input}); }

}  // namespace gradus
#endif
