// leaky_relu_backward: the derivative of leaky_relu, dx = g for x > 0, else negative_slope g.
// Derivative: by g as leaky_relu_backward itself; by x: 0.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/activation/leaky_relu_backward.cc"
#include "gradus/ops/kernels/activation-inl.h"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_BINARY(kLeakyReluBackwardLoops, kFloating,
              hn::IfThenElse(hn::Gt(b, hn::Zero(d)), a, hn::Mul(a, math::Param(d, params, 0))))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/activation/fused_backward.h"
#include "gradus/ops/activation/params.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kLeakyReluBackwardLoops); }

void kernel(KernelContext& c) {
  const auto& a = c.attrs<LeakyReluAttrs>();
  with_params(c.in[0].dtype, {a.negative_slope}, [&](const void* params) {
    kernels::elementwise(kernels::kLeakyReluBackwardLoops, c.in, 2, c.out[0], params);
  });
}

void rule(RuleContext& c) {
  if (c.needs(0)) {
    c.set(0, leaky_relu_backward(c.grad(), constant(c.input(1)), c.attrs<LeakyReluAttrs>().negative_slope));
  }
  if (c.needs(1)) c.set(1, zero_gradient(c, 1));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4}, -4, 4)}, LeakyReluAttrs{0.1});
  s.add({s.values({2, 1, 4}), s.values({3, 1}, -4, 4)}, LeakyReluAttrs{0.1}, {.note = "broadcast"});
  s.add({s.values({}), s.values({5}, -4, 4)}, LeakyReluAttrs{0.1}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3}, -4, 4)}, LeakyReluAttrs{0.1}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, 2.0, HUGE_VAL, 1.0, 2.0}),
         SampleSink::f64({5}, {NAN, 0.0, -0.0, NAN, 1.0})},
        LeakyReluAttrs{0.1}, {.gradcheck = false, .note = "the kink, NaN"});
  s.add_error({s.values({2, 3}), s.values({2, 4})}, LeakyReluAttrs{0.1},
              "leaky_relu_backward: shapes do not broadcast: g [2, 3] f64, x [2, 4] f64: axis 1 from the end "
              "is 3 in one and 4 in another; sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})}, LeakyReluAttrs{0.1},
              "leaky_relu_backward: dtypes differ: g [2] f64, x [2] i64; convert one with astype()");
}

constexpr const char* kInputs[] = {"g", "x"};
constexpr SaveMask kSaves[] = {in(1), 0};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(LeakyReluAttrs, negative_slope, "0.01")};

}  // namespace

extern constinit const OpDef op_leaky_relu_backward = {
    .name = "leaky_relu_backward",
    .doc = "derivative of leaky_relu",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "dx = g for x > 0, else negative_slope g",
};

Tensor leaky_relu_backward(Operand g, Operand x, double negative_slope) {
  return apply(op_leaky_relu_backward, {g, x}, LeakyReluAttrs{negative_slope});
}

}  // namespace gradus
#endif
