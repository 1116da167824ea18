// kron: each element of a times the whole of b: y[i nb + j] = a[i] b[j] along every axis. With an axis of
// size 1 behind each of a's and before each of b's it is one broadcast product.
#include <algorithm>

#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/matmul/composite.h"
#include "gradus/ops/view.h"

namespace gradus {

Tensor kron(Operand a, Operand b) {
  const Tensor x = tensor_of(a), y = tensor_of(b);
  require_numbers(a, b, "kron", "a", "b");
  const int rank = std::max(x.rank(), y.rank());
  if (2 * rank > kMaxRank) {
    throw_error<ShapeError>(a.where, "kron", "takes at most {} axes: a {}, b {}", kMaxRank / 2, describe(x),
                            describe(y));
  }
  Shape of_a, of_b, shape;
  for (int k = 0; k < rank; ++k) {
    const int ka = k - (rank - x.rank()), kb = k - (rank - y.rank());
    const std::int64_t na = ka < 0 ? 1 : x.shape()[ka], nb = kb < 0 ? 1 : y.shape()[kb];
    of_a.push_back(na);
    of_a.push_back(1);
    of_b.push_back(1);
    of_b.push_back(nb);
    shape.push_back(na * nb);
  }
  const auto at = [&](const Tensor& t) { return Operand(t, a.where); };
  return reshape(at(mul(at(reshape(a, of_a)), at(reshape(Operand(y, a.where), of_b)))), shape);
}

}  // namespace gradus
