// neg: y = -x. Integers wrap around.
// Derivative: dy/dx = -1.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/neg.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct Neg {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, const void*) const {
    // Not 0 - x for floats: the sign of 0 changes too.
    if constexpr (hwy::IsFloat<hn::TFromD<D>>())
      return hn::Neg(x);
    else
      return hn::Sub(hn::Zero(d), x);
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kNegLoops, Neg, kNumbers, 1)

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kNegLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kNegLoops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) { c.set(0, neg(c.grad())); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4})});
  s.add({s.values({})}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add({SampleSink::i64({3}, {-2, 0, 5})}, {}, {.note = "integers"});
  s.add_error({SampleSink::boolean({2}, {1, 0})},
              "neg: does not take bool: input [2] bool; convert it with astype(x, DType::i64)");
}

constexpr const char* kInputs[] = {"input"};

}  // namespace

extern constinit const OpDef op_neg = {
    .name = "neg",
    .doc = "-x",
    .inputs = kInputs,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Neg",
    .formula = "y = -x",
};

Tensor neg(Operand input) { return apply(op_neg, {input}); }

}  // namespace gradus
#endif
