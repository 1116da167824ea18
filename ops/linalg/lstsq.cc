// lstsq: least squares by QR. m >= n: x = r^-1 q^T b of a = q r. m < n: of all solutions the one in the span
// of a's rows, x = q r^-T b of a^T = q r (G. H. Golub, C. F. Van Loan, "Matrix Computations", 4th edition,
// sections 5.3.2 and 5.6.2).
#include <algorithm>
#include <cmath>
#include <limits>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/linalg/checks.h"
#include "gradus/ops/linalg/linalg.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus::linalg {
namespace {

constexpr const char* kName = "linalg_lstsq";

// Errors: ValueError where an element of r's diagonal is 0 but for rounding.
void require_full_rank(const Tensor& a, const Tensor& r, Location where) {
  const std::int64_t k = r.shape()[r.rank() - 1];
  if (r.numel() == 0) return;
  const auto d = numbers_of(diagonal(r.detach(), 0, -2, -1));
  const double epsilon = r.dtype() != DType::f64 ? std::numeric_limits<float>::epsilon()
                                                 : std::numeric_limits<double>::epsilon();
  const auto most_rows = static_cast<double>(std::max(a.size(-2), a.size(-1)));
  for (std::size_t first = 0; first < d.size(); first += static_cast<std::size_t>(k)) {
    double most = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(k); ++i)
      most = std::max(most, std::abs(d[first + i]));
    for (std::size_t i = 0; i < static_cast<std::size_t>(k); ++i) {
      if (std::abs(d[first + i]) > epsilon * most_rows * most || std::isnan(d[first + i])) continue;
      throw_error<ValueError>(
          where, kName,
          "the rank of a {} is not full: element {} of the diagonal of its factor r is {} in "
          "matrix {} of the batch; take matmul(pinv(a), b)",
          describe(a), i, d[first + i], first / static_cast<std::size_t>(k));
    }
  }
}

}  // namespace

Lstsq lstsq(Operand a, Operand b) {
  const Tensor x = held(a), y = held(b);
  const At at{a.where};
  for (const auto& [t, name] : {std::pair(&x, "a"), std::pair(&y, "b")}) {
    if (t->rank() >= 2) continue;
    throw_error<ShapeError>(a.where, kName, "takes matrices, at least two axes: {} {}", name, describe(*t));
  }
  const std::int64_t m = x.size(-2), n = x.size(-1);
  if (y.size(-2) != m) {
    throw_error<ShapeError>(a.where, kName, "sizes differ: a {} has {} rows, b {} has {} rows", describe(x),
                            m, describe(y), y.size(-2));
  }
  if (m >= n) {
    const Qr parts = qr(at(x));
    require_full_rank(x, parts.r, a.where);
    const Tensor right = matmul(at(parts.q), at(y), {.trans_a = true});
    const Tensor solution = solve_triangular(at(parts.r), at(right), true);
    if (m == n) return {solution, zeros({0}, x.dtype())};
    const Tensor apart = sub(at(matmul(at(x), at(solution))), at(y));
    return {solution, sum(at(square(at(apart))), -2)};
  }
  const Qr parts = qr(at(transpose(at(x), -2, -1)));
  require_full_rank(x, parts.r, a.where);
  const Tensor inner = apply_solve_triangular(parts.r, y, {.upper = true, .transpose = true});
  return {matmul(at(parts.q), at(inner)), zeros({0}, x.dtype())};
}

}  // namespace gradus::linalg
