// quantile: the element at q (n - 1) of the sorted ones, interpolated linearly between two of them. Made of
// sort, select and arithmetic, so the derivative goes to the one or two elements that it was taken from. The
// place is worked out in f64 (PyTorch: in the input's dtype), and where it is a whole number there is no
// interpolation, so an infinite neighbour does not make it NaN.
#include <cmath>
#include <vector>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/join.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/sort.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

// The sorted elements, and the axis along which they are.
struct Sorted {
  Tensor values;
  int axis;
  Shape shape;  // of one quantile
};

Sorted sorted(const Operand& input, std::optional<std::int64_t> dim, bool keepdim) {
  if (!is_floating(input.dtype())) {
    throw_error<DtypeError>(input.where, "quantile",
                            "takes floating-point numbers: input {}; convert it with astype(x, DType::f32)",
                            describe(*input.impl));
  }
  const Tensor x = Tensor::share(input.impl);
  const int rank = x.rank();
  if (dim && (*dim < -rank || *dim >= rank)) {
    throw_error<ShapeError>(input.where, "quantile", "axis {} is out of range: input {} has {} axes", *dim,
                            describe(x), rank);
  }
  Sorted s;
  s.axis = !dim ? 0 : static_cast<int>(*dim < 0 ? *dim + rank : *dim);
  for (int k = 0; k < rank; ++k) {
    const bool gone = !dim || k == s.axis;
    if (!gone || keepdim) s.shape.push_back(gone ? 1 : x.shape()[k]);
  }
  if (dim ? x.shape()[s.axis] == 0 : x.numel() == 0) {
    throw_error<ShapeError>(input.where, "quantile", "nothing to choose from: input {}", describe(x));
  }
  const Tensor row = dim ? x : reshape(Operand(x, input.where), {x.numel()});
  s.values = sort(Operand(row, input.where), s.axis).values;
  return s;
}

Tensor quantile_of(const Sorted& s, double q, Location where) {
  if (!(q >= 0 && q <= 1)) {
    throw_error<ValueError>(where, "quantile", "q = {} is outside of [0, 1]", q);
  }
  const auto at = [&](const Tensor& t) { return Operand(t, where); };
  const std::int64_t n = s.values.shape()[s.axis];
  const double place = q * static_cast<double>(n - 1);
  const auto below = static_cast<std::int64_t>(place);
  const double weight = place - static_cast<double>(below);
  Tensor y = select(at(s.values), s.axis, below);
  if (weight > 0) {
    const Tensor above = select(at(s.values), s.axis, below + 1);
    const Tensor gap = sub(at(above), at(y));
    // From the nearer end, so that both ends are met exactly.
    y = weight < 0.5 ? add(at(y), at(mul(at(gap), weight))) : sub(at(above), at(mul(at(gap), 1 - weight)));
  }
  // A NaN is the last of the sorted.
  const Tensor last = select(at(s.values), s.axis, n - 1);
  y = gradus::where(at(ne(at(last), at(last))), at(last), at(y));
  return reshape(at(y), s.shape);
}

}  // namespace

Tensor quantile(Operand input, double q, std::optional<std::int64_t> dim, bool keepdim) {
  return quantile_of(sorted(input, dim, keepdim), q, input.where);
}

Tensor quantile(Operand input, std::span<const double> q, std::optional<std::int64_t> dim, bool keepdim) {
  if (q.empty()) throw_error<ValueError>(input.where, "quantile", "the list of q is empty");
  const Sorted s = sorted(input, dim, keepdim);
  std::vector<Tensor> each;
  for (const double one : q) each.push_back(quantile_of(s, one, input.where));
  return stack(each, 0, input.where);
}

}  // namespace gradus
