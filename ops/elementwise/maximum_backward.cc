// maximum_backward: what operand a gets of maximum(a, b), dx = g where a > b (or one is NaN, so that it is
// not lost), g/2 where a = b, else 0. The other operand gets maximum_backward(g, b, a); minimum uses the two
// the other way round. Derivative: by g as maximum_backward itself; by a and b: 0.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/maximum_backward.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_TERNARY(kMaximumBackwardLoops, kFloating,
               hn::IfThenZeroElse(hn::Lt(b, c),
                                  hn::IfThenElse(hn::Eq(b, c), hn::Mul(a, math::Const(d, 0.5)), a)))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/fused_backward.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kMaximumBackwardLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kMaximumBackwardLoops, c.in, 3, c.out[0]); }

void rule(RuleContext& c) {
  if (c.needs(0)) c.set(0, maximum_backward(c.grad(), constant(c.input(1)), constant(c.input(2))));
  if (c.needs(1)) c.set(1, zero_gradient(c, 1));
  if (c.needs(2)) c.set(2, zero_gradient(c, 2));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4}), s.values({3, 4})});
  s.add({s.values({2, 1, 4}), s.values({3, 1}), s.values({4})}, {}, {.note = "broadcast"});
  s.add({s.values({5}), s.values({}), s.values({5})}, {}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3}), s.values({3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({4}, {1, 2, 3, HUGE_VAL}), SampleSink::f64({4}, {1, NAN, 2, 0}),
         SampleSink::f64({4}, {1, 2, NAN, 1})},
        {}, {.gradcheck = false, .note = "ties, NaN"});
  s.add_error({s.values({2, 3}), s.values({2, 4}), s.values({1})},
              "maximum_backward: shapes do not broadcast: g [2, 3] f64, a [2, 4] f64, b [1] f64: axis 1 from "
              "the end is 3 in one and 4 in another; "
              "sizes must be equal or 1");
  s.add_error(
      {SampleSink::i64({2}, {1, 2}), SampleSink::i64({2}, {1, 2}), SampleSink::i64({2}, {1, 2})},
      "maximum_backward: takes floating-point numbers: g [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"g", "a", "b"};
constexpr SaveMask kSaves[] = {in(1) | in(2), 0};

}  // namespace

extern constinit const OpDef op_maximum_backward = {
    .name = "maximum_backward",
    .doc = "what a gets of the cotangent of maximum(a, b)",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "dx = g where a > b, g/2 where a = b, else 0",
};

Tensor maximum_backward(Operand g, Operand a, Operand b) { return apply(op_maximum_backward, {g, a, b}); }

}  // namespace gradus
#endif
