// clamp_backward: the derivative of clamp, dx = g where min <= x <= max, else 0 (for NaN too).
// Derivative: by g as clamp_backward itself; by x: 0.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/clamp_backward.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct ClampBackward {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V g, V x, const void* params) const {
    const auto* bounds = static_cast<const hn::TFromD<D>*>(params);
    const auto inside = hn::And(hn::Ge(x, hn::Set(d, bounds[0])), hn::Le(x, hn::Set(d, bounds[1])));
    return hn::IfThenElseZero(inside, g);
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kClampBackwardLoops, ClampBackward, kFloating, 2)

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/clamp.h"
#include "gradus/ops/elementwise/fused_backward.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kClampBackwardLoops); }

void kernel(KernelContext& c) {
  const auto& a = c.attrs<ClampAttrs>();
  with_clamp_bounds(c.in[0].dtype, a.min, a.max, [&](const void* bounds) {
    kernels::elementwise(kernels::kClampBackwardLoops, c.in, 2, c.out[0], bounds);
  });
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<ClampAttrs>();
  if (c.needs(0)) c.set(0, clamp_backward(c.grad(), constant(c.input(1)), a.min, a.max));
  if (c.needs(1)) c.set(1, zero_gradient(c, 1));
}

void samples(SampleSink& s) {
  const ClampAttrs both{-0.5, 0.75};
  s.add({s.values({3, 4}), s.values({3, 4})}, both);
  s.add({s.values({2, 1, 4}), s.values({3, 1})}, ClampAttrs{.min = 0.1}, {.note = "broadcast, from below"});
  s.add({s.values({5}), s.values({})}, both, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3})}, both, {.note = "empty"});
  s.add({SampleSink::f64({4}, {1, 2, 3, HUGE_VAL}), SampleSink::f64({4}, {-0.5, 0.75, NAN, 2})}, both,
        {.gradcheck = false, .note = "bounds, NaN"});
  s.add_error({s.values({2, 3}), s.values({2, 4})}, both,
              "clamp_backward: shapes do not broadcast: g [2, 3] f64, x [2, 4] f64: axis 1 from the end is 3 "
              "in one and 4 in another; "
              "sizes must be equal or 1");
  s.add_error(
      {SampleSink::i64({2}, {1, 2}), SampleSink::i64({2}, {1, 2})}, both,
      "clamp_backward: takes floating-point numbers: g [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"g", "x"};
constexpr SaveMask kSaves[] = {in(1), 0};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(ClampAttrs, min, "-inf"), GRADUS_ATTR(ClampAttrs, max, "inf")};

}  // namespace

extern constinit const OpDef op_clamp_backward = {
    .name = "clamp_backward",
    .doc = "derivative of clamp",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "dx = g where min <= x <= max, else 0",
};

Tensor clamp_backward(Operand g, Operand x, double min, double max) {
  return apply(op_clamp_backward, {g, x}, ClampAttrs{min, max});
}

}  // namespace gradus
#endif
