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
#include "gradus/ops/elementwise/arithmetic.h"
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

void rule(RuleContext& c) { modulo_rule(c, floor); }

void samples(SampleSink& s) { modulo_samples(s, "remainder"); }

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
