// nan_to_num: x with `nan` in the place of NaN, `posinf` of inf, `neginf` of -inf; integers stay.
// Derivative: 1 where x is finite, else 0. It depends on x only through steps, so for second order x is
// a constant.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/nan_to_num.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct NanToNum {
  template <class D, class V>
  HWY_INLINE V operator()([[maybe_unused]] D d, V x, [[maybe_unused]] const void* params) const {
    using T = hn::TFromD<D>;
    if constexpr (hwy::IsFloat<T>()) {
      const auto* by = static_cast<const T*>(params);
      const V inf = hn::Set(d, std::numeric_limits<T>::infinity());
      V y = hn::IfThenElse(hn::IsNaN(x), hn::Set(d, by[0]), x);
      y = hn::IfThenElse(hn::Eq(x, inf), hn::Set(d, by[1]), y);
      return hn::IfThenElse(hn::Eq(x, hn::Neg(inf)), hn::Set(d, by[2]), y);
    } else {
      return x;
    }
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kNanToNumLoops, NanToNum, kNumbers, 1)

#if HWY_ONCE
#include <algorithm>
#include <cmath>
#include <limits>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/attrs.h"
#include "gradus/ops/elementwise/classify.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

// T is what the dtype is computed in.
template <class T>
void replace(const KernelContext& c, double largest) {
  const auto& a = c.attrs<NanToNumAttrs>();
  const auto in_range = [&](double v) {
    return static_cast<T>(std::isfinite(v) ? std::clamp(v, -largest, largest) : v);
  };
  const T by[] = {in_range(a.nan), in_range(a.posinf), in_range(a.neginf)};
  kernels::elementwise(kernels::kNanToNumLoops, c.in, 1, c.out[0], by);
}

void infer(InferContext& c) { infer_elementwise(c, kernels::kNanToNumLoops); }

void kernel(KernelContext& c) {
  switch (c.in[0].dtype) {
    case DType::f32:
      return replace<float>(c, std::numeric_limits<float>::max());
    case DType::f16:
      return replace<float>(c, 65504);
    case DType::bf16:
      return replace<float>(c, 0x1.FEp127);
    default:  // integers do not look at them
      return replace<double>(c, std::numeric_limits<double>::max());
  }
}

void rule(RuleContext& c) { c.set(0, where(isfinite(constant(c.input(0))), c.grad(), 0)); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4})}, NanToNumAttrs{});
  s.add({s.values({})}, NanToNumAttrs{}, {.note = "one element"});
  s.add({s.values({0, 3})}, NanToNumAttrs{}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN})}, NanToNumAttrs{1, 2, -3},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add({SampleSink::f64({3}, {HUGE_VAL, -HUGE_VAL, NAN})}, NanToNumAttrs{NAN, HUGE_VAL, -HUGE_VAL},
        {.gradcheck = false, .note = "by themselves"});
  s.add({SampleSink::i64({3}, {-2, 0, 5})}, NanToNumAttrs{}, {.note = "integers"});
  s.add_error({SampleSink::boolean({2}, {1, 0})}, NanToNumAttrs{},
              "nan_to_num: does not take bool: input [2] bool; convert it with astype(x, DType::i64)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(NanToNumAttrs, nan, "0"), GRADUS_ATTR(NanToNumAttrs, posinf, "max"),
                              GRADUS_ATTR(NanToNumAttrs, neginf, "-max")};

}  // namespace

extern constinit const OpDef op_nan_to_num = {
    .name = "nan_to_num",
    .doc = "numbers in the place of NaN and the infinities",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = x where finite, else nan, posinf or neginf",
};

Tensor nan_to_num(Operand input, NanToNumOptions options) {
  NanToNumAttrs attrs;
  attrs.nan = options.nan;
  if (options.posinf) attrs.posinf = *options.posinf;
  if (options.neginf) attrs.neginf = *options.neginf;
  return apply(op_nan_to_num, {input}, attrs);
}

}  // namespace gradus
#endif
