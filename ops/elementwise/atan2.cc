// atan2: the angle of (x, y) in [-pi, pi], y first as in C, whose special values it has; broadcast.
// Derivative: with h^2 = x^2 + y^2, d/dy = x / h^2, d/dx = -y / h^2, by hypot, since squares may overflow;
// NaN at the origin.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/atan2.cc"
#include "gradus/ops/kernels/elementwise-inl.h"
#include "gradus/ops/kernels/math_arc-inl.h"

GRADUS_BINARY(kAtan2Loops, kFloating, math::Atan2(d, a, b))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/math.h"
#include "gradus/ops/elementwise/promote.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kAtan2Loops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kAtan2Loops, c.in, 2, c.out[0]); }

void rule(RuleContext& c) {
  const Tensor y = c.input(0);
  const Tensor x = c.input(1);
  const Tensor h = hypot(y, x);
  if (c.needs(0)) c.set(0, zdiv(zmul(c.grad(), div(x, h)), h));
  if (c.needs(1)) c.set(1, zdiv(zmul(c.grad(), div(neg(y), h)), h));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4})});
  s.add({s.values({2, 1, 4}), s.values({3, 1})}, {}, {.note = "broadcast"});
  s.add({s.values({}), s.values({5})}, {}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({16}, {0.0, -0.0, 0.0, -0.0, 1.0, -1.0, 1.0, 0.0, HUGE_VAL, -HUGE_VAL, HUGE_VAL, 2.0,
                                2.0, NAN, 1.0, 1e300}),
         SampleSink::f64({16}, {0.0, 0.0, -0.0, -0.0, 0.0, -0.0, -1.0, -3.0, HUGE_VAL, -HUGE_VAL, 3.0,
                                HUGE_VAL, -HUGE_VAL, 1.0, NAN, 1e-300})},
        {}, {.gradcheck = false, .note = "axes, infinities, NaN"});
  s.add_error({s.values({2, 3}), s.values({2, 4})},
              "atan2: shapes do not broadcast: y [2, 3] f64, x [2, 4] f64: axis 1 from the end is 3 in one "
              "and 4 in another; sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})},
              "atan2: dtypes differ: y [2] f64, x [2] i64; convert one with astype()");
  s.add_error({SampleSink::i64({2}, {1, 2}), SampleSink::i64({2}, {1, 2})},
              "atan2: takes floating-point numbers: y [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"y", "x"};
constexpr SaveMask kSaves[] = {in(0) | in(1)};

}  // namespace

extern constinit const OpDef op_atan2 = {
    .name = "atan2",
    .doc = "the angle of the point (x, y), broadcast",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "z = arctan(y / x), in the quadrant of (x, y)",
};

Tensor atan2(Operand y, Operand x) { return apply_promoted(op_atan2, y, x); }
Tensor atan2(Operand y, Scalar x) { return apply_promoted(op_atan2, y, x); }
Tensor atan2(Scalar y, Operand x) { return apply_promoted(op_atan2, y, x); }

}  // namespace gradus
#endif
