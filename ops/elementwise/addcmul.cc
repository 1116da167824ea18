// addcmul: y = input + value tensor1 tensor2, broadcast. Integers wrap around.
// Derivative: 1 by input, value tensor2 by tensor1, value tensor1 by tensor2.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/addcmul.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct Addcmul {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, V a, V b, const void* params) const {
    using T = hn::TFromD<D>;
    const double value = *static_cast<const double*>(params);
    if constexpr (hwy::IsFloat<T>()) {
      return hn::MulAdd(hn::Mul(hn::Set(d, static_cast<T>(value)), a), b, x);
    } else {
      const V factor = hn::Set(d, static_cast<T>(static_cast<std::int64_t>(value)));
      return hn::Add(x, math::Mul(d, math::Mul(d, factor, a), b));
    }
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kAddcmulLoops, Addcmul, kNumbers, 3)

#if HWY_ONCE
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/attrs.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  infer_elementwise(c, kernels::kAddcmulLoops);
  const double value = c.attrs<AddcmulAttrs>().value;
  // Beyond 2^53 a double is not exact any more.
  if (!is_floating(c.dtype(0)) && !(value == std::floor(value) && std::abs(value) <= 0x1p53)) {
    c.dtype_error(
        fmt::format("the value {} is no whole number of the dtype: {}; pass an integer, or convert it "
                    "with astype(x, DType::f32)",
                    value, c.describe(0)));
  }
}

void kernel(KernelContext& c) {
  const double value = c.attrs<AddcmulAttrs>().value;
  kernels::elementwise(kernels::kAddcmulLoops, c.in, 3, c.out[0], &value);
}

void rule(RuleContext& c) {
  const double value = c.attrs<AddcmulAttrs>().value;
  if (c.needs(0)) c.set(0, c.grad());
  if (c.needs(1)) c.set(1, zmul(c.grad(), mul(c.input(2), value)));
  if (c.needs(2)) c.set(2, zmul(c.grad(), mul(c.input(1), value)));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4}), s.values({3, 4})}, AddcmulAttrs{});
  s.add({s.values({2, 1, 4}), s.values({3, 1}), s.values({4})}, AddcmulAttrs{-0.5}, {.note = "broadcast"});
  s.add({s.values({}), s.values({}), s.values({1})}, AddcmulAttrs{2}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3}), s.values({})}, AddcmulAttrs{}, {.note = "empty"});
  s.add({SampleSink::f64({3}, {0.0, 1.0, NAN}), SampleSink::f64({3}, {0.0, HUGE_VAL, 1.0}),
         SampleSink::f64({3}, {HUGE_VAL, 2.0, 1.0})},
        AddcmulAttrs{}, {.gradcheck = false, .note = "infinities, NaN"});
  s.add({SampleSink::i64({3}, {-2, 0, 5}), SampleSink::i64({3}, {3, 3, 5}), SampleSink::i64({1}, {2})},
        AddcmulAttrs{-3}, {.note = "integers"});
  s.add_error({s.values({2, 3}), s.values({2, 4}), s.values({})}, AddcmulAttrs{},
              "addcmul: shapes do not broadcast: input [2, 3] f64, tensor1 [2, 4] f64, tensor2 [] f64: axis "
              "1 from the end is 3 in one and 4 in another; sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2}), s.values({2})}, AddcmulAttrs{},
              "addcmul: dtypes differ: input [2] f64, tensor1 [2] i64; convert one with astype()");
  s.add_error({SampleSink::i64({2}, {1, 2}), SampleSink::i64({2}, {1, 2}), SampleSink::i64({2}, {1, 2})},
              AddcmulAttrs{0.5},
              "addcmul: the value 0.5 is no whole number of the dtype: input [2] i64; pass an integer, or "
              "convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input", "tensor1", "tensor2"};
constexpr SaveMask kSaves[] = {0, in(2), in(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(AddcmulAttrs, value, "1")};

}  // namespace

extern constinit const OpDef op_addcmul = {
    .name = "addcmul",
    .doc = "input + value * tensor1 * tensor2, broadcast",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = input + value tensor1 tensor2",
};

Tensor addcmul(Operand input, Operand tensor1, Operand tensor2, Scalar value) {
  if (input.impl != nullptr && !is_floating(input.dtype())) scalar_like(input, value, "addcmul");
  return apply(op_addcmul, {input, tensor1, tensor2}, AddcmulAttrs{value.value});
}

}  // namespace gradus
#endif
