// relu_backward: the derivative of relu, dx = g where y > 0 (or NaN, so that it is not lost), else 0.
// Derivative: by g as relu_backward itself; by y: 0.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/relu_backward.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_BINARY(kReluBackwardLoops, kFloating, hn::IfThenZeroElse(hn::Le(b, hn::Zero(d)), a))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/fused_backward.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kReluBackwardLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kReluBackwardLoops, c.in, 2, c.out[0]); }

void rule(RuleContext& c) {
  if (c.needs(0)) c.set(0, relu_backward(c.grad(), constant(c.input(1))));
  if (c.needs(1)) c.set(1, zero_gradient(c, 1));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4})});
  s.add({s.values({2, 1, 4}), s.values({3, 1})}, {}, {.note = "broadcast"});
  s.add({s.values({}), s.values({5})}, {}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {1.0, 2.0, 3.0, 0.0, HUGE_VAL}),
         SampleSink::f64({5}, {0.0, -0.0, NAN, 1.0, 0.0})},
        {}, {.gradcheck = false, .note = "the kink, NaN"});
  s.add_error({s.values({2, 3}), s.values({2, 4})},
              "relu_backward: shapes do not broadcast: g [2, 3] f64, y [2, 4] f64: axis 1 from the end is 3 "
              "in one and 4 in another; "
              "sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})},
              "relu_backward: dtypes differ: g [2] f64, y [2] i64; convert one with astype()");
  s.add_error(
      {SampleSink::i64({2}, {1, 2}), SampleSink::i64({2}, {1, 2})},
      "relu_backward: takes floating-point numbers: g [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"g", "y"};
constexpr SaveMask kSaves[] = {in(1), 0};

}  // namespace

extern constinit const OpDef op_relu_backward = {
    .name = "relu_backward",
    .doc = "derivative of relu from its result y",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "dx = g where y > 0, else 0",
};

Tensor relu_backward(Operand g, Operand y) { return apply(op_relu_backward, {g, y}); }

}  // namespace gradus
#endif
