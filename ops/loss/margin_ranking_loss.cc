// margin_ranking_loss: max(0, margin - t (x1 - x2)): target 1 wants x1 above x2, -1 below. Put together from
// ops that bring its derivative.
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/loss/compose.h"

namespace gradus {

Tensor margin_ranking_loss(Operand input1, Operand input2, Operand target, double margin,
                           Reduction reduction) {
  constexpr const char* kOp = "margin_ranking_loss";
  const At at{input1.where};
  const Tensor a = held(input1), b = held(input2), t = signs(target, a, kOp, at.where);
  require_same({"input1", a}, {"input2", b}, kOp, at.where);
  require_same({"input1", a}, {"target", t}, kOp, at.where);
  const Tensor gap = mul(at(t), at(sub(at(a), at(b))));
  return reduced(clamp(at(sub(margin, at(gap))), 0), reduction, at);
}

}  // namespace gradus
