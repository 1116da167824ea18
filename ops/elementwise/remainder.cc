// remainder: y = a - b floor(a / b), the exact rest, with the sign of b; broadcast. NaN where b is 0 or a is
// infinite; an integer divisor 0 is an error.
// Derivative: dy/da = 1; dy/db = -floor(a / b), a step function, so a constant for second order.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/remainder.cc"
#include "gradus/ops/kernels/elementwise-inl.h"
#include "gradus/ops/kernels/math_mod-inl.h"

GRADUS_SIMD_BEGIN
struct Remainder {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b, const void*) const {
    using T = hn::TFromD<D>;
    if constexpr (hwy::IsFloat<T>()) {
      const V rest = math::Fmod(d, a, b);
      const V one = hn::Set(d, T{1}), zero = hn::Zero(d);
      const auto other_sign = hn::Lt(hn::Mul(hn::CopySign(one, rest), hn::CopySign(one, b)), zero);
      const auto nonzero = hn::Gt(hn::Abs(rest), zero);
      return hn::IfThenElse(hn::And(nonzero, other_sign), hn::Add(rest, b), rest);
    } else {
      return map_lanes(
          d,
          [](T x, T y) HWY_ATTR {
            // The kernel refuses a divisor 0; lanes behind the end hold zeros too. -1 divides everything, but
            // the smallest integer has no quotient.
            if (y == 0 || (hwy::IsSigned<T>() && y == static_cast<T>(-1))) return T{0};
            const T rest = static_cast<T>(x % y);
            return static_cast<T>(rest != 0 && (rest ^ y) < 0 ? rest + y : rest);
          },
          a, b);
    }
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kRemainderLoops, Remainder, kNumbers, 2)

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/modulo.h"
#include "gradus/ops/elementwise/promote.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kRemainderLoops); }

void kernel(KernelContext& c) {
  refuse_zero_divisor(c);
  kernels::elementwise(kernels::kRemainderLoops, c.in, 2, c.out[0]);
}

void rule(RuleContext& c) {
  if (c.needs(0)) c.set(0, c.grad());
  if (c.needs(1)) {
    const Tensor quotient = floor(div(constant(c.input(0)), constant(c.input(1))));
    c.set(1, neg(zmul(c.grad(), quotient)));
  }
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4})});
  s.add({s.values({2, 1, 4}), s.values({3, 1})}, {}, {.note = "broadcast"});
  s.add({s.values({}), s.values({5})}, {}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3})}, {}, {.note = "empty"});
  s.add({SampleSink::i64({6}, {7, -7, 7, -7, 6, -6}), SampleSink::i64({6}, {3, 3, -3, -3, 3, -1})}, {},
        {.note = "integers"});
  s.add({SampleSink::f64({5}, {1e17, -1e17, 1e300, 1e18, -5e-324}),
         SampleSink::f64({5}, {3.0, 7.0, 1e-3, -0.1, 2.0})},
        {}, {.gradcheck = false, .note = "large quotients"});
  s.add({s.values({4}, 5.0, 9.0), s.values({4}, 0.7, 1.9)}, {}, {.note = "several times"});
  s.add_error({SampleSink::i64({2}, {1, 2}), SampleSink::i64({2}, {1, 0})},
              "remainder: an integer divisor is 0; convert both with astype(x, DType::f32) for NaN there");
  s.add({SampleSink::f64({11}, {0.0, -0.0, 3.0, -6.0, 6.0, HUGE_VAL, 2.0, -2.0, NAN, 1.0, 5.5}),
         SampleSink::f64({11}, {1.0, 1.0, 0.0, 3.0, -3.0, 2.0, HUGE_VAL, -HUGE_VAL, 1.0, NAN, -2.0})},
        {}, {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add_error({s.values({2, 3}), s.values({2, 4})},
              "remainder: shapes do not broadcast: a [2, 3] f64, b [2, 4] f64: axis 1 from the end is 3 in "
              "one and 4 in another; sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})},
              "remainder: dtypes differ: a [2] f64, b [2] i64; convert one with astype()");
  s.add_error({SampleSink::boolean({2}, {1, 0}), SampleSink::boolean({2}, {1, 0})},
              "remainder: does not take bool: a [2] bool; convert it with astype(x, DType::i64)");
}

constexpr const char* kInputs[] = {"a", "b"};
constexpr SaveMask kSaves[] = {0, in(0) | in(1)};

}  // namespace

extern constinit const OpDef op_remainder = {
    .name = "remainder",
    .doc = "the rest of a / b with the sign of b, broadcast",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Mod",
    .formula = "y = a - b floor(a / b)",
};

Tensor remainder(Operand a, Operand b) { return apply_promoted(op_remainder, a, b); }
Tensor remainder(Operand a, Scalar b) { return apply_promoted(op_remainder, a, b); }
Tensor remainder(Scalar a, Operand b) { return apply_promoted(op_remainder, a, b); }

}  // namespace gradus
#endif
