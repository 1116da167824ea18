// log_softmax_backward: dx = g - exp(y) sum(g) along `dim`: the derivative of log_softmax from its result y.
// Derivatives, with the cotangent c: for g c - sum(c exp(y)); for y -c exp(y) sum(g).
#include "gradus/ops/activation/softmax.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/math.h"
#include "gradus/ops/reduction.h"

namespace gradus {
namespace {

void kernel(KernelContext& c) { softmax_backward_kernel(c, /*log=*/true); }

void rule(RuleContext& c) {
  const std::int64_t dim = c.attrs<SoftmaxAttrs>().dim;
  const Tensor weighted = mul(c.grad(), exp(c.input(1)));
  if (c.needs(0)) c.set(0, sub(c.grad(), sum(weighted, dim, true)));
  if (c.needs(1)) c.set(1, neg(mul(weighted, sum(c.input(0), dim, true))));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4})}, SoftmaxAttrs{1});
  s.add({s.values({3, 4}), s.values({3, 4})}, SoftmaxAttrs{0});
  s.add({s.values({2, 3, 19}), s.values({2, 3, 19})}, SoftmaxAttrs{-1},
        {.note = "a tail behind whole vectors"});
  s.add({s.values({2, 3, 5}), s.values({2, 3, 5})}, SoftmaxAttrs{1}, {.note = "an axis in the middle"});
  s.add({s.values({3, 1}), s.values({3, 1})}, SoftmaxAttrs{1}, {.note = "size 1"});
  s.add({s.values({0, 3}), s.values({0, 3})}, SoftmaxAttrs{1}, {.note = "no rows"});
  s.add_error(
      {s.values({2, 3}), s.values({2, 4})}, SoftmaxAttrs{1},
      "log_softmax_backward: the cotangent has another shape than the result: g [2, 3] f64, y [2, 4] f64");
}

constexpr const char* kInputs[] = {"g", "y"};
constexpr SaveMask kSaves[] = {in(1), in(0) | in(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(SoftmaxAttrs, dim, nullptr)};

}  // namespace

extern constinit const OpDef op_log_softmax_backward = {
    .name = "log_softmax_backward",
    .doc = "the gradient of log_softmax from its result y and the cotangent g",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer_softmax_backward,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "dx = g - exp(y) sum(g)",
};

Tensor log_softmax_backward(Operand g, Operand y, std::int64_t dim) {
  return apply(op_log_softmax_backward, {g, y}, SoftmaxAttrs{dim});
}

}  // namespace gradus
