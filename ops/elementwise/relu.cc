// relu: y = max(x, 0); NaN stays NaN.
// Derivative: 1 where y > 0, else 0, so 0 at the kink; see relu_backward.cc. It depends on y only through the
// step, so for second order y is a constant.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/relu.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_UNARY(kReluLoops, kNumbers, hn::IfThenZeroElse(hn::Lt(x, hn::Zero(d)), x))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/fused_backward.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/math.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kReluLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kReluLoops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) { c.set(0, relu_backward(c.grad(), constant(c.output()))); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4})});
  s.add({s.values({})}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add({SampleSink::i64({3}, {-2, 0, 5})}, {}, {.note = "integers"});
  s.add_error({SampleSink::boolean({2}, {1, 0})},
              "relu: does not take bool: input [2] bool; convert it with astype(x, DType::i64)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {out(0)};

}  // namespace

extern constinit const OpDef op_relu = {
    .name = "relu",
    .doc = "max(x, 0)",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Relu",
    .formula = "y = max(x, 0)",
};

Tensor relu(Operand input) { return apply(op_relu, {input}); }

}  // namespace gradus
#endif
