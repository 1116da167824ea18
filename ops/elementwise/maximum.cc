// maximum: y = the larger of a and b, broadcast; NaN where one of them is NaN.
// Derivative: 1 for the operand that is larger, 1/2 for both where they are equal, 0 else; see
// maximum_backward.cc. It depends on a and b only through steps, so for second order they are constants.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/maximum.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_BINARY(kMaximumLoops, kNumbers, math::Max(d, a, b))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/fused_backward.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/promote.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kMaximumLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kMaximumLoops, c.in, 2, c.out[0]); }

void rule(RuleContext& c) {
  const Tensor a = constant(c.input(0));
  const Tensor b = constant(c.input(1));
  if (c.needs(0)) c.set(0, maximum_backward(c.grad(), a, b));
  if (c.needs(1)) c.set(1, maximum_backward(c.grad(), b, a));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4})});
  s.add({s.values({2, 1, 4}), s.values({3, 1})}, {}, {.note = "broadcast"});
  s.add({s.values({}), s.values({5})}, {}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({6}, {1.0, NAN, 0.0, 1.0, HUGE_VAL, 0.0}),
         SampleSink::f64({6}, {1.0, 0.0, NAN, 2.0, HUGE_VAL, -0.0})},
        {}, {.gradcheck = false, .note = "ties, NaN"});
  s.add({SampleSink::i64({3}, {-2, 0, 5}), SampleSink::i64({3}, {3, 3, 5})}, {}, {.note = "integers"});
  s.add_error({s.values({2, 3}), s.values({2, 4})},
              "maximum: shapes do not broadcast: a [2, 3] f64, b [2, 4] f64: axis 1 from the end is 3 in one "
              "and 4 in another; "
              "sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})},
              "maximum: dtypes differ: a [2] f64, b [2] i64; convert one with astype()");
  s.add_error({SampleSink::boolean({2}, {1, 0}), SampleSink::boolean({2}, {1, 0})},
              "maximum: does not take bool: a [2] bool; convert it with astype(x, DType::i64)");
}

constexpr const char* kInputs[] = {"a", "b"};
constexpr SaveMask kSaves[] = {in(0) | in(1)};

}  // namespace

extern constinit const OpDef op_maximum = {
    .name = "maximum",
    .doc = "the larger of a and b, broadcast",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Max",
    .formula = "y = max(a, b)",
};

Tensor maximum(Operand a, Operand b) { return apply_promoted(op_maximum, a, b); }
Tensor maximum(Operand a, Scalar b) { return apply_promoted(op_maximum, a, b); }
Tensor maximum(Scalar a, Operand b) { return apply_promoted(op_maximum, a, b); }

}  // namespace gradus
#endif
