// lerp: y = input + weight (end - input), broadcast; counted from the nearer end, so exact at both ends.
// Derivative: 1 - weight by input, weight by end, end - input by weight.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/lerp.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct Lerp {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b, V w, const void*) const {
    const V difference = hn::Sub(b, a);
    const V from_end = hn::NegMulAdd(hn::Sub(math::Const(d, 1), w), difference, b);
    return hn::IfThenElse(hn::Lt(hn::Abs(w), math::Const(d, 0.5)), hn::MulAdd(w, difference, a), from_end);
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kLerpLoops, Lerp, kFloating, 3)

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kLerpLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kLerpLoops, c.in, 3, c.out[0]); }

void rule(RuleContext& c) {
  if (c.needs(0)) c.set(0, zmul(c.grad(), sub(1, c.input(2))));
  if (c.needs(1)) c.set(1, zmul(c.grad(), c.input(2)));
  if (c.needs(2)) c.set(2, zmul(c.grad(), sub(c.input(1), c.input(0))));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4}), s.values({3, 4}, -0.5, 1.5)});
  s.add({s.values({2, 1, 4}), s.values({3, 1}), s.values({4})}, {}, {.note = "broadcast"});
  s.add({s.values({5}), s.values({5}), SampleSink::f64({}, {0.25})}, {}, {.note = "one weight"});
  s.add({s.values({}), s.values({}), s.values({1})}, {}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3}), s.values({})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({6}, {0.1, 0.1, 0.1, HUGE_VAL, NAN, 1.0}),
         SampleSink::f64({6}, {0.7, 0.7, 0.7, 1.0, 1.0, 2.0}),
         SampleSink::f64({6}, {0.0, 0.5, 1.0, 0.0, 0.0, NAN})},
        {}, {.gradcheck = false, .note = "ends, middle, infinity, NaN"});
  s.add_error({s.values({2, 3}), s.values({2, 4}), s.values({})},
              "lerp: shapes do not broadcast: input [2, 3] f64, end [2, 4] f64, weight [] f64: axis 1 from "
              "the end is 3 in one and 4 in another; sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2}), s.values({2})},
              "lerp: dtypes differ: input [2] f64, end [2] i64; convert one with astype()");
  s.add_error({SampleSink::i64({2}, {1, 2}), SampleSink::i64({2}, {1, 2}), SampleSink::i64({2}, {1, 2})},
              "lerp: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input", "end", "weight"};
constexpr SaveMask kSaves[] = {in(2), in(2), in(0) | in(1)};

}  // namespace

extern constinit const OpDef op_lerp = {
    .name = "lerp",
    .doc = "from input to end by weight, broadcast",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = input + weight (end - input)",
};

Tensor lerp(Operand input, Operand end, Operand weight) { return apply(op_lerp, {input, end, weight}); }

Tensor lerp(Operand input, Operand end, Scalar weight) {
  if (input.impl == nullptr) return apply(op_lerp, {input, end, input});  // which says so
  const Tensor number = scalar_like(input, weight, "lerp");
  return apply(op_lerp, {input, end, Operand(number, input.where)});
}

}  // namespace gradus
#endif
