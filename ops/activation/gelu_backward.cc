// gelu_backward: the derivative of gelu, dx = g (Phi(x) + x phi(x)); of its tanh form g (s + x s (1 - s)
// v) with v = 2 sqrt(2 / pi) (1 + 3 * 0.044715 x^2) and s = (1 + tanh(u)) / 2.
// Derivative: by g as gelu_backward itself; by x: g phi(x) (2 - x^2); of the tanh form g s (1 - s) (2 v +
// x (v' + (1 - 2 s) v^2)).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/activation/gelu_backward.cc"
#include "gradus/ops/kernels/activation-inl.h"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct GeluTanhBackward {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V g, V x, const void*) const {
    const V one = math::Const(d, 1);
    const V s = math::Sigmoid(d, math::GeluInner(d, x));
    const V cubic = hn::Mul(hn::Mul(x, x), math::Const(d, 3 * 0.044715));
    const V v = hn::Mul(math::Const(d, 2 * 0.7978845608028654), hn::Add(cubic, one));
    return math::ZMul(d, g, hn::Add(s, hn::Mul(hn::Mul(x, v), hn::Mul(s, hn::Sub(one, s)))));
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kGeluTanhBackwardLoops, GeluTanhBackward, kFloating, 2)

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/activation/fused_backward.h"
#include "gradus/ops/activation/params.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/math.h"
#include "gradus/ops/kernels/gelu.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::gelu_backward_loops()); }

void kernel(KernelContext& c) {
  const bool exact = c.attrs<GeluAttrs>().approximate[0] == 'n';
  kernels::elementwise(exact ? kernels::gelu_backward_loops() : kernels::kGeluTanhBackwardLoops, c.in, 2,
                       c.out[0]);
}

Tensor second_derivative(const Tensor& x) {
  constexpr double kDensityAtZero = 0.3989422804014327;  // 1 / sqrt(2 pi)
  const Tensor squared = square(x);
  return mul(mul(exp(mul(squared, -0.5)), kDensityAtZero), sub(2, squared));
}

Tensor second_derivative_of_tanh_form(const Tensor& x) {
  constexpr double kTwoB = 2 * 0.7978845608028654, kCubic = 0.044715;
  const Tensor squared = square(x);
  const Tensor s = sigmoid(mul(mul(x, add(mul(squared, kCubic), 1)), kTwoB));
  const Tensor v = mul(add(mul(squared, 3 * kCubic), 1), kTwoB);
  const Tensor bend = add(mul(x, kTwoB * 6 * kCubic), mul(sub(1, mul(s, 2)), square(v)));
  return mul(mul(s, sub(1, s)), add(mul(v, 2), mul(x, bend)));
}

void rule(RuleContext& c) {
  const char* approximate = c.attrs<GeluAttrs>().approximate;
  const Tensor x = c.input(1);
  if (c.needs(0)) c.set(0, gelu_backward(c.grad(), x, approximate));
  if (c.needs(1)) {
    const Tensor second = approximate[0] == 'n' ? second_derivative(x) : second_derivative_of_tanh_form(x);
    c.set(1, zmul(c.grad(), mul(c.input(0), second)));
  }
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4}, -4, 4)}, GeluAttrs{});
  s.add({s.values({2, 1, 4}), s.values({3, 1}, -4, 4)}, GeluAttrs{}, {.note = "broadcast"});
  s.add({s.values({}), s.values({5}, -4, 4)}, GeluAttrs{}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3}, -4, 4)}, GeluAttrs{}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, 2.0, HUGE_VAL, 1.0, 2.0}),
         SampleSink::f64({5}, {NAN, 0.0, -0.0, NAN, 1.0})},
        GeluAttrs{}, {.gradcheck = false, .note = "zero cotangent, NaN"});
  s.add({s.values({2, 23}), s.values({2, 23}, -4, 4)}, GeluAttrs{"tanh"});
  s.add_error({s.values({2, 3}), s.values({2, 4})}, GeluAttrs{},
              "gelu_backward: shapes do not broadcast: g [2, 3] f64, x [2, 4] f64: axis 1 from the end is 3 "
              "in one and 4 in another; sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})}, GeluAttrs{},
              "gelu_backward: dtypes differ: g [2] f64, x [2] i64; convert one with astype()");
}

constexpr const char* kInputs[] = {"g", "x"};
constexpr SaveMask kSaves[] = {in(1), in(0) | in(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(GeluAttrs, approximate, "\"none\"")};

}  // namespace

extern constinit const OpDef op_gelu_backward = {
    .name = "gelu_backward",
    .doc = "derivative of gelu",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "dx = g (Phi(x) + x phi(x))",
};

Tensor gelu_backward(Operand g, Operand x, const char* approximate) {
  return apply(op_gelu_backward, {g, x}, GeluAttrs{approximate});
}

}  // namespace gradus
#endif
