// clamp: y = min(max(x, min), max); NaN stays NaN, and where min > max every element becomes max.
// Derivative: 1 where min <= x <= max, at the bounds too, else 0; see clamp_backward.cc. It depends on x only
// through steps, so for second order x is a constant.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/clamp.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct Clamp {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, const void* params) const {
    const auto* bounds = static_cast<const hn::TFromD<D>*>(params);
    return math::Min(d, math::Max(d, x, hn::Set(d, bounds[0])), hn::Set(d, bounds[1]));
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kClampLoops, Clamp, kNumbers, 1)

#if HWY_ONCE
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/clamp.h"
#include "gradus/ops/elementwise/fused_backward.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

// Infinite: no bound. Beyond 2^53 a double is not exact any more.
bool is_whole_bound(double bound) {
  return std::isinf(bound) || (bound == std::floor(bound) && std::abs(bound) <= 0x1p53);
}

void infer(InferContext& c) {
  infer_elementwise(c, kernels::kClampLoops);
  const auto& a = c.attrs<ClampAttrs>();
  if (!is_floating(c.dtype(0)) && !(is_whole_bound(a.min) && is_whole_bound(a.max))) {
    c.dtype_error(fmt::format(
        "the bounds {} and {} are no whole numbers of the dtype: {}; pass integers, or convert it "
        "with astype(x, DType::f32)",
        a.min, a.max, c.describe(0)));
  }
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<ClampAttrs>();
  with_clamp_bounds(c.in[0].dtype, a.min, a.max, [&](const void* bounds) {
    kernels::elementwise(kernels::kClampLoops, c.in, 1, c.out[0], bounds);
  });
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<ClampAttrs>();
  c.set(0, clamp_backward(c.grad(), constant(c.input(0)), a.min, a.max));
}

void samples(SampleSink& s) {
  const ClampAttrs both{-0.5, 0.75};
  s.add({s.values({3, 4})}, both);
  s.add({s.values({3, 4})}, ClampAttrs{.min = 0.1}, {.note = "from below"});
  s.add({s.values({3, 4})}, ClampAttrs{.max = 0.1}, {.note = "from above"});
  s.add({s.values({})}, both, {.note = "one element"});
  s.add({s.values({0, 3})}, both, {.note = "empty"});
  s.add({SampleSink::f64({6}, {-0.5, 0.75, -HUGE_VAL, HUGE_VAL, NAN, 0.0})}, both,
        {.gradcheck = false, .note = "bounds, infinities, NaN"});
  s.add({s.values({4})}, ClampAttrs{1, 0}, {.note = "min > max"});
  s.add({SampleSink::i64({4}, {-9, -2, 0, 5})}, ClampAttrs{-2, 3}, {.note = "integers"});
  s.add({SampleSink::i64({2}, {-9, 5})}, ClampAttrs{.max = 3}, {.note = "integers, one bound"});
  s.add_error({SampleSink::boolean({2}, {1, 0})}, both,
              "clamp: does not take bool: input [2] bool; convert it with astype(x, DType::i64)");
  s.add_error(
      {SampleSink::i64({2}, {1, 2})}, both,
      "clamp: the bounds -0.5 and 0.75 are no whole numbers of the dtype: input [2] i64; pass integers, or "
      "convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(ClampAttrs, min, "-inf"), GRADUS_ATTR(ClampAttrs, max, "inf")};

}  // namespace

extern constinit const OpDef op_clamp = {
    .name = "clamp",
    .doc = "x held within [min, max]",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Clip",
    .formula = "y = min(max(x, min), max)",
};

Tensor clamp(Operand input, std::optional<Scalar> min, std::optional<Scalar> max) {
  if (!min && !max) {
    throw_error<ValueError>(input.where, "clamp", "neither min nor max is given; pass at least one of them");
  }
  if (input.impl != nullptr && !is_floating(input.dtype())) {
    // For the dtype errors of a scalar beside integers.
    if (min) scalar_like(input, *min, "clamp");
    if (max) scalar_like(input, *max, "clamp");
  }
  ClampAttrs attrs;
  if (min) attrs.min = min->value;
  if (max) attrs.max = max->value;
  return apply(op_clamp, {input}, attrs);
}

}  // namespace gradus
#endif
