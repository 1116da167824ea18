// soft_margin_loss: log(1 + e^(-t x)) as -log_sigmoid(t x), which does not overflow.
#include "gradus/ops/activation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/loss/compose.h"

namespace gradus {

Tensor soft_margin_loss(Operand input, Operand target, Reduction reduction) {
  constexpr const char* kOp = "soft_margin_loss";
  const At at{input.where};
  const Tensor x = held(input), t = signs(target, x, kOp, at.where);
  require_same({"input", x}, {"target", t}, kOp, at.where);
  return reduced(neg(at(log_sigmoid(at(mul(at(t), at(x)))))), reduction, at);
}

}  // namespace gradus
