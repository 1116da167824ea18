// mish: y = x tanh(log(1 + e^x)). With w = e^x and n = w (w + 2) the tangent is n / (n + 2).
// Derivative: t + x s (1 - t^2) with t = n / (n + 2), s = sigmoid(x), in one loop: mish_backward.cc.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/activation/mish.cc"
#include "gradus/ops/kernels/activation-inl.h"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct Mish {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, const void*) const {
    const V two = math::Const(d, 2);
    const V w = math::MishExp(d, x);
    const V n = hn::Mul(w, hn::Add(w, two));
    return hn::Mul(x, hn::Div(n, hn::Add(n, two)));
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kMishLoops, Mish, kFloating, 1)

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/activation/fused_backward.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kMishLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kMishLoops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) { c.set(0, mish_backward(c.grad(), c.input(0))); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, -4, 4)});
  s.add({s.values({2, 23}, -4, 4)}, {}, {.note = "a tail behind whole vectors"});
  s.add({s.values({}, -4, 4)}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add_error({SampleSink::i64({2}, {1, 2})},
              "mish: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};

}  // namespace

extern constinit const OpDef op_mish = {
    .name = "mish",
    .doc = "x tanh(log(1 + e^x))",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Mish",
    .formula = "y = x tanh(log(1 + e^x))",
};

Tensor mish(Operand input) { return apply(op_mish, {input}); }

}  // namespace gradus
#endif
