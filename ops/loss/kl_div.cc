// kl_div: t (log t - x) for log-probabilities x and probabilities t, 0 log 0 = 0; e^t (t - x) where the
// target is a logarithm too. Put together from ops that bring its derivatives.
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/math.h"
#include "gradus/ops/loss/compose.h"

namespace gradus {

Tensor kl_div(Operand input, Operand target, Reduction reduction, bool log_target) {
  const At at{input.where};
  const Tensor x = held(input), t = held(target);
  require_same({"input", x}, {"target", t}, "kl_div", at.where);
  if (log_target) return reduced(mul(at(exp(at(t))), at(sub(at(t), at(x)))), reduction, at);
  const Tensor zero = eq(at(t), 0);
  const Tensor entropy = where(at(zero), 0, at(mul(at(t), at(log(at(t))))));
  return reduced(sub(at(entropy), at(mul(at(t), at(x)))), reduction, at);
}

}  // namespace gradus
