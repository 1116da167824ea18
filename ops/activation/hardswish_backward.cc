// hardswish_backward: the derivative of hardswish, dx = 0 for x <= -3, g for x >= 3, g (x / 3 + 1/2)
// between.
// Derivative: by g as hardswish_backward itself; by x: g / 3 for -3 < x < 3, else 0.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/activation/hardswish_backward.cc"
#include "gradus/ops/kernels/activation-inl.h"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct HardswishBackward {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V g, V x, const void*) const {
    const V slope = hn::Add(hn::Mul(x, math::Const(d, 1.0 / 3)), math::Const(d, 0.5));
    const V inner = hn::IfThenElse(hn::Ge(x, math::Const(d, 3)), g, math::ZMul(d, g, slope));
    return hn::IfThenZeroElse(hn::Le(x, math::Const(d, -3)), inner);
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kHardswishBackwardLoops, HardswishBackward, kFloating, 2)

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/activation/fused_backward.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kHardswishBackwardLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kHardswishBackwardLoops, c.in, 2, c.out[0]); }

void rule(RuleContext& c) {
  const Tensor x = c.input(1);
  if (c.needs(0)) c.set(0, hardswish_backward(c.grad(), x));
  if (c.needs(1)) {
    const Tensor slope = mul(hardtanh_backward(c.input(0), constant(x), -3, 3), 1.0 / 3);
    c.set(1, zmul(c.grad(), slope));
  }
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4}, -5, 5)});
  s.add({s.values({2, 1, 4}), s.values({3, 1}, -5, 5)}, {}, {.note = "broadcast"});
  s.add({s.values({}), s.values({5}, -5, 5)}, {}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3}, -5, 5)}, {}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, 2.0, HUGE_VAL, 1.0, 2.0}),
         SampleSink::f64({5}, {NAN, 3.0, -3.0, NAN, HUGE_VAL})},
        {}, {.gradcheck = false, .note = "zero cotangent, bounds, NaN"});
  s.add_error({s.values({2, 3}), s.values({2, 4})},
              "hardswish_backward: shapes do not broadcast: g [2, 3] f64, x [2, 4] f64: axis 1 from the end "
              "is 3 in one and 4 in another; sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})},
              "hardswish_backward: dtypes differ: g [2] f64, x [2] i64; convert one with astype()");
}

constexpr const char* kInputs[] = {"g", "x"};
constexpr SaveMask kSaves[] = {in(1), in(0) | in(1)};

}  // namespace

extern constinit const OpDef op_hardswish_backward = {
    .name = "hardswish_backward",
    .doc = "derivative of hardswish",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "dx = 0 for x <= -3, g for x >= 3, g (x / 3 + 1/2) between",
};

Tensor hardswish_backward(Operand g, Operand x) { return apply(op_hardswish_backward, {g, x}); }

}  // namespace gradus
#endif
