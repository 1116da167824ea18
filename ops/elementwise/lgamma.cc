// lgamma: y = ln |gamma(x)|; inf at 0, -1, -2, ... and both infinities. The C library's, lane by lane.
// Derivative: dy/dx = digamma(x).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/lgamma.cc"
#include "gradus/ops/kernels/elementwise-inl.h"
#include "gradus/ops/kernels/gamma.h"

GRADUS_SIMD_BEGIN
struct Lgamma {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, const void*) const {
    return map_lanes(
        d, [](auto v) { return kernels::lgamma(v); }, x);
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kLgammaLoops, Lgamma, kFloating, 1)

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/special.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kLgammaLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kLgammaLoops, c.in, 1, c.out[0]); }

void rule(RuleContext& c) { c.set(0, zmul(c.grad(), digamma(c.input(0)))); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, 0.3, 4.0)});
  s.add({s.values({}, 0.3, 4.0)}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({4}, {-0.4, -1.7, -2.3, -10.6})}, {}, {.note = "negative"});
  s.add({SampleSink::f64({7}, {0.0, -0.0, -1.0, -2.0, HUGE_VAL, -HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "poles, infinities, NaN"});
  s.add_error({SampleSink::i64({2}, {1, 2})},
              "lgamma: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};

}  // namespace

extern constinit const OpDef op_lgamma = {
    .name = "lgamma",
    .doc = "the logarithm of |gamma(x)|",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = ln |gamma(x)|",
};

Tensor lgamma(Operand input) { return apply(op_lgamma, {input}); }

}  // namespace gradus
#endif
