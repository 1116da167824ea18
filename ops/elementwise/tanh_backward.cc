// tanh_backward: the derivative of tanh, dx = g (1 - y^2) with y = tanh(x). |y| <= 1, so no factor is
// infinite and a zero cotangent stays zero without help. Derivative: by g as tanh_backward itself; by y: -2 g
// y.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/tanh_backward.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_BINARY(kTanhBackwardLoops, kFloating, hn::Mul(a, hn::NegMulAdd(b, b, math::Const(d, 1))))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/fused_backward.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kTanhBackwardLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kTanhBackwardLoops, c.in, 2, c.out[0]); }

void rule(RuleContext& c) {
  const Tensor y = c.input(1);
  if (c.needs(0)) c.set(0, tanh_backward(c.grad(), y));
  if (c.needs(1)) c.set(1, mul(zmul(c.grad(), mul(c.input(0), y)), -2));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, -0.9, 0.9), s.values({3, 4}, -0.9, 0.9)});
  s.add({s.values({2, 1, 4}, -0.9, 0.9), s.values({3, 1}, -0.9, 0.9)}, {}, {.note = "broadcast"});
  s.add({s.values({}, -0.9, 0.9), s.values({5}, -0.9, 0.9)}, {}, {.note = "one element"});
  s.add({s.values({0, 3}, -0.9, 0.9), s.values({3}, -0.9, 0.9)}, {}, {.note = "empty"});
  s.add({SampleSink::f64({4}, {0.0, 2.0, 2.0, HUGE_VAL}), SampleSink::f64({4}, {0.5, 1.0, -1.0, 0.0})}, {},
        {.gradcheck = false, .note = "zero cotangent, saturation"});
  s.add_error({s.values({2, 3}), s.values({2, 4})},
              "tanh_backward: shapes do not broadcast: g [2, 3] f64, y [2, 4] f64: axis 1 from the end is 3 "
              "in one and 4 in another; "
              "sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})},
              "tanh_backward: dtypes differ: g [2] f64, y [2] i64; convert one with astype()");
  s.add_error(
      {SampleSink::i64({2}, {1, 2}), SampleSink::i64({2}, {1, 2})},
      "tanh_backward: takes floating-point numbers: g [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"g", "y"};
constexpr SaveMask kSaves[] = {in(1), in(0) | in(1)};

}  // namespace

extern constinit const OpDef op_tanh_backward = {
    .name = "tanh_backward",
    .doc = "derivative of tanh from its result y",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "dx = g (1 - y^2)",
};

Tensor tanh_backward(Operand g, Operand y) { return apply(op_tanh_backward, {g, y}); }

}  // namespace gradus
#endif
