// matrix_power: a^n by repeated squaring, of the inverse for negative n.
#include "gradus/ops/compose.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/linalg/checks.h"
#include "gradus/ops/matmul.h"

namespace gradus::linalg {

Tensor matrix_power(Operand a, std::int64_t n) {
  const Tensor x = held(a);
  const At at{a.where};
  require_square_operand(x, "linalg_matrix_power", a.where);
  if (n == 0) {
    // A function of a all the same, with the gradient 0.
    return where(at(zeros({}, DType::boolean)), at(x), at(eye(x.size(-1), {.dtype = x.dtype()})));
  }
  Tensor square = n < 0 ? inv(at(x)) : x, result;
  // The magnitude of the smallest integer does not fit the type.
  for (std::uint64_t rest = n < 0 ? 0 - static_cast<std::uint64_t>(n) : static_cast<std::uint64_t>(n);;) {
    if ((rest & 1) != 0) result = result.defined() ? matmul(at(result), at(square)) : square;
    if ((rest >>= 1) == 0) return result;
    square = matmul(at(square), at(square));
  }
}

}  // namespace gradus::linalg
