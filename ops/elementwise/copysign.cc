// copysign: y = |a| with the sign of b, also of -0 and NaN; broadcast.
// Derivative: dy/da = 1 where the sign stayed, -1 where it changed, 0 at a = 0 and for NaN; dy/db = 0. It
// depends on a and b only through steps, so for second order they are constants.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/copysign.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_BINARY(kCopysignLoops, kFloating, hn::CopySign(a, b))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/promote.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kCopysignLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kCopysignLoops, c.in, 2, c.out[0]); }

void rule(RuleContext& c) {
  if (c.needs(0)) {
    c.set(0, zmul(c.grad(), mul(sign(constant(c.input(0))), sign(constant(c.output())))));
  }
  if (c.needs(1)) c.set(1, zero_gradient(c, 1));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4})});
  s.add({s.values({2, 1, 4}), s.values({3, 1})}, {}, {.note = "broadcast"});
  s.add({s.values({}), s.values({5})}, {}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({8}, {0.0, -0.0, 1.0, -1.0, HUGE_VAL, NAN, 2.0, 3.0}),
         SampleSink::f64({8}, {-1.0, 1.0, -0.0, 0.0, -2.0, 1.0, -HUGE_VAL, NAN})},
        {}, {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add_error({s.values({2, 3}), s.values({2, 4})},
              "copysign: shapes do not broadcast: a [2, 3] f64, b [2, 4] f64: axis 1 from the end is 3 in "
              "one and 4 in another; sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})},
              "copysign: dtypes differ: a [2] f64, b [2] i64; convert one with astype()");
  s.add_error({SampleSink::i64({2}, {1, 2}), SampleSink::i64({2}, {1, 2})},
              "copysign: takes floating-point numbers: a [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"a", "b"};
constexpr SaveMask kSaves[] = {in(0) | out(0), 0};

}  // namespace

extern constinit const OpDef op_copysign = {
    .name = "copysign",
    .doc = "|a| with the sign of b, broadcast",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = |a| sign(b)",
};

Tensor copysign(Operand a, Operand b) { return apply_promoted(op_copysign, a, b); }
Tensor copysign(Operand a, Scalar b) { return apply_promoted(op_copysign, a, b); }

}  // namespace gradus
#endif
