// softmax_backward: dx = y (g - sum(g y)) along `dim`: the derivative of softmax from its result y.
// Derivatives, with the cotangent c: for g the same function of c; for y
// c (g - sum(g y)) - g sum(c y).
#include "gradus/ops/activation/softmax.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/reduction.h"

namespace gradus {
namespace {

void kernel(KernelContext& c) { softmax_backward_kernel(c, /*log=*/false); }

void rule(RuleContext& c) {
  const std::int64_t dim = c.attrs<SoftmaxAttrs>().dim;
  const Tensor y = c.input(1);
  const Tensor cotangent = c.grad();
  if (c.needs(0)) c.set(0, softmax_backward(cotangent, y, dim));
  if (c.needs(1)) {
    const Tensor g = c.input(0);
    const Tensor centered = sub(g, sum(mul(g, y), dim, true));
    c.set(1, sub(mul(cotangent, centered), mul(g, sum(mul(cotangent, y), dim, true))));
  }
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
      "softmax_backward: the cotangent has another shape than the result: g [2, 3] f64, y [2, 4] f64");
}

constexpr const char* kInputs[] = {"g", "y"};
constexpr SaveMask kSaves[] = {in(1), in(0) | in(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(SoftmaxAttrs, dim, nullptr)};

}  // namespace

extern constinit const OpDef op_softmax_backward = {
    .name = "softmax_backward",
    .doc = "the gradient of softmax from its result y and the cotangent g",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer_softmax_backward,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "dx = y (g - sum(g y))",
};

Tensor softmax_backward(Operand g, Operand y, std::int64_t dim) {
  return apply(op_softmax_backward, {g, y}, SoftmaxAttrs{dim});
}

}  // namespace gradus
