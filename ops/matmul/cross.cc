// cross: y = a x b of vectors of size 3: y[i] = a[i+1] b[i+2] - a[i+2] b[i+1], places modulo 3.
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/matmul/composite.h"

namespace gradus {

Tensor cross(Operand a, Operand b, std::int64_t dim) {
  const Tensor x = tensor_of(a), y = tensor_of(b);
  require_numbers(a, b, "cross", "a", "b");
  const int rank = x.rank();
  if (rank != y.rank()) {
    throw_error<ShapeError>(a.where, "cross", "ranks differ: a {}, b {}; both need the same number of axes",
                            describe(x), describe(y));
  }
  if (dim < -rank || dim >= rank) {
    throw_error<ShapeError>(a.where, "cross", "axis {} is out of range: a {} has {} axes", dim, describe(x),
                            rank);
  }
  const auto axis = static_cast<int>(dim < 0 ? dim + rank : dim);
  for (int k = 0; k < rank; ++k) {
    const std::int64_t na = x.shape()[k], nb = y.shape()[k];
    if (k == axis && (na != 3 || nb != 3)) {
      throw_error<ShapeError>(a.where, "cross", "vectors have 3 elements along axis {}: a {}, b {}", axis,
                              describe(x), describe(y));
    }
    if (na != nb && na != 1 && nb != 1) {
      throw_error<ShapeError>(
          a.where, "cross",
          "shapes do not broadcast: a {}, b {}: axis {} is {} in one and {} in another; sizes "
          "must be equal or 1",
          describe(x), describe(y), k, na, nb);
    }
  }
  const Tensor next = tensor<std::int64_t>({1, 2, 0}), after = tensor<std::int64_t>({2, 0, 1});
  const auto at = [&](const Tensor& t) { return Operand(t, a.where); };
  const auto turned = [&](const Tensor& t, const Tensor& places) {
    return index_select(at(t), axis, at(places));
  };
  const Tensor left = mul(at(turned(x, next)), at(turned(y, after)));
  return sub(at(left), at(mul(at(turned(x, after)), at(turned(y, next)))));
}

}  // namespace gradus
