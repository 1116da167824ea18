// hypot: y = sqrt(a^2 + b^2), broadcast. f32 squares are added in f64; f64 operands are scaled by a power of
// two, so that no square overflows or vanishes. inf where one operand is infinite, beside a NaN too.
// Derivative: dy/da = a / y, dy/db = b / y; NaN at the origin.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/hypot.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct Hypot {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b, const void*) const {
    using T = hn::TFromD<D>;
    a = hn::Abs(a);
    b = hn::Abs(b);
    const V inf = hn::Set(d, std::numeric_limits<T>::infinity());
    const auto infinite = hn::Or(hn::Eq(a, inf), hn::Eq(b, inf));
    return hn::IfThenElse(infinite, inf, finite(d, a, b));
  }

 private:
  template <class D, class V>
  static HWY_INLINE V finite(D d, V a, V b) {
    using T = hn::TFromD<D>;
#if HWY_TARGET != HWY_SCALAR  // which has no halves
    if constexpr (sizeof(T) == 4) {
      const hn::Repartition<double, D> dd;
      const hn::Half<D> half;
      const auto root = [&](auto x, auto y) HWY_ATTR {
        const auto u = hn::PromoteTo(dd, x), v = hn::PromoteTo(dd, y);
        return hn::DemoteTo(half, hn::Sqrt(hn::MulAdd(u, u, hn::Mul(v, v))));
      };
      return hn::Combine(d, root(hn::UpperHalf(half, a), hn::UpperHalf(half, b)),
                         root(hn::LowerHalf(half, a), hn::LowerHalf(half, b)));
    }
#endif
    // The exponent of the larger operand alone, within what leaves room for both factors.
    const hn::RebindToUnsigned<D> du;
    const V inf = hn::Set(d, std::numeric_limits<T>::infinity());
    const V power = hn::BitCast(d, hn::And(hn::BitCast(du, hn::Max(a, b)), hn::BitCast(du, inf)));
    const V least = hn::Set(d, std::numeric_limits<T>::min());
    const V scale = hn::Min(hn::Max(power, least), hn::Set(d, T{1} / (4 * std::numeric_limits<T>::min())));
    const V u = hn::Div(a, scale), v = hn::Div(b, scale);
    return hn::Mul(hn::Sqrt(hn::MulAdd(u, u, hn::Mul(v, v))), scale);
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kHypotLoops, Hypot, kFloating, 2)

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

void infer(InferContext& c) { infer_elementwise(c, kernels::kHypotLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kHypotLoops, c.in, 2, c.out[0]); }

void rule(RuleContext& c) {
  const Tensor y = c.output();
  if (c.needs(0)) c.set(0, zmul(c.grad(), div(c.input(0), y)));
  if (c.needs(1)) c.set(1, zmul(c.grad(), div(c.input(1), y)));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4})});
  s.add({s.values({2, 1, 4}), s.values({3, 1})}, {}, {.note = "broadcast"});
  s.add({s.values({}), s.values({5})}, {}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({9}, {0.0, 3.0, -3.0, 1e300, 3e-320, HUGE_VAL, NAN, -HUGE_VAL, 1.0}),
         SampleSink::f64({9}, {0.0, 0.0, 4.0, 1e300, 4e-320, 1.0, 1.0, NAN, NAN})},
        {}, {.gradcheck = false, .note = "the origin, large, small, infinities, NaN"});
  s.add_error({s.values({2, 3}), s.values({2, 4})},
              "hypot: shapes do not broadcast: a [2, 3] f64, b [2, 4] f64: axis 1 from the end is 3 in one "
              "and 4 in another; sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})},
              "hypot: dtypes differ: a [2] f64, b [2] i64; convert one with astype()");
  s.add_error({SampleSink::i64({2}, {1, 2}), SampleSink::i64({2}, {1, 2})},
              "hypot: takes floating-point numbers: a [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"a", "b"};
constexpr SaveMask kSaves[] = {in(0) | out(0), in(1) | out(0)};

}  // namespace

extern constinit const OpDef op_hypot = {
    .name = "hypot",
    .doc = "sqrt(a^2 + b^2) without overflow, broadcast",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = sqrt(a^2 + b^2)",
};

Tensor hypot(Operand a, Operand b) { return apply_promoted(op_hypot, a, b); }
Tensor hypot(Operand a, Scalar b) { return apply_promoted(op_hypot, a, b); }
Tensor hypot(Scalar a, Operand b) { return apply_promoted(op_hypot, a, b); }

}  // namespace gradus
#endif
