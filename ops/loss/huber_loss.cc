// huber_loss: d^2 / 2 for |d| <= delta, else delta (|d| - delta / 2), with d = input - target. P. Huber,
// "Robust Estimation of a Location Parameter" (1964). smooth_l1_loss: the same divided by delta = beta; beta
// = 0 is l1_loss. With c = d held within [-delta, delta] both branches are c (d - c / 2), and the derivative
// is c.
#include "gradus/base/format.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/loss/compose.h"

namespace gradus {
namespace {

Tensor huber(const Tensor& x, const Tensor& t, double delta, At at) {
  const Tensor d = sub(at(x), at(t));
  const Tensor c = clamp(at(d), -delta, delta);
  return mul(at(c), at(sub(at(d), at(mul(at(c), 0.5)))));
}

}  // namespace

Tensor huber_loss(Operand input, Operand target, Reduction reduction, double delta) {
  const At at{input.where};
  const Tensor x = held(input), t = held(target);
  require_same({"input", x}, {"target", t}, "huber_loss", at.where);
  if (!(delta > 0)) throw_error<ValueError>(at.where, "huber_loss", "delta is {}; it must be above 0", delta);
  return reduced(huber(x, t, delta, at), reduction, at);
}

Tensor smooth_l1_loss(Operand input, Operand target, Reduction reduction, double beta) {
  const At at{input.where};
  const Tensor x = held(input), t = held(target);
  require_same({"input", x}, {"target", t}, "smooth_l1_loss", at.where);
  if (!(beta >= 0)) {
    throw_error<ValueError>(at.where, "smooth_l1_loss", "beta is {}; it must not be negative", beta);
  }
  if (beta == 0) return l1_loss(at(x), at(t), reduction);
  return reduced(mul(at(huber(x, t, beta, at)), 1 / beta), reduction, at);
}

}  // namespace gradus
