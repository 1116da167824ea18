// silu_backward: the derivative of silu, dx = g s (1 + x (1 - s)) with s = sigmoid(x).
// Derivative: by g as silu_backward itself; by x: g s (1 - s) (2 + x (1 - 2 s)).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/activation/silu_backward.cc"
#include "gradus/ops/kernels/activation-inl.h"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct SiluBackward {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V g, V x, const void*) const {
    const V one = math::Const(d, 1);
    const V s = math::Sigmoid(d, x);
    return math::ZMul(d, g, hn::Mul(s, hn::Add(one, hn::Mul(x, hn::Sub(one, s)))));
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kSiluBackwardLoops, SiluBackward, kFloating, 2)

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/activation/fused_backward.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/math.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kSiluBackwardLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kSiluBackwardLoops, c.in, 2, c.out[0]); }

void rule(RuleContext& c) {
  const Tensor x = c.input(1);
  if (c.needs(0)) c.set(0, silu_backward(c.grad(), x));
  if (c.needs(1)) {
    const Tensor s = sigmoid(x);
    const Tensor second = mul(mul(s, sub(1, s)), add(mul(x, sub(1, mul(s, 2))), 2));
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
              "silu_backward: shapes do not broadcast: g [2, 3] f64, x [2, 4] f64: axis 1 from the end is 3 "
              "in one and 4 in another; sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})},
              "silu_backward: dtypes differ: g [2] f64, x [2] i64; convert one with astype()");
}

constexpr const char* kInputs[] = {"g", "x"};
constexpr SaveMask kSaves[] = {in(1), in(0) | in(1)};

}  // namespace

extern constinit const OpDef op_silu_backward = {
    .name = "silu_backward",
    .doc = "derivative of silu",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "dx = g s (1 + x (1 - s)), s = sigmoid(x)",
};

Tensor silu_backward(Operand g, Operand x) { return apply(op_silu_backward, {g, x}); }

}  // namespace gradus
#endif
