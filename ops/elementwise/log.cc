// log: y = ln x; -inf at 0, NaN below.
// Derivative: dy/dx = 1/x.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/log.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_UNARY(kLogLoops, kFloating, math::Log(d, x))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/math.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kLogLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kLogLoops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) { c.set(0, zdiv(c.grad(), c.input(0))); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, 0.2, 3.0)});
  s.add({s.values({}, 0.2, 3.0)}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, -1.0, HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "zeros, negative, infinity, NaN"});
  s.add_error({SampleSink::i64({2}, {1, 2})},
              "log: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};

}  // namespace

extern constinit const OpDef op_log = {
    .name = "log",
    .doc = "the natural logarithm",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Log",
    .formula = "y = ln x",
};

Tensor log(Operand input) { return apply(op_log, {input}); }

}  // namespace gradus
#endif
