// sign: y = -1 where x < 0, 1 where x > 0, else 0 (at 0 and for NaN).
// Derivative: 0, at the step too.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/sign.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct Sign {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, const void*) const {
    using T = hn::TFromD<D>;
    const V zero = hn::Zero(d);
    const V positive = hn::IfThenElseZero(hn::Gt(x, zero), hn::Set(d, T{1}));
    if constexpr (hwy::IsSigned<T>()) {
      return hn::IfThenElse(hn::Lt(x, zero), hn::Set(d, static_cast<T>(-1)), positive);
    } else {
      return positive;
    }
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kSignLoops, Sign, kNumbers, 1)

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kSignLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kSignLoops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) { c.set(0, zero_gradient(c, 0)); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4})});
  s.add({s.values({})}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add({SampleSink::i64({3}, {-2, 0, 5})}, {}, {.note = "integers"});
  s.add_error({SampleSink::boolean({2}, {1, 0})},
              "sign: does not take bool: input [2] bool; convert it with astype(x, DType::i64)");
}

constexpr const char* kInputs[] = {"input"};

}  // namespace

extern constinit const OpDef op_sign = {
    .name = "sign",
    .doc = "-1, 0 or 1",
    .inputs = kInputs,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Sign",
    .formula = "y = x / |x|, 0 at 0",
};

Tensor sign(Operand input) { return apply(op_sign, {input}); }

}  // namespace gradus
#endif
