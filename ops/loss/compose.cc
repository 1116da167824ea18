#include "gradus/ops/loss/compose.h"

#include "gradus/graph/describe.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/conversion.h"
#include "gradus/ops/elementwise/logical.h"
#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/reduction.h"

namespace gradus {

void require_same(NamedTensor a, NamedTensor b, const char* op, Location where) {
  if (!is_floating(a.tensor.dtype())) {
    throw_error<DtypeError>(where, op,
                            "takes floating-point numbers: {} {}; convert it with astype(x, DType::f32)",
                            a.name, describe(a.tensor));
  }
  if (a.tensor.shape() != b.tensor.shape()) {
    throw_error<ShapeError>(
        where, op,
        "shapes differ: {} {}, {} {}; a loss does not broadcast: reshape() or expand() one of them", a.name,
        describe(a.tensor), b.name, describe(b.tensor));
  }
  if (a.tensor.dtype() != b.tensor.dtype()) {
    throw_error<DtypeError>(where, op, "dtypes differ: {} {}, {} {}; convert one with astype()", a.name,
                            describe(a.tensor), b.name, describe(b.tensor));
  }
}

void require_broadcasts(NamedTensor a, NamedTensor weight, const char* op, Location where) {
  const Shape to = a.tensor.shape(), from = weight.tensor.shape();
  bool fits = from.rank() <= to.rank();
  for (int k = 1; fits && k <= from.rank(); ++k) {
    const std::int64_t size = from[from.rank() - k];
    fits = size == 1 || size == to[to.rank() - k];
  }
  if (!fits) {
    throw_error<ShapeError>(where, op, "{} does not broadcast to {}: {} {}, {} {}", weight.name, a.name,
                            a.name, describe(a.tensor), weight.name, describe(weight.tensor));
  }
  if (a.tensor.dtype() != weight.tensor.dtype()) {
    throw_error<DtypeError>(where, op, "dtypes differ: {} {}, {} {}; convert one with astype()", a.name,
                            describe(a.tensor), weight.name, describe(weight.tensor));
  }
}

void require_all(const Tensor& ok, NamedTensor t, const char* what, const char* op, Location where) {
  if (all(ok).item<bool>()) return;
  const std::vector<std::uint8_t> right = ok.to_vector<std::uint8_t>();
  std::size_t i = 0;
  while (right[i] != 0) ++i;
  const double value = astype(t.tensor.detach(), DType::f64).to_vector<double>()[i];
  throw_error<ValueError>(where, op, "{} at {} of {} {}", value,
                          format_place(t.tensor.view(), static_cast<std::int64_t>(i)), t.name, what);
}

Tensor signs(const Operand& target, const Tensor& input, const char* op, Location where) {
  Tensor t = held(target);
  if (!is_floating(t.dtype()) && is_floating(input.dtype())) t = astype(Operand(t, where), input.dtype());
  const NoGrad guard;
  require_all(logical_or(eq(t, 1), eq(t, -1)), {"target", t}, "is neither 1 nor -1", op, where);
  return t;
}

Tensor reduced(const Tensor& losses, Reduction reduction, At at) {
  switch (reduction) {
    case Reduction::none:
      return losses;
    case Reduction::sum:
      return sum(at(losses));
    case Reduction::mean:
      break;
  }
  return mean(at(losses));
}

Tensor euclidean_norm(const Tensor& x, std::int64_t dim, bool keepdim, At at) {
  const Tensor squared = sum(at(square(at(x))), dim, keepdim);
  const Tensor zero = eq(at(squared), 0);
  const Tensor safe = where(at(zero), 1, at(squared));
  return where(at(zero), 0, at(sqrt(at(safe))));
}

}  // namespace gradus
