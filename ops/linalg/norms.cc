// vector_norm, matrix_norm, cond: norms by norm(), sums and singular values.
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/linalg/checks.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus::linalg {
namespace {

constexpr const char* kMatrixNorm = "linalg_matrix_norm";

// The axes of rows and columns, not negative. Errors: ShapeError.
Dims matrix_axes(const Tensor& a, const Dims& dims, Location where) {
  require_matrix_operand(a, kMatrixNorm, where);
  if (dims.size() != 2) {
    throw_error<ShapeError>(where, kMatrixNorm, "takes two axes, those of rows and columns, not {}",
                            dims.size());
  }
  Dims axes = dims;
  for (int i = 0; i < 2; ++i) {
    require_axis(a, axes[i], "a", kMatrixNorm, where);
    if (axes[i] < 0) axes[i] += a.rank();
  }
  if (axes[0] == axes[1]) {
    throw_error<ShapeError>(where, kMatrixNorm, "axis {} is named twice: a {}", axes[0], describe(a));
  }
  return axes;
}

// A norm without the axes `dims`, or with them as size 1.
Tensor with_axes(const Tensor& norm, const Dims& dims, bool keepdim, const At& at) {
  if (!keepdim) return norm;
  const std::int64_t first = std::min(dims[0], dims[1]), second = std::max(dims[0], dims[1]);
  return unsqueeze(at(unsqueeze(at(norm), first)), second);
}

// Infinite for what is singular.
template <class Norm>
Tensor condition_by(Operand operand, Norm norm_of) {
  const Tensor a = held(operand);
  const At at{operand.where};
  require_square_operand(a, "linalg_cond", operand.where);
  if (a.size(-1) == 0) {
    Shape batch = a.shape();
    batch.pop_back();
    batch.pop_back();
    return zeros(batch, a.dtype());
  }
  const Tensor singular = eq(slogdet(a.detach()).sign, 0);
  const Tensor unit = eye(a.size(-1), {.dtype = a.dtype()});
  // The unit matrix stands in for a singular one.
  const Tensor safe = where(at(unsqueeze(unsqueeze(singular, -1), -1)), at(unit), at(a));
  const Tensor product = mul(at(norm_of(at(safe))), at(norm_of(at(inv(at(safe))))));
  return where(at(singular), Scalar(HUGE_VAL), at(product));
}

}  // namespace

Tensor vector_norm(Operand x, double ord, const Dims& dims, bool keepdim) {
  return norm(x, ord, dims, keepdim);
}

Tensor matrix_norm(Operand operand, std::string_view ord, const Dims& dims, bool keepdim) {
  const Tensor a = held(operand);
  const At at{operand.where};
  const Dims axes = matrix_axes(a, dims, operand.where);
  if (ord == "fro") return norm(at(a), 2, axes, keepdim);
  if (ord != "nuc") {
    throw_error<ValueError>(operand.where, kMatrixNorm,
                            "ord is \"{}\"; it must be \"fro\", \"nuc\" or a number", ord);
  }
  const Tensor last = movedim(at(a), axes, {-2, -1});
  return with_axes(sum(at(svdvals(at(last))), -1), axes, keepdim, at);
}

Tensor matrix_norm(Operand operand, double ord, const Dims& dims, bool keepdim) {
  const Tensor a = held(operand);
  const At at{operand.where};
  const Dims axes = matrix_axes(a, dims, operand.where);
  const double size = std::abs(ord);
  if (size != 1 && size != 2 && !std::isinf(size)) {
    throw_error<ValueError>(operand.where, kMatrixNorm,
                            "ord is {}; it must be 1, 2, inf, or one of them negative", ord);
  }
  const Tensor last = movedim(at(a), axes, {-2, -1});
  const Tensor sizes = size == 2 ? svdvals(at(last)) : sum(at(abs(at(last))), size == 1 ? -2 : -1);
  return with_axes(ord > 0 ? amax(at(sizes), -1) : amin(at(sizes), -1), axes, keepdim, at);
}

Tensor cond(Operand operand, double p) {
  if (std::abs(p) != 2) return condition_by(operand, [p](const Operand& x) { return matrix_norm(x, p); });
  const At at{operand.where};
  const Tensor s = svdvals(operand);
  const std::int64_t k = s.size(-1);
  if (k == 0) {
    Shape batch = s.shape();
    batch.pop_back();
    return zeros(batch, s.dtype());
  }
  const Tensor most = select(at(s), -1, 0), least = select(at(s), -1, k - 1);
  if (p < 0) return div(at(least), at(most));
  return where(at(eq(least, 0)), Scalar(HUGE_VAL), at(div(at(most), at(least))));
}

Tensor cond(Operand operand, std::string_view p) {
  return condition_by(operand, [p](const Operand& x) { return matrix_norm(x, p); });
}

}  // namespace gradus::linalg
