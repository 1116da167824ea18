// gelu: y = x Phi(x) with the distribution function Phi of the standard normal distribution; approximate
// = "tanh": y = x (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3). D. Hendrycks, K. Gimpel,
// "Gaussian Error Linear Units" (2016). Phi and (1 + tanh(u)) / 2 are computed without the cancellation
// that 1 + erf and 1 + tanh have below 0: the result has its digits in the left tail too. The loops of the
// first form are in ops/kernels/gelu.cc.
// Derivative: Phi(x) + x phi(x), phi the density, in one loop: gelu_backward.cc.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/activation/gelu.cc"
#include "gradus/ops/kernels/activation-inl.h"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_UNARY(kGeluTanhLoops, kFloating, hn::Mul(x, math::Sigmoid(d, math::GeluInner(d, x))))

#if HWY_ONCE
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/activation/fused_backward.h"
#include "gradus/ops/activation/params.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/kernels/gelu.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::gelu_loops()); }

void kernel(KernelContext& c) {
  const bool exact = c.attrs<GeluAttrs>().approximate[0] == 'n';
  kernels::elementwise(exact ? kernels::gelu_loops() : kernels::kGeluTanhLoops, c.in, 1, c.out[0]);
}

void rule(RuleContext& c) { c.set(0, gelu_backward(c.grad(), c.input(0), c.attrs<GeluAttrs>().approximate)); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, -4, 4)}, GeluAttrs{});
  s.add({s.values({2, 23}, -4, 4)}, GeluAttrs{}, {.note = "a tail behind whole vectors"});
  s.add({s.values({}, -4, 4)}, GeluAttrs{}, {.note = "one element"});
  s.add({s.values({0, 3})}, GeluAttrs{}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN})}, GeluAttrs{},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add({s.values({2, 23}, -4, 4)}, GeluAttrs{"tanh"});
  s.add({s.values({0, 3})}, GeluAttrs{"tanh"}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN})}, GeluAttrs{"tanh"},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add_error({SampleSink::i64({2}, {1, 2})}, GeluAttrs{},
              "gelu: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(GeluAttrs, approximate, "\"none\"")};

}  // namespace

extern constinit const OpDef op_gelu = {
    .name = "gelu",
    .doc = "x Phi(x), Phi the standard normal distribution, or its approximation by tanh",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Gelu",
    .formula = "y = x Phi(x)",
};

Tensor gelu(Operand input, std::string_view approximate) {
  if (approximate == "none") return apply(op_gelu, {input}, GeluAttrs{"none"});
  if (approximate == "tanh") return apply(op_gelu, {input}, GeluAttrs{"tanh"});
  throw_error<ValueError>(input.where, "gelu", "approximate is \"{}\"; it must be \"none\" or \"tanh\"",
                          approximate);
}

}  // namespace gradus
#endif
