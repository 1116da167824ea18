// log_sigmoid: y = log(1 / (1 + e^-x)) = min(x, 0) - log(1 + e^-|x|).
// Derivative: sigmoid(-x).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/activation/log_sigmoid.cc"
#include "gradus/ops/kernels/activation-inl.h"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_UNARY(kLogSigmoidLoops, kFloating, hn::Neg(math::Softplus(d, hn::Neg(x))))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/math.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kLogSigmoidLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kLogSigmoidLoops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) { c.set(0, zmul(c.grad(), sigmoid(neg(c.input(0))))); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, -4, 4)});
  s.add({s.values({2, 23}, -4, 4)}, {}, {.note = "a tail behind whole vectors"});
  s.add({s.values({}, -4, 4)}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add_error(
      {SampleSink::i64({2}, {1, 2})},
      "log_sigmoid: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};

}  // namespace

extern constinit const OpDef op_log_sigmoid = {
    .name = "log_sigmoid",
    .doc = "log(1 / (1 + e^-x))",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = -log(1 + e^-x)",
};

Tensor log_sigmoid(Operand input) { return apply(op_log_sigmoid, {input}); }

}  // namespace gradus
#endif
