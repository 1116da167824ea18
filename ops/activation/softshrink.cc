// softshrink: y = x - lambd for x > lambd, x + lambd for x < -lambd, else 0; NaN stays NaN.
// Derivative: 0 for -lambd <= x <= lambd, else 1; see shrink_backward.cc. It depends on x only through
// steps, so for second order x is a constant.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/activation/softshrink.cc"
#include "gradus/ops/kernels/activation-inl.h"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct Softshrink {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, const void* params) const {
    const V lambd = math::Param(d, params, 0);
    return hn::IfThenZeroElse(hn::Le(hn::Abs(x), lambd), hn::Sub(x, hn::CopySign(lambd, x)));
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kSoftshrinkLoops, Softshrink, kFloating, 1)

#if HWY_ONCE
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/activation/fused_backward.h"
#include "gradus/ops/activation/params.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  infer_elementwise(c, kernels::kSoftshrinkLoops);
  const double lambd = c.attrs<ShrinkAttrs>().lambd;
  if (!(lambd >= 0)) {
    c.value_error(fmt::format("lambd is {}; it must not be negative: {}", lambd, c.describe(0)));
  }
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<ShrinkAttrs>();
  with_params(c.in[0].dtype, {a.lambd}, [&](const void* params) {
    kernels::elementwise(kernels::kSoftshrinkLoops, c.in, 1, c.out[0], params);
  });
}

void rule(RuleContext& c) {
  c.set(0, shrink_backward(c.grad(), constant(c.input(0)), c.attrs<ShrinkAttrs>().lambd));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, -2, 2)}, ShrinkAttrs{});
  s.add({s.values({2, 23}, -2, 2)}, ShrinkAttrs{}, {.note = "a tail behind whole vectors"});
  s.add({s.values({}, -2, 2)}, ShrinkAttrs{}, {.note = "one element"});
  s.add({s.values({0, 3})}, ShrinkAttrs{}, {.note = "empty"});
  s.add({SampleSink::f64({6}, {0.5, -0.5, 0.0, HUGE_VAL, -HUGE_VAL, NAN})}, ShrinkAttrs{},
        {.gradcheck = false, .note = "the kinks, infinities, NaN"});
  s.add_error(
      {SampleSink::i64({2}, {1, 2})}, ShrinkAttrs{},
      "softshrink: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
  s.add_error({s.values({2})}, ShrinkAttrs{-1},
              "softshrink: lambd is -1; it must not be negative: input [2] f64");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(ShrinkAttrs, lambd, "0.5")};

}  // namespace

extern constinit const OpDef op_softshrink = {
    .name = "softshrink",
    .doc = "x pulled towards 0 by lambd",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Shrink",
    .formula = "y = x - lambd for x > lambd, x + lambd for x < -lambd, else 0",
};

Tensor softshrink(Operand input, double lambd) { return apply(op_softshrink, {input}, ShrinkAttrs{lambd}); }

}  // namespace gradus
#endif
