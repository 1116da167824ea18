// floor: the largest whole number not above x. Integers stay as they are.
// Derivative: 0, at the steps too.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/floor.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct Floor {
  template <class D, class V>
  HWY_INLINE V operator()(D, V x, const void*) const {
    if constexpr (hwy::IsFloat<hn::TFromD<D>>())
      return hn::Floor(x);
    else
      return x;
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kFloorLoops, Floor, kNumbers, 1)

#if HWY_ONCE
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/rounding.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kFloorLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kFloorLoops, c.in, 1, c.out[0]); }

void samples(SampleSink& s) { rounding_samples(s, "floor"); }

constexpr const char* kInputs[] = {"input"};

}  // namespace

extern constinit const OpDef op_floor = {
    .name = "floor",
    .doc = "the largest whole number not above x",
    .inputs = kInputs,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rounding_rule,
    .samples = samples,
    .onnx = "Floor",
    .formula = "y = floor(x)",
};

Tensor floor(Operand input) { return apply(op_floor, {input}); }

}  // namespace gradus
#endif
