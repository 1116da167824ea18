// tensordot: sums of products over chosen axes, as one product of matrices: the chosen axes last in a, first
// in b.
#include "gradus/ops/matmul.h"
#include "gradus/ops/matmul/composite.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

// dims as axes of x, none twice.
Dims positive(const Operand& x, const Dims& dims, const char* name, Location where) {
  const int rank = x.impl->rank;
  Dims out;
  unsigned seen = 0;
  for (const std::int64_t d : dims) {
    if (d < -rank || d >= rank) {
      throw_error<ShapeError>(where, "tensordot", "axis {} is out of range: {} {} has {} axes", d, name,
                              describe(*x.impl), rank);
    }
    const std::int64_t axis = d < 0 ? d + rank : d;
    if ((seen >> axis & 1) != 0) {
      throw_error<ShapeError>(where, "tensordot", "axis {} of {} {} is named twice; name each axis once",
                              axis, name, describe(*x.impl));
    }
    seen |= 1u << axis;
    out.push_back(axis);
  }
  return out;
}

}  // namespace

Tensor tensordot(Operand a, Operand b, const Dims& dims_a, const Dims& dims_b) {
  const Tensor x = tensor_of(a), y = tensor_of(b);
  const Location where = a.where;
  require_numbers(a, b, "tensordot", "a", "b");
  if (dims_a.size() != dims_b.size()) {
    throw_error<ShapeError>(where, "tensordot", "{} axes of a {} go with {} axes of b {}; name pairs",
                            dims_a.size(), describe(x), dims_b.size(), describe(y));
  }
  const Dims sum_a = positive(a, dims_a, "a", where), sum_b = positive(b, dims_b, "b", where);
  Dims order_a, order_b = sum_b;
  std::int64_t rows = 1, inner = 1, cols = 1;
  Shape shape;
  const auto is_in = [](const Dims& dims, int axis) {
    for (const std::int64_t d : dims) {
      if (d == axis) return true;
    }
    return false;
  };
  if (x.rank() + y.rank() - 2 * sum_a.size() > kMaxRank) {
    throw_error<ShapeError>(where, "tensordot",
                            "the result of a {}, b {} would have {} axes, at most {} are possible",
                            describe(x), describe(y), x.rank() + y.rank() - 2 * sum_a.size(), kMaxRank);
  }
  for (int k = 0; k < x.rank(); ++k) {
    if (is_in(sum_a, k)) continue;
    order_a.push_back(k);
    shape.push_back(x.shape()[k]);
    rows *= x.shape()[k];
  }
  for (int i = 0; i < sum_a.size(); ++i) {
    const int ia = static_cast<int>(sum_a[i]), ib = static_cast<int>(sum_b[i]);
    if (x.shape()[ia] != y.shape()[ib]) {
      throw_error<ShapeError>(where, "tensordot",
                              "sizes differ: axis {} of a {} has {}, axis {} of b {} has {}", ia, describe(x),
                              x.shape()[ia], ib, describe(y), y.shape()[ib]);
    }
    order_a.push_back(ia);
    inner *= x.shape()[ia];
  }
  for (int k = 0; k < y.rank(); ++k) {
    if (is_in(sum_b, k)) continue;
    order_b.push_back(k);
    shape.push_back(y.shape()[k]);
    cols *= y.shape()[k];
  }
  const auto at = [&](const Tensor& t) { return Operand(t, where); };
  const Tensor left = reshape(at(permute(a, order_a)), {rows, inner});
  const Tensor right = reshape(at(permute(Operand(y, where), order_b)), {inner, cols});
  return reshape(at(matmul(at(left), at(right))), shape);
}

Tensor tensordot(Operand a, Operand b, int dims) {
  const int rank_a = tensor_of(a).rank(), rank_b = tensor_of(b).rank();
  if (dims < 0 || dims > rank_a || dims > rank_b) {
    throw_error<ShapeError>(a.where, "tensordot", "{} axes cannot be summed over: a {}, b {}", dims,
                            describe(*a.impl), describe(*b.impl));
  }
  Dims last, first;
  for (int i = 0; i < dims; ++i) {
    last.push_back(rank_a - dims + i);
    first.push_back(i);
  }
  return tensordot(a, b, last, first);
}

}  // namespace gradus
