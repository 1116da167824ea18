// digamma: y = psi(x), the derivative of ln |gamma(x)|; -inf at 0, inf at -0, NaN at -1, -2, ... and at -inf.
// Derivative: dy/dx = polygamma(1, x).
// f32 is computed in f64. Near psi's zeros, the first one at 1.4616, the absolute error stays that of numbers
// of size 1.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/digamma.cc"
#include "gradus/ops/kernels/elementwise-inl.h"
#include "gradus/ops/kernels/gamma.h"

GRADUS_SIMD_BEGIN
struct Digamma {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, const void*) const {
    return map_lanes(
        d, [](auto v) { return kernels::digamma(static_cast<double>(v)); }, x);
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kDigammaLoops, Digamma, kFloating, 1)

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/special.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kDigammaLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kDigammaLoops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) { c.set(0, zmul(c.grad(), polygamma(1, c.input(0)))); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, 0.3, 4.0)});
  s.add({s.values({}, 0.3, 4.0)}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({4}, {-0.4, -1.7, -2.3, -10.6})}, {}, {.note = "negative"});
  s.add({SampleSink::f64({7}, {0.0, -0.0, -1.0, -2.0, HUGE_VAL, -HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "poles, infinities, NaN"});
  s.add_error({SampleSink::i64({2}, {1, 2})},
              "digamma: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};

}  // namespace

extern constinit const OpDef op_digamma = {
    .name = "digamma",
    .doc = "the derivative of lgamma",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = d/dx ln |gamma(x)|",
};

Tensor digamma(Operand input) { return apply(op_digamma, {input}); }

}  // namespace gradus
#endif
