// l1_loss: |input - target|, put together from ops that bring its derivative: sign(input - target), 0 at 0.
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/loss/compose.h"

namespace gradus {

Tensor l1_loss(Operand input, Operand target, Reduction reduction) {
  const At at{input.where};
  const Tensor x = held(input), t = held(target);
  require_same({"input", x}, {"target", t}, "l1_loss", at.where);
  return reduced(abs(at(sub(at(x), at(t)))), reduction, at);
}

}  // namespace gradus
