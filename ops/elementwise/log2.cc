// log2: y = ln x / ln 2; -inf at 0, NaN below.
// Derivative: dy/dx = 1/(x ln 2).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/log2.cc"
#include "gradus/ops/kernels/elementwise-inl.h"
#include "gradus/ops/kernels/math_exp2-inl.h"

GRADUS_UNARY(kLog2Loops, kFloating, math::Log2(d, x))

#if HWY_ONCE
#include <cmath>
#include <numbers>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/math.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kLog2Loops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kLog2Loops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) { c.set(0, zdiv(c.grad(), mul(c.input(0), std::numbers::ln2))); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, 0.2, 3.0)});
  s.add({s.values({}, 0.2, 3.0)}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, -1.0, HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "zeros, negative, infinity, NaN"});
  s.add_error({SampleSink::i64({2}, {1, 2})},
              "log2: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};

}  // namespace

extern constinit const OpDef op_log2 = {
    .name = "log2",
    .doc = "the logarithm to base 2",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = ln x / ln 2",
};

Tensor log2(Operand input) { return apply(op_log2, {input}); }

}  // namespace gradus
#endif
