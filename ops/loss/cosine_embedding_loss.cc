// cosine_embedding_loss: 1 - cos for a pair that belongs together (target 1), max(0, cos - margin) for one
// that does not (target -1), with cos = x1 x2 / sqrt((|x1|^2 + e) (|x2|^2 + e)), e = 1e-12, which has
// derivatives at 0 too. Put together from ops that bring them.
#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/loss/compose.h"
#include "gradus/ops/reduction.h"

namespace gradus {

Tensor cosine_embedding_loss(Operand input1, Operand input2, Operand target, double margin,
                             Reduction reduction) {
  constexpr const char* kOp = "cosine_embedding_loss";
  const At at{input1.where};
  const Tensor a = held(input1), b = held(input2), t = signs(target, a, kOp, at.where);
  require_same({"input1", a}, {"input2", b}, kOp, at.where);
  Shape rows = a.shape();
  if (rows.rank() > 0) rows.pop_back();
  if (a.rank() < 1 || a.rank() > 2 || t.shape() != rows) {
    throw_error<ShapeError>(
        at.where, kOp, "takes pairs of vectors [D] with a target [] or [N, D] with [N]: input1 {}, target {}",
        describe(a), describe(t));
  }
  const auto size = [&](const Tensor& x) { return add(at(sum(at(square(at(x))), -1)), 1e-12); };
  const Tensor product = sum(at(mul(at(a), at(b))), -1);
  const Tensor cosine = div(at(product), at(sqrt(at(mul(at(size(a)), at(size(b)))))));
  const Tensor together = sub(1, at(cosine)), apart = clamp(at(sub(at(cosine), margin)), 0);
  return reduced(where(at(gt(at(t), 0)), at(together), at(apart)), reduction, at);
}

}  // namespace gradus
