// leaky_relu: y = x for x > 0, else negative_slope x.
// Derivative: 1 for x > 0, else negative_slope, at 0 too; see leaky_relu_backward.cc. It depends on x
// only through a step, so for second order x is a constant.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/activation/leaky_relu.cc"
#include "gradus/ops/kernels/activation-inl.h"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_UNARY(kLeakyReluLoops, kFloating,
             hn::IfThenElse(hn::Gt(x, hn::Zero(d)), x, hn::Mul(x, math::Param(d, params, 0))))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/activation/fused_backward.h"
#include "gradus/ops/activation/params.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kLeakyReluLoops); }

void kernel(KernelContext& c) {
  const auto& a = c.attrs<LeakyReluAttrs>();
  with_params(c.in[0].dtype, {a.negative_slope}, [&](const void* params) {
    kernels::elementwise(kernels::kLeakyReluLoops, c.in, 1, c.out[0], params);
  });
}

void rule(RuleContext& c) {
  c.set(0, leaky_relu_backward(c.grad(), constant(c.input(0)), c.attrs<LeakyReluAttrs>().negative_slope));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, -4, 4)}, LeakyReluAttrs{});
  s.add({s.values({2, 23}, -4, 4)}, LeakyReluAttrs{}, {.note = "a tail behind whole vectors"});
  s.add({s.values({}, -4, 4)}, LeakyReluAttrs{}, {.note = "one element"});
  s.add({s.values({0, 3})}, LeakyReluAttrs{}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN})}, LeakyReluAttrs{},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add({s.values({3, 4})}, LeakyReluAttrs{-0.5}, {.note = "a negative slope"});
  s.add_error(
      {SampleSink::i64({2}, {1, 2})}, LeakyReluAttrs{},
      "leaky_relu: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(LeakyReluAttrs, negative_slope, "0.01")};

}  // namespace

extern constinit const OpDef op_leaky_relu = {
    .name = "leaky_relu",
    .doc = "x for x > 0, else negative_slope x",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "LeakyRelu",
    .formula = "y = x for x > 0, else negative_slope x",
};

Tensor leaky_relu(Operand input, double negative_slope) {
  return apply(op_leaky_relu, {input}, LeakyReluAttrs{negative_slope});
}

}  // namespace gradus
#endif
