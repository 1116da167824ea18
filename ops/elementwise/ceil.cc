// ceil: the smallest whole number not below x. Integers stay as they are.
// Derivative: 0, at the steps too.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/ceil.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct Ceil {
  template <class D, class V>
  HWY_INLINE V operator()(D, V x, const void*) const {
    if constexpr (hwy::IsFloat<hn::TFromD<D>>())
      return hn::Ceil(x);
    else
      return x;
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kCeilLoops, Ceil, kNumbers, 1)

#if HWY_ONCE
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/rounding.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kCeilLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kCeilLoops, c.in, 1, c.out[0]); }

void samples(SampleSink& s) { rounding_samples(s, "ceil"); }

constexpr const char* kInputs[] = {"input"};

}  // namespace

extern constinit const OpDef op_ceil = {
    .name = "ceil",
    .doc = "the smallest whole number not below x",
    .inputs = kInputs,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rounding_rule,
    .samples = samples,
    .onnx = "Ceil",
    .formula = "y = ceil(x)",
};

Tensor ceil(Operand input) { return apply(op_ceil, {input}); }

}  // namespace gradus
#endif
