// hinge_embedding_loss: the distance x itself for a pair that belongs together (target 1), max(0, margin - x)
// for one that does not (target -1). Put together from ops that bring its derivative.
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/loss/compose.h"

namespace gradus {

Tensor hinge_embedding_loss(Operand input, Operand target, double margin, Reduction reduction) {
  constexpr const char* kOp = "hinge_embedding_loss";
  const At at{input.where};
  const Tensor x = held(input), t = signs(target, x, kOp, at.where);
  require_same({"input", x}, {"target", t}, kOp, at.where);
  const Tensor apart = clamp(at(sub(margin, at(x))), 0);
  return reduced(where(at(gt(at(t), 0)), at(x), at(apart)), reduction, at);
}

}  // namespace gradus
