// mish_backward: the derivative of mish, dx = g (t + x s (1 - t^2)) with t = tanh(log(1 + e^x)), s =
// sigmoid(x). With w = e^x and n = w (w + 2): t = n / (n + 2), s (1 - t^2) = 4 w (1 + w) / (n + 2)^2.
// Derivative: by g as mish_backward itself; by x: g (1 - t^2) s (2 + x (1 - s - 2 s t)).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/activation/mish_backward.cc"
#include "gradus/ops/kernels/activation-inl.h"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct MishBackward {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V g, V x, const void*) const {
    const V two = math::Const(d, 2);
    const V w = math::MishExp(d, x);
    const V n = hn::Mul(w, hn::Add(w, two));
    const V r = hn::Div(math::Const(d, 1), hn::Add(n, two));
    const V slope =
        hn::Mul(hn::Mul(hn::Mul(math::Const(d, 4), w), hn::Add(w, math::Const(d, 1))), hn::Mul(r, r));
    return math::ZMul(d, g, hn::Add(hn::Mul(n, r), hn::Mul(x, slope)));
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kMishBackwardLoops, MishBackward, kFloating, 2)

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/activation/fused_backward.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/math.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kMishBackwardLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kMishBackwardLoops, c.in, 2, c.out[0]); }

void rule(RuleContext& c) {
  const Tensor x = c.input(1);
  if (c.needs(0)) c.set(0, mish_backward(c.grad(), x));
  if (c.needs(1)) {
    const Tensor s = sigmoid(x), t = tanh(softplus(x));
    const Tensor inner = add(mul(x, sub(sub(1, s), mul(mul(s, t), 2))), 2);
    const Tensor second = mul(mul(sub(1, square(t)), s), inner);
    c.set(1, zmul(c.grad(), mul(c.input(0), second)));
  }
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4}, -4, 4)});
  s.add({s.values({2, 1, 4}), s.values({3, 1}, -4, 4)}, {}, {.note = "broadcast"});
  s.add({s.values({}), s.values({5}, -4, 4)}, {}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3}, -4, 4)}, {}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, 2.0, HUGE_VAL, 1.0, 2.0}),
         SampleSink::f64({5}, {NAN, 0.0, -0.0, NAN, 1.0})},
        {}, {.gradcheck = false, .note = "zero cotangent, NaN"});
  s.add_error({s.values({2, 3}), s.values({2, 4})},
              "mish_backward: shapes do not broadcast: g [2, 3] f64, x [2, 4] f64: axis 1 from the end is 3 "
              "in one and 4 in another; sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})},
              "mish_backward: dtypes differ: g [2] f64, x [2] i64; convert one with astype()");
}

constexpr const char* kInputs[] = {"g", "x"};
constexpr SaveMask kSaves[] = {in(1), in(0) | in(1)};

}  // namespace

extern constinit const OpDef op_mish_backward = {
    .name = "mish_backward",
    .doc = "derivative of mish",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "dx = g (t + x s (1 - t^2)), t = tanh(log(1 + e^x)), s = sigmoid(x)",
};

Tensor mish_backward(Operand g, Operand x) { return apply(op_mish_backward, {g, x}); }

}  // namespace gradus
#endif
