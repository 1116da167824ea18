// dot, mv, bmm: matmul of operands with exactly 1, 2 and 3 axes. Not more than that, so that a shape that
// would broadcast in matmul is an error.
#include "gradus/ops/matmul.h"
#include "gradus/ops/matmul/composite.h"

namespace gradus {
namespace {

void require_equal(const Operand& a, int axis_a, const Operand& b, int axis_b, const char* op,
                   const char* name_b, const char* what) {
  const std::int64_t na = a.impl->dims()[axis_a], nb = b.impl->dims()[axis_b];
  if (na != nb) {
    throw_error<ShapeError>(a.where, op, "{} differ: a {}, {} {}: {} and {}", what, describe(*a.impl), name_b,
                            describe(*b.impl), na, nb);
  }
}

}  // namespace

Tensor dot(Operand a, Operand b) {
  require_rank(a, 1, "dot", "a", "takes vectors");
  require_rank(b, 1, "dot", "b", "takes vectors");
  require_numbers(a, b, "dot", "a", "b");
  require_equal(a, 0, b, 0, "dot", "b", "sizes");
  return matmul(a, b);
}

Tensor mv(Operand a, Operand v) {
  require_rank(a, 2, "mv", "a", "takes a matrix and a vector");
  require_rank(v, 1, "mv", "v", "takes a matrix and a vector");
  require_numbers(a, v, "mv", "a", "v");
  require_equal(a, 1, v, 0, "mv", "v", "inner sizes");
  return matmul(a, v);
}

Tensor bmm(Operand a, Operand b) {
  require_rank(a, 3, "bmm", "a", "takes batches of matrices, three axes");
  require_rank(b, 3, "bmm", "b", "takes batches of matrices, three axes");
  require_numbers(a, b, "bmm", "a", "b");
  require_equal(a, 0, b, 0, "bmm", "b", "batch sizes");
  require_equal(a, 2, b, 1, "bmm", "b", "inner sizes");
  return matmul(a, b);
}

}  // namespace gradus
