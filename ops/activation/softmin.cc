// softmin: softmax(-x).
#include "gradus/ops/activation.h"
#include "gradus/ops/elementwise/arithmetic.h"

namespace gradus {

Tensor softmin(Operand input, std::int64_t dim) {
  const Location where = input.where;
  return softmax(Operand(neg(input), where), dim);
}

}  // namespace gradus
