// polygamma: y = psi^(n)(x) = (-1)^(n+1) n! zeta(n + 1, x) for n >= 1. At 0, -1, -2, ... it is inf for
// odd n and -inf for even n; NaN at -inf. f32 is computed in f64.
// Derivative: dy/dx = polygamma(n + 1, x).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/polygamma.cc"
#include "gradus/ops/kernels/elementwise-inl.h"
#include "gradus/ops/kernels/gamma.h"

GRADUS_SIMD_BEGIN
struct Polygamma {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, const void* params) const {
    const int n = *static_cast<const int*>(params);
    return map_lanes(
        d, [n](auto v) { return kernels::polygamma(n, static_cast<double>(v)); }, x);
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kPolygammaLoops, Polygamma, kFloating, 1)

#if HWY_ONCE
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/attrs.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/special.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const std::int64_t n = c.attrs<PolygammaAttrs>().n;
  if (n < 0 || n > 170) {
    c.value_error(fmt::format("the order n is {}; it must be from 0 to 170, where n! is still a number", n));
  }
  infer_elementwise(c, kernels::kPolygammaLoops);
}

void kernel(KernelContext& c) {
  const int n = static_cast<int>(c.attrs<PolygammaAttrs>().n);
  kernels::elementwise(kernels::kPolygammaLoops, c.in, 1, c.out[0], &n);
}

void rule(RuleContext& c) {
  c.set(0, zmul(c.grad(), polygamma(c.attrs<PolygammaAttrs>().n + 1, c.input(0))));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, 0.6, 4.0)}, PolygammaAttrs{1});
  s.add({s.values({3}, 0.6, 4.0)}, PolygammaAttrs{0}, {.note = "order 0"});
  s.add({s.values({3}, 0.8, 4.0)}, PolygammaAttrs{2}, {.note = "order 2"});
  s.add({s.values({3}, 1.5, 4.0)}, PolygammaAttrs{5}, {.note = "order 5"});
  s.add({s.values({}, 0.6, 4.0)}, PolygammaAttrs{1}, {.note = "one element"});
  s.add({s.values({0, 3})}, PolygammaAttrs{1}, {.note = "empty"});
  s.add({SampleSink::f64({4}, {-0.4, -1.6, -2.5, -10.6})}, PolygammaAttrs{1},
        {.note = "negative, odd order"});
  s.add({SampleSink::f64({4}, {-0.4, -1.6, -2.5, -10.6})}, PolygammaAttrs{2},
        {.note = "negative, even order"});
  s.add({SampleSink::f64({6}, {0.0, -1.0, -2.0, HUGE_VAL, -HUGE_VAL, NAN})}, PolygammaAttrs{1},
        {.gradcheck = false, .note = "poles, infinities, NaN, odd order"});
  s.add({SampleSink::f64({6}, {0.0, -1.0, -2.0, HUGE_VAL, -HUGE_VAL, NAN})}, PolygammaAttrs{2},
        {.gradcheck = false, .note = "poles, infinities, NaN, even order"});
  s.add_error(
      {SampleSink::i64({2}, {1, 2})}, PolygammaAttrs{1},
      "polygamma: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
  s.add_error({s.values({2})}, PolygammaAttrs{-1},
              "polygamma: the order n is -1; it must be from 0 to 170, where n! is still a number");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(PolygammaAttrs, n, nullptr)};

}  // namespace

extern constinit const OpDef op_polygamma = {
    .name = "polygamma",
    .doc = "the n-th derivative of digamma",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kElementwise,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = d^(n+1)/dx^(n+1) ln |gamma(x)|",
};

Tensor polygamma(std::int64_t n, Operand input) { return apply(op_polygamma, {input}, PolygammaAttrs{n}); }

}  // namespace gradus
#endif
