// trace: the sum of a matrix's diagonal, which is every (columns + 1)-th of its elements in a row.
#include <algorithm>

#include "gradus/ops/matmul.h"
#include "gradus/ops/matmul/composite.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus {

Tensor trace(Operand input) {
  require_rank(input, 2, "trace", "input", "takes a matrix");
  const std::int64_t rows = input.impl->dims()[0], cols = input.impl->dims()[1];
  const std::int64_t n = std::min(rows, cols);
  const Tensor flat = reshape(input, {rows * cols});
  const std::int64_t end = n == 0 ? 0 : (n - 1) * (cols + 1) + 1;
  return sum(Operand(slice(Operand(flat, input.where), 0, 0, end, cols + 1), input.where));
}

}  // namespace gradus
