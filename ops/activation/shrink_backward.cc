// shrink_backward: the derivative of hardshrink and softshrink, dx = 0 for -lambd <= x <= lambd, else g
// (for NaN too). Derivative: by g as shrink_backward itself; by x: 0.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/activation/shrink_backward.cc"
#include "gradus/ops/kernels/activation-inl.h"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_BINARY(kShrinkBackwardLoops, kFloating,
              hn::IfThenZeroElse(hn::Le(hn::Abs(b), math::Param(d, params, 0)), a))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/activation/fused_backward.h"
#include "gradus/ops/activation/params.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kShrinkBackwardLoops); }

void kernel(KernelContext& c) {
  const auto& a = c.attrs<ShrinkAttrs>();
  with_params(c.in[0].dtype, {a.lambd}, [&](const void* params) {
    kernels::elementwise(kernels::kShrinkBackwardLoops, c.in, 2, c.out[0], params);
  });
}

void rule(RuleContext& c) {
  if (c.needs(0)) c.set(0, shrink_backward(c.grad(), constant(c.input(1)), c.attrs<ShrinkAttrs>().lambd));
  if (c.needs(1)) c.set(1, zero_gradient(c, 1));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4}, -2, 2)}, ShrinkAttrs{});
  s.add({s.values({2, 1, 4}), s.values({3, 1}, -2, 2)}, ShrinkAttrs{}, {.note = "broadcast"});
  s.add({s.values({}), s.values({5}, -2, 2)}, ShrinkAttrs{}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3}, -2, 2)}, ShrinkAttrs{}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, 2.0, HUGE_VAL, 1.0, 2.0}),
         SampleSink::f64({5}, {NAN, 0.5, 1.0, NAN, -0.5})},
        ShrinkAttrs{}, {.gradcheck = false, .note = "the steps, NaN"});
  s.add_error({s.values({2, 3}), s.values({2, 4})}, ShrinkAttrs{},
              "shrink_backward: shapes do not broadcast: g [2, 3] f64, x [2, 4] f64: axis 1 from the end is "
              "3 in one and 4 in another; sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})}, ShrinkAttrs{},
              "shrink_backward: dtypes differ: g [2] f64, x [2] i64; convert one with astype()");
}

constexpr const char* kInputs[] = {"g", "x"};
constexpr SaveMask kSaves[] = {in(1), 0};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(ShrinkAttrs, lambd, "0.5")};

}  // namespace

extern constinit const OpDef op_shrink_backward = {
    .name = "shrink_backward",
    .doc = "derivative of hardshrink and softshrink",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "dx = 0 for |x| <= lambd, else g",
};

Tensor shrink_backward(Operand g, Operand x, double lambd) {
  return apply(op_shrink_backward, {g, x}, ShrinkAttrs{lambd});
}

}  // namespace gradus
#endif
