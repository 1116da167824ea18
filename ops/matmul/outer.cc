// outer: the products of every element of a with every element of b.
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/matmul/composite.h"
#include "gradus/ops/view.h"

namespace gradus {

Tensor outer(Operand a, Operand b) {
  require_rank(a, 1, "outer", "a", "takes vectors");
  require_rank(b, 1, "outer", "b", "takes vectors");
  require_numbers(a, b, "outer", "a", "b");
  return mul(Operand(unsqueeze(a, 1), a.where), b);
}

}  // namespace gradus
