// logaddexp: y = ln(e^a + e^b) = max(a, b) + ln(1 + e^-|a - b|); equal infinities give themselves; broadcast.
// Derivative: dy/da = 1 / (1 + e^(b - a)), dy/db the rest to 1; half each where both are the same
// infinity.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/logaddexp.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct Logaddexp {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b, const void*) const {
    const V larger = math::Max(d, a, b);
    const V sum = hn::Add(larger, math::Log1p(d, math::Exp(d, hn::Neg(hn::Abs(hn::Sub(a, b))))));
    // inf - inf is no number.
    const auto infinite = hn::Eq(hn::Abs(larger), hn::Set(d, std::numeric_limits<hn::TFromD<D>>::infinity()));
    return hn::IfThenElse(infinite, larger, sum);
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kLogaddexpLoops, Logaddexp, kFloating, 2)

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/classify.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/logical.h"
#include "gradus/ops/elementwise/math.h"
#include "gradus/ops/elementwise/promote.h"
#include "gradus/ops/elementwise/special.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kLogaddexpLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kLogaddexpLoops, c.in, 2, c.out[0]); }

void rule(RuleContext& c) {
  const Tensor a = c.input(0);
  const Tensor b = c.input(1);
  const Tensor difference = where(logical_and(eq(a, b), isinf(a)), 0, sub(a, b));
  if (c.needs(0)) c.set(0, zmul(c.grad(), sigmoid(difference)));
  if (c.needs(1)) c.set(1, zmul(c.grad(), sigmoid(neg(difference))));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4})});
  s.add({s.values({2, 1, 4}), s.values({3, 1})}, {}, {.note = "broadcast"});
  s.add({s.values({}), s.values({5})}, {}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({9}, {0.0, 1000.0, -1000.0, HUGE_VAL, HUGE_VAL, -HUGE_VAL, -HUGE_VAL, NAN, 1.0}),
         SampleSink::f64({9}, {0.0, 999.0, -1001.0, HUGE_VAL, 1.0, -HUGE_VAL, 1.0, 1.0, NAN})},
        {}, {.gradcheck = false, .note = "equal, large, infinities, NaN"});
  s.add_error({s.values({2, 3}), s.values({2, 4})},
              "logaddexp: shapes do not broadcast: a [2, 3] f64, b [2, 4] f64: axis 1 from the end is 3 in "
              "one and 4 in another; sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})},
              "logaddexp: dtypes differ: a [2] f64, b [2] i64; convert one with astype()");
  s.add_error({SampleSink::i64({2}, {1, 2}), SampleSink::i64({2}, {1, 2})},
              "logaddexp: takes floating-point numbers: a [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"a", "b"};
constexpr SaveMask kSaves[] = {in(0) | in(1)};

}  // namespace

extern constinit const OpDef op_logaddexp = {
    .name = "logaddexp",
    .doc = "ln(e^a + e^b), broadcast",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = ln(e^a + e^b)",
};

Tensor logaddexp(Operand a, Operand b) { return apply_promoted(op_logaddexp, a, b); }

}  // namespace gradus
#endif
