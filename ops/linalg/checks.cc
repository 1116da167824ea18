#include "gradus/ops/linalg/checks.h"

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/elementwise/conversion.h"

namespace gradus::linalg {

void require_matrix_operand(const Tensor& a, const char* op, Location where) {
  if (a.rank() < 2)
    throw_error<ShapeError>(where, op, "takes matrices, at least two axes: a {}", describe(a));
  if (!is_floating(a.dtype())) {
    throw_error<DtypeError>(
        where, op, "takes floating-point numbers: a {}; convert it with astype(x, DType::f32)", describe(a));
  }
}

void require_square_operand(const Tensor& a, const char* op, Location where) {
  require_matrix_operand(a, op, where);
  if (a.size(-2) != a.size(-1))
    throw_error<ShapeError>(where, op, "takes square matrices: a {}", describe(a));
}

std::vector<double> numbers_of(const Tensor& t) { return astype(t.detach(), DType::f64).to_vector<double>(); }

}  // namespace gradus::linalg
