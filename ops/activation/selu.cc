// selu: y = scale x for x > 0, else scale alpha (e^x - 1), with the constants of G. Klambauer et al.,
// "Self-Normalizing Neural Networks" (2017), which keep mean 0 and variance 1.
// Derivative: scale for x > 0, else scale alpha e^x, at 0 too, in one loop: elu_backward.cc.
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/activation/elu.h"
#include "gradus/ops/activation/fused_backward.h"
#include "gradus/ops/activation/params.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

constexpr double kAlpha = 1.6732632423543772848170429916717;
constexpr double kScale = 1.0507009873554804934193349852946;

void kernel(KernelContext& c) { elu_kernel(c, kAlpha, kScale, 1); }

void rule(RuleContext& c) { c.set(0, elu_backward(c.grad(), c.input(0), kAlpha, kScale, 1)); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, -4, 4)});
  s.add({s.values({2, 23}, -4, 4)}, {}, {.note = "a tail behind whole vectors"});
  s.add({s.values({}, -4, 4)}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add_error({SampleSink::i64({2}, {1, 2})},
              "selu: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};

}  // namespace

extern constinit const OpDef op_selu = {
    .name = "selu",
    .doc = "scale x for x > 0, else scale alpha (e^x - 1)",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer_elu,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Selu",
    .formula = "y = scale x for x > 0, else scale alpha (e^x - 1); scale = 1.0507, alpha = 1.6733",
};

Tensor selu(Operand input) { return apply(op_selu, {input}); }

}  // namespace gradus
