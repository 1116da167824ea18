// round: the nearest whole number, halves to the even one. Integers stay as they are.
// Derivative: 0, at the steps too.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/round.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct Round {
  template <class D, class V>
  HWY_INLINE V operator()(D, V x, const void*) const {
    if constexpr (hwy::IsFloat<hn::TFromD<D>>())
      return hn::Round(x);
    else
      return x;
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kRoundLoops, Round, kNumbers, 1)

#if HWY_ONCE
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/rounding.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kRoundLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kRoundLoops, c.in, 1, c.out[0]); }

void samples(SampleSink& s) { rounding_samples(s, "round"); }

constexpr const char* kInputs[] = {"input"};

}  // namespace

extern constinit const OpDef op_round = {
    .name = "round",
    .doc = "the nearest whole number, halves to the even one",
    .inputs = kInputs,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rounding_rule,
    .samples = samples,
    .onnx = "Round",
    .formula = "y = round(x), half to even",
};

Tensor round(Operand input) { return apply(op_round, {input}); }

}  // namespace gradus
#endif
