// binary_cross_entropy_with_logits: (1 - t) log(1 + e^x) + t log(1 + e^-x), which is binary_cross_entropy of
// sigmoid(x) without its overflow and cancellation; each logarithm is max(+-x, 0) + log(1 + e^-|x|). The op
// gives the losses element by element; with pos_weight, a factor of t in the second term, two log_sigmoid
// take its place. Derivatives: by x sigmoid(x) - t, by t -x.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/loss/binary_cross_entropy_with_logits.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_SIMD_BEGIN
struct Loss {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, V t, const void*) const {
    const V zero = hn::Zero(d);
    const V common = math::Log1p(d, math::Exp(d, hn::Neg(hn::Abs(x))));
    const V no = hn::Mul(hn::Sub(math::Const(d, 1), t), math::Max(d, x, zero));
    const V yes = hn::Mul(t, math::Max(d, hn::Neg(x), zero));
    return hn::Add(common, hn::Add(no, yes));
  }
};
GRADUS_SIMD_END
GRADUS_ELEMENTWISE(kLossLoops, Loss, kFloating, 2)

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/math.h"
#include "gradus/ops/loss/compose.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kLossLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kLossLoops, c.in, 2, c.out[0]); }

void rule(RuleContext& c) {
  const Tensor x = c.input(0);
  if (c.needs(0)) c.set(0, zmul(c.grad(), sub(sigmoid(x), c.input(1))));
  if (c.needs(1)) c.set(1, zmul(c.grad(), neg(x)));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, -4, 4), s.values({3, 4}, 0, 1)});
  s.add({s.values({2, 23}, -4, 4), s.values({23}, 0, 1)}, {}, {.note = "a tail behind whole vectors"});
  s.add({s.values({}, -4, 4), s.values({}, 0, 1)}, {}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({6}, {0, 0, 800, -800, NAN, 800}), SampleSink::f64({6}, {0, 1, 1, 0, 1, 0.5})}, {},
        {.gradcheck = false, .note = "zeros, exp would overflow, NaN"});
  s.add_error({s.values({2, 3}), s.values({2, 4})},
              "binary_cross_entropy_with_logits: shapes do not broadcast: input [2, 3] f64, target [2, 4] "
              "f64: axis 1 from the end is 3 in one and 4 in another; sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 0})},
              "binary_cross_entropy_with_logits: dtypes differ: input [2] f64, target [2] i64; convert one "
              "with astype()");
}

constexpr const char* kInputs[] = {"input", "target"};
constexpr SaveMask kSaves[] = {in(0) | in(1), in(0)};

}  // namespace

extern constinit const OpDef op_binary_cross_entropy_with_logits = {
    .name = "binary_cross_entropy_with_logits",
    .doc = "(1 - t) log(1 + e^x) + t log(1 + e^-x) for each element",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = (1 - t) log(1 + e^x) + t log(1 + e^-x)",
};

Tensor binary_cross_entropy_with_logits(Operand input, Operand target, const BceWithLogitsOptions& options) {
  constexpr const char* kOp = "binary_cross_entropy_with_logits";
  const At at{input.where};
  const Tensor x = held(input), t = held(target);
  require_same({"input", x}, {"target", t}, kOp, at.where);
  for (const auto& [name, factor] :
       {NamedTensor{"weight", options.weight}, {"pos_weight", options.pos_weight}}) {
    if (factor.defined()) require_broadcasts({"input", x}, {name, factor}, kOp, at.where);
  }
  Tensor losses;
  if (options.pos_weight.defined()) {
    const Tensor yes = mul(at(mul(at(t), at(options.pos_weight))), at(log_sigmoid(at(x))));
    const Tensor no = mul(at(sub(1, at(t))), at(log_sigmoid(at(neg(at(x))))));
    losses = neg(at(add(at(yes), at(no))));
  } else {
    losses = apply(op_binary_cross_entropy_with_logits, {at(x), at(t)});
  }
  if (options.weight.defined()) losses = mul(at(losses), at(options.weight));
  return reduced(losses, options.reduction, at);
}

}  // namespace gradus
#endif
