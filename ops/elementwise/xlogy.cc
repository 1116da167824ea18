// xlogy: y = a ln b, 0 where a is 0, whatever ln b is, but NaN where b is NaN; broadcast.
// Derivative: dy/da = ln b, 0 where a = 0 and b <= 0; dy/db = a / b, 0 where a = 0.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/xlogy.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct Xlogy {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b, const void*) const {
    const auto nothing = hn::And(hn::Eq(a, hn::Zero(d)), hn::Not(hn::IsNaN(b)));
    return hn::IfThenZeroElse(nothing, hn::Mul(a, math::Log(d, b)));
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kXlogyLoops, Xlogy, kFloating, 2)

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/logical.h"
#include "gradus/ops/elementwise/math.h"
#include "gradus/ops/elementwise/promote.h"
#include "gradus/ops/elementwise/special.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kXlogyLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kXlogyLoops, c.in, 2, c.out[0]); }

void rule(RuleContext& c) {
  const Tensor a = c.input(0);
  const Tensor b = c.input(1);
  if (c.needs(0)) c.set(0, zmul(c.grad(), where(logical_and(eq(a, 0), le(b, 0)), 0, log(b))));
  if (c.needs(1)) c.set(1, zdiv(zmul(c.grad(), a), b));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, 0.4, 2.5), s.values({3, 4}, 0.4, 2.5)});
  s.add({s.values({2, 1, 4}, 0.4, 2.5), s.values({3, 1}, 0.4, 2.5)}, {}, {.note = "broadcast"});
  s.add({s.values({}, 0.4, 2.5), s.values({5}, 0.4, 2.5)}, {}, {.note = "one element"});
  s.add({s.values({0, 3}, 0.4, 2.5), s.values({3}, 0.4, 2.5)}, {}, {.note = "empty"});
  s.add({SampleSink::f64({9}, {0.0, 0.0, 0.0, 0.0, 1.0, 2.0, NAN, -0.0, 1.0}),
         SampleSink::f64({9}, {0.0, -1.0, NAN, HUGE_VAL, 0.0, -1.0, 1.0, 2.0, HUGE_VAL})},
        {}, {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add_error({s.values({2, 3}), s.values({2, 4})},
              "xlogy: shapes do not broadcast: a [2, 3] f64, b [2, 4] f64: axis 1 from the end is 3 in one "
              "and 4 in another; sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})},
              "xlogy: dtypes differ: a [2] f64, b [2] i64; convert one with astype()");
  s.add_error({SampleSink::i64({2}, {1, 2}), SampleSink::i64({2}, {1, 2})},
              "xlogy: takes floating-point numbers: a [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"a", "b"};
constexpr SaveMask kSaves[] = {in(0) | in(1)};

}  // namespace

extern constinit const OpDef op_xlogy = {
    .name = "xlogy",
    .doc = "a ln b, 0 where a is 0; broadcast",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = a ln b",
};

Tensor xlogy(Operand a, Operand b) { return apply_promoted(op_xlogy, a, b); }
Tensor xlogy(Operand a, Scalar b) { return apply_promoted(op_xlogy, a, b); }
Tensor xlogy(Scalar a, Operand b) { return apply_promoted(op_xlogy, a, b); }

}  // namespace gradus
#endif
