// silu: y = x / (1 + e^-x), also called swish.
// Derivative: s (1 + x (1 - s)) with s = sigmoid(x), in one loop: silu_backward.cc.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/activation/silu.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_UNARY(kSiluLoops, kFloating, hn::Mul(x, math::Sigmoid(d, x)))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/activation/fused_backward.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kSiluLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kSiluLoops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) { c.set(0, silu_backward(c.grad(), c.input(0))); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, -4, 4)});
  s.add({s.values({2, 23}, -4, 4)}, {}, {.note = "a tail behind whole vectors"});
  s.add({s.values({}, -4, 4)}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add_error({SampleSink::i64({2}, {1, 2})},
              "silu: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};

}  // namespace

extern constinit const OpDef op_silu = {
    .name = "silu",
    .doc = "x / (1 + e^-x)",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = x / (1 + e^-x)",
};

Tensor silu(Operand input) { return apply(op_silu, {input}); }

}  // namespace gradus
#endif
