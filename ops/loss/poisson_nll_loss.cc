// poisson_nll_loss: e^x - t x for x = log(rate), or x - t log(x + eps) for x = rate; `full` adds Stirling's
// approximation of log(t!) where t > 1: t log t - t + log(2 pi t) / 2. Put together from ops that bring its
// derivatives.
#include "gradus/base/format.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/math.h"
#include "gradus/ops/loss/compose.h"

namespace gradus {
namespace {

Tensor log_factorial(const Tensor& t, At at) {
  constexpr double kTwoPi = 6.283185307179586;
  const Tensor counts = gt(at(t), 1);
  const Tensor safe = where(at(counts), at(t), 1);
  const Tensor power = sub(at(mul(at(safe), at(log(at(safe))))), at(safe));
  const Tensor root = mul(at(log(at(mul(at(safe), kTwoPi)))), 0.5);
  return where(at(counts), at(add(at(power), at(root))), 0);
}

}  // namespace

Tensor poisson_nll_loss(Operand input, Operand target, const PoissonNllLossOptions& options) {
  const At at{input.where};
  const Tensor x = held(input), t = held(target);
  require_same({"input", x}, {"target", t}, "poisson_nll_loss", at.where);
  Tensor losses;
  if (options.log_input) {
    losses = sub(at(exp(at(x))), at(mul(at(t), at(x))));
  } else {
    losses = sub(at(x), at(mul(at(t), at(log(at(add(at(x), options.eps)))))));
  }
  if (options.full) losses = add(at(losses), at(log_factorial(t, at)));
  return reduced(losses, options.reduction, at);
}

}  // namespace gradus
