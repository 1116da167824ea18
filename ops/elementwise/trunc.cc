// trunc: the whole number next to x towards 0. Integers stay as they are.
// Derivative: 0, at the steps too.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/trunc.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct Trunc {
  template <class D, class V>
  HWY_INLINE V operator()(D, V x, const void*) const {
    if constexpr (hwy::IsFloat<hn::TFromD<D>>())
      return hn::Trunc(x);
    else
      return x;
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kTruncLoops, Trunc, kNumbers, 1)

#if HWY_ONCE
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/rounding.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kTruncLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kTruncLoops, c.in, 1, c.out[0]); }

void samples(SampleSink& s) { rounding_samples(s, "trunc"); }

constexpr const char* kInputs[] = {"input"};

}  // namespace

extern constinit const OpDef op_trunc = {
    .name = "trunc",
    .doc = "the whole number next to x towards 0",
    .inputs = kInputs,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rounding_rule,
    .samples = samples,
    .formula = "y = sign(x) floor(|x|)",
};

Tensor trunc(Operand input) { return apply(op_trunc, {input}); }

}  // namespace gradus
#endif
