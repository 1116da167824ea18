// count_nonzero: how many elements are not 0; a sum of comparisons.
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/reduction.h"

namespace gradus {

Tensor count_nonzero(Operand input, const Dims& dims) {
  if (input.dtype() == DType::boolean) return sum(input, dims);
  return sum(Operand(ne(input, 0), input.where), dims);
}

}  // namespace gradus
