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
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kFloorLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kFloorLoops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) { c.set(0, zero_gradient(c, 0)); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4})});
  s.add({s.values({})}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({6}, {-1.5, -0.5, 0.5, 1.5, 2.5, 3.0})}, {},
        {.gradcheck = false, .note = "halves and whole numbers"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add({SampleSink::i64({3}, {-2, 0, 5})}, {}, {.note = "integers"});
  s.add_error({SampleSink::boolean({2}, {1, 0})},
              "floor: does not take bool: input [2] bool; convert it with astype(x, DType::i64)");
}

constexpr const char* kInputs[] = {"input"};

}  // namespace

extern constinit const OpDef op_floor = {
    .name = "floor",
    .doc = "the largest whole number not above x",
    .inputs = kInputs,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Floor",
    .formula = "y = floor(x)",
};

Tensor floor(Operand input) { return apply(op_floor, {input}); }

}  // namespace gradus
#endif
