// softplus: y = log(1 + e^(beta x)) / beta, and x itself where beta x > threshold. Computed as (max(z, 0)
// + log(1 + e^-|z|)) / beta with z = beta x: no overflow.
// Derivative: sigmoid(beta x), 1 where beta x > threshold.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/activation/softplus.cc"
#include "gradus/ops/kernels/activation-inl.h"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct Softplus {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, const void* params) const {
    const V beta = math::Param(d, params, 0);
    const V z = hn::Mul(x, beta);
    return hn::IfThenElse(hn::Gt(z, math::Param(d, params, 1)), x, hn::Div(math::Softplus(d, z), beta));
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kSoftplusLoops, Softplus, kFloating, 1)

#if HWY_ONCE
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/activation/params.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/math.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  infer_elementwise(c, kernels::kSoftplusLoops);
  if (c.attrs<SoftplusAttrs>().beta == 0) {
    c.value_error(fmt::format("beta is 0, which the logarithm is divided by; {}", c.describe(0)));
  }
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<SoftplusAttrs>();
  with_params(c.in[0].dtype, {a.beta, a.threshold}, [&](const void* params) {
    kernels::elementwise(kernels::kSoftplusLoops, c.in, 1, c.out[0], params);
  });
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<SoftplusAttrs>();
  const Tensor z = mul(c.input(0), a.beta);
  c.set(0, where(gt(z, a.threshold), c.grad(), zmul(c.grad(), sigmoid(z))));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, -4, 4)}, SoftplusAttrs{});
  s.add({s.values({2, 23}, -4, 4)}, SoftplusAttrs{}, {.note = "a tail behind whole vectors"});
  s.add({s.values({}, -4, 4)}, SoftplusAttrs{}, {.note = "one element"});
  s.add({s.values({0, 3})}, SoftplusAttrs{}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN})}, SoftplusAttrs{},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add({s.values({3, 4}, -4, 4)}, SoftplusAttrs{1.5, 2}, {.note = "some above the threshold"});
  s.add({s.values({3, 4}, -4, 4)}, SoftplusAttrs{-0.5, 20}, {.note = "a negative beta"});
  s.add_error({SampleSink::i64({2}, {1, 2})}, SoftplusAttrs{},
              "softplus: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
  s.add_error({s.values({2})}, SoftplusAttrs{0, 20},
              "softplus: beta is 0, which the logarithm is divided by; input [2] f64");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(SoftplusAttrs, beta, "1"),
                              GRADUS_ATTR(SoftplusAttrs, threshold, "20")};

}  // namespace

extern constinit const OpDef op_softplus = {
    .name = "softplus",
    .doc = "log(1 + e^(beta x)) / beta",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Softplus",
    .formula = "y = log(1 + e^(beta x)) / beta",
};

Tensor softplus(Operand input, double beta, double threshold) {
  return apply(op_softplus, {input}, SoftplusAttrs{beta, threshold});
}

}  // namespace gradus
#endif
