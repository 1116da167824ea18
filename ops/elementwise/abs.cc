// abs: y = |x|.
// Derivative: dy/dx = sign(x), so 0 at 0.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/abs.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct Abs {
  template <class D, class V>
  HWY_INLINE V operator()([[maybe_unused]] D d, V x, const void*) const {
    using T = hn::TFromD<D>;
    if constexpr (hwy::IsFloat<T>())
      return hn::Abs(x);
    else if constexpr (hwy::IsSigned<T>())
      return hn::Max(x, hn::Sub(hn::Zero(d), x));
    else
      return x;
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kAbsLoops, Abs, kNumbers, 1)

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kAbsLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kAbsLoops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) { c.set(0, zmul(c.grad(), sign(c.input(0)))); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4})});
  s.add({s.values({})}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add({SampleSink::i64({3}, {-2, 0, 5})}, {}, {.note = "integers"});
  s.add_error({SampleSink::boolean({2}, {1, 0})},
              "abs: does not take bool: input [2] bool; convert it with astype(x, DType::i64)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};

}  // namespace

extern constinit const OpDef op_abs = {
    .name = "abs",
    .doc = "|x|",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Abs",
    .formula = "y = |x|",
};

Tensor abs(Operand input) { return apply(op_abs, {input}); }

}  // namespace gradus
#endif
