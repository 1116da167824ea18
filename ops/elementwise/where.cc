// where: y = input where condition, other elsewhere; all three broadcast.
// Derivative: the cotangent where the branch was taken, exactly 0 elsewhere.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/where.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct Where {
  template <class D, class M, class V>
  HWY_INLINE V operator()(D, M condition, V input, V other, const void*) const {
    return hn::IfThenElse(condition, input, other);
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE_MASKED(kWhereLoops, Where, kAllTypes, 3)

#if HWY_ONCE
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/conversion.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  if (c.dtype(0) != DType::boolean) {
    c.dtype_error(fmt::format("the condition is not bool: {}; compare it, as in ne(x, 0)", c.describe(0)));
  }
  infer_elementwise(c, kernels::kWhereLoops, 1);
}

void kernel(KernelContext& c) { kernels::elementwise(kernels::kWhereLoops, c.in, 3, c.out[0]); }

void rule(RuleContext& c) {
  const Tensor condition = c.input(0);
  if (c.needs(1)) c.set(1, where(condition, c.grad(), 0));
  if (c.needs(2)) c.set(2, where(condition, 0, c.grad()));
}

void samples(SampleSink& s) {
  s.add({SampleSink::boolean({2, 3}, {1, 0, 1, 0, 0, 1}), s.values({2, 3}), s.values({2, 3})});
  s.add({SampleSink::boolean({2, 1}, {1, 0}), s.values({3}), s.values({4, 1, 1})}, {}, {.note = "broadcast"});
  s.add({SampleSink::boolean({3}, {1, 0, 1}), s.values({}), s.values({1})}, {}, {.note = "one element"});
  s.add({SampleSink::boolean({}, {0}), s.values({0, 2}), s.values({2})}, {}, {.note = "empty"});
  s.add(
      {SampleSink::boolean({2}, {1, 0}), SampleSink::f64({2}, {1, NAN}), SampleSink::f64({2}, {HUGE_VAL, 2})},
      {}, {.gradcheck = false, .note = "the branch not taken is not a number"});
  s.add({SampleSink::boolean({2}, {1, 0}), SampleSink::i64({2}, {1, 2}), SampleSink::i64({2}, {3, 4})}, {},
        {.note = "integers"});
  s.add(
      {SampleSink::boolean({2}, {1, 0}), SampleSink::boolean({2}, {1, 1}), SampleSink::boolean({2}, {0, 0})},
      {}, {.note = "bool"});
  s.add_error({s.values({2}), s.values({2}), s.values({2})},
              "where: the condition is not bool: condition [2] f64; compare it, as in ne(x, 0)");
  s.add_error({SampleSink::boolean({2}, {1, 0}), s.values({2}), SampleSink::i64({2}, {1, 2})},
              "where: dtypes differ: input [2] f64, other [2] i64; convert one with astype()");
  s.add_error({SampleSink::boolean({2}, {1, 0}), s.values({2, 3}), s.values({2, 3})},
              "where: shapes do not broadcast: condition [2] bool, input [2, 3] f64, other [2, 3] f64: axis "
              "1 from the "
              "end is 2 in one and 3 in another; sizes must be equal or 1");
}

constexpr const char* kInputs[] = {"condition", "input", "other"};
constexpr SaveMask kSaves[] = {0, in(0)};

}  // namespace

extern constinit const OpDef op_where = {
    .name = "where",
    .doc = "input where condition, other elsewhere; broadcast",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Where",
    .formula = "y = condition ? input : other",
};

Tensor where(Operand condition, Operand input, Operand other) {
  DType dtype;
  if (input.impl == nullptr || other.impl == nullptr || input.dtype() == other.dtype() ||
      !promote(input.dtype(), other.dtype(), &dtype)) [[likely]] {
    return apply(op_where, {condition, input, other});
  }
  const Tensor a = astype(input, dtype);
  const Tensor b = astype(other, dtype);
  return apply(op_where, {condition, Operand(a, input.where), Operand(b, other.where)});
}

Tensor where(Operand condition, Operand input, Scalar other) {
  const Tensor number = scalar_like(input, other, "where");
  return apply(op_where, {condition, input, Operand(number, input.where)});
}

Tensor where(Operand condition, Scalar input, Operand other) {
  const Tensor number = scalar_like(other, input, "where");
  return apply(op_where, {condition, Operand(number, other.where), other});
}

}  // namespace gradus
#endif
