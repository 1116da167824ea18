// celu: y = x for x > 0, else alpha (e^(x / alpha) - 1): elu with a smooth derivative for every alpha.
// Derivative: 1 for x > 0, else e^(x / alpha), in one loop: elu_backward.cc.
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/activation/elu.h"
#include "gradus/ops/activation/fused_backward.h"
#include "gradus/ops/activation/params.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  infer_elu(c);
  if (c.attrs<EluAttrs>().alpha == 0) {
    c.value_error(fmt::format("alpha is 0, which x is divided by; {}", c.describe(0)));
  }
}

void kernel(KernelContext& c) {
  const double alpha = c.attrs<EluAttrs>().alpha;
  elu_kernel(c, alpha, 1, 1 / alpha);
}

void rule(RuleContext& c) {
  const double alpha = c.attrs<EluAttrs>().alpha;
  c.set(0, elu_backward(c.grad(), c.input(0), alpha, 1, 1 / alpha));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, -4, 4)}, EluAttrs{});
  s.add({s.values({2, 23}, -4, 4)}, EluAttrs{}, {.note = "a tail behind whole vectors"});
  s.add({s.values({}, -4, 4)}, EluAttrs{}, {.note = "one element"});
  s.add({s.values({0, 3})}, EluAttrs{}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN})}, EluAttrs{},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add({s.values({3, 4})}, EluAttrs{2.5});
  s.add_error({SampleSink::i64({2}, {1, 2})}, EluAttrs{},
              "celu: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
  s.add_error({s.values({2})}, EluAttrs{0}, "celu: alpha is 0, which x is divided by; input [2] f64");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(EluAttrs, alpha, "1")};

}  // namespace

extern constinit const OpDef op_celu = {
    .name = "celu",
    .doc = "x for x > 0, else alpha (e^(x / alpha) - 1)",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Celu",
    .formula = "y = x for x > 0, else alpha (e^(x / alpha) - 1)",
};

Tensor celu(Operand input, double alpha) { return apply(op_celu, {input}, EluAttrs{alpha}); }

}  // namespace gradus
