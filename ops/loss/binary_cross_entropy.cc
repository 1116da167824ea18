// binary_cross_entropy: -(t log x + (1 - t) log(1 - x)) for a probability x; the logarithms are held above
// -100, so that a probability of exactly 0 or 1 costs 100 at most. The op gives the losses element by
// element. Derivatives: by x (x - t) / max(x (1 - x), 1e-12), by t log(1 - x) - log x, held as above; both as
// PyTorch.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/loss/binary_cross_entropy.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct Loss {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, V t, const void*) const {
    const V one = math::Const(d, 1), least = math::Const(d, -100);
    const V yes = math::Max(d, math::Log(d, x), least);
    const V no = math::Max(d, math::Log1p(d, hn::Neg(x)), least);
    return hn::Sub(hn::Mul(hn::Sub(t, one), no), hn::Mul(t, yes));
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kLossLoops, Loss, kFloating, 2)

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/recording.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/logical.h"
#include "gradus/ops/elementwise/math.h"
#include "gradus/ops/loss/compose.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kLossLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kLossLoops, c.in, 2, c.out[0]); }

void rule(RuleContext& c) {
  const Tensor x = c.input(0);
  if (c.needs(0)) {
    const Tensor spread = maximum(mul(x, sub(1, x)), 1e-12);
    c.set(0, zmul(c.grad(), div(sub(x, c.input(1)), spread)));
  }
  if (c.needs(1)) c.set(1, zmul(c.grad(), sub(clamp(log1p(neg(x)), -100), clamp(log(x), -100))));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, 0.1, 0.9), s.values({3, 4}, 0, 1)});
  s.add({s.values({2, 23}, 0.1, 0.9), s.values({23}, 0, 1)}, {}, {.note = "a tail behind whole vectors"});
  s.add({s.values({}, 0.1, 0.9), s.values({}, 0, 1)}, {}, {.note = "one element"});
  s.add({s.values({0, 3}, 0.1, 0.9), s.values({0, 3}, 0, 1)}, {}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0, 0, 1, 1, NAN}), SampleSink::f64({5}, {0, 1, 0, 1, 1})}, {},
        {.gradcheck = false, .note = "probabilities 0 and 1, NaN"});
  s.add_error({s.values({2, 3}), s.values({2, 4})},
              "binary_cross_entropy: shapes do not broadcast: input [2, 3] f64, target [2, 4] f64: axis 1 "
              "from the end is 3 in one and 4 in another; sizes must be equal or 1");
  s.add_error(
      {s.values({2}), SampleSink::i64({2}, {1, 0})},
      "binary_cross_entropy: dtypes differ: input [2] f64, target [2] i64; convert one with astype()");
}

constexpr const char* kInputs[] = {"input", "target"};
constexpr SaveMask kSaves[] = {in(0) | in(1), in(0)};

}  // namespace

extern constinit const OpDef op_binary_cross_entropy = {
    .name = "binary_cross_entropy",
    .doc = "-(t log x + (1 - t) log(1 - x)) for each element, the logarithms at least -100",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = -(t log x + (1 - t) log(1 - x))",
};

Tensor binary_cross_entropy(Operand input, Operand target, const BinaryCrossEntropyOptions& options) {
  constexpr const char* kOp = "binary_cross_entropy";
  const At at{input.where};
  const Tensor x = held(input), t = held(target);
  require_same({"input", x}, {"target", t}, kOp, at.where);
  if (options.weight.defined()) {
    require_broadcasts({"input", x}, {"weight", options.weight}, kOp, at.where);
  }
  {
    const NoGrad guard;
    require_all(logical_and(ge(x, 0), le(x, 1)), {"input", x},
                "is no probability in 0..1; for scores there is binary_cross_entropy_with_logits", kOp,
                at.where);
  }
  Tensor losses = apply(op_binary_cross_entropy, {at(x), at(t)});
  if (options.weight.defined()) losses = mul(at(losses), at(options.weight));
  return reduced(losses, options.reduction, at);
}

}  // namespace gradus
#endif
