// matrix_exp: a is scaled by 2^-s until its norm is small, a Pade approximant of degree 7 or 13 gives the
// exponential, and s squarings undo the scaling: N. J. Higham, "The scaling and squaring method for the
// matrix exponential revisited", SIAM J. Matrix Anal. Appl. 26 (2005), tables 2.1 and 2.3. Each matrix of a
// batch has its own s: squaring oftener than needed loses digits. Made of differentiable ops; the gradient is
// that of the approximant, which agrees with the exponential to the dtype's precision in a neighbourhood.
#include <algorithm>
#include <cmath>
#include <vector>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/conversion.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/linalg/checks.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus::linalg {
namespace {

// The largest norms for which an approximant is exact to f32 and to f64.
constexpr double kTheta7F32 = 3.925724783138660, kTheta7F64 = 0.9504178996162932,
                 kTheta13 = 5.371920351148152;
constexpr double kPade7[] = {17297280, 8648640, 1995840, 277200, 25200, 1512, 56, 1};
constexpr double kPade13[] = {64764752532480000,
                              32382376266240000,
                              7771770303897600,
                              1187353796428800,
                              129060195264000,
                              10559470521600,
                              670442572800,
                              33522128640,
                              1323241920,
                              40840800,
                              960960,
                              16380,
                              182,
                              1};

// Numerator and denominator are V + U and V - U, both divided by the first coefficient, which f32 would hold
// less well.
Tensor approximant(const Tensor& a, bool degree13, const At& at) {
  const double* b = degree13 ? kPade13 : kPade7;
  const auto term = [&](int k, const Tensor& x) { return mul(at(x), b[k] / b[0]); };
  const Tensor one = eye(a.size(-1), {.dtype = a.dtype()});
  const Tensor a2 = matmul(at(a), at(a)), a4 = matmul(at(a2), at(a2)), a6 = matmul(at(a4), at(a2));
  // x[k] of the even powers, from the coefficients k, k + 2, ...
  const auto sum_of = [&](int k, const Tensor& first) {
    Tensor sum = add(at(term(k, first)), at(term(k + 2, a2)));
    sum = add(at(sum), at(term(k + 4, a4)));
    return add(at(sum), at(term(k + 6, a6)));
  };
  Tensor v = sum_of(0, one), u = sum_of(1, one);
  if (degree13) {
    const auto high = [&](int k) {
      const Tensor low = add(at(term(k, a2)), at(term(k + 2, a4)));
      return matmul(at(a6), at(add(at(low), at(term(k + 4, a6)))));
    };
    v = add(at(v), at(high(8)));
    u = add(at(u), at(high(9)));
  }
  u = matmul(at(a), at(u));
  return solve(at(sub(at(v), at(u))), at(add(at(v), at(u))));
}

}  // namespace

Tensor matrix_exp(Operand operand) {
  const Tensor a = held(operand);
  const At at{operand.where};
  constexpr const char* kName = "linalg_matrix_exp";
  require_square_operand(a, kName, operand.where);
  // The coefficients of the approximant span more than a half does.
  if (is_half(a.dtype())) return astype(at(matrix_exp(at(astype(at(a), DType::f32)))), a.dtype());
  if (a.numel() == 0) return clone(at(a));
  if (is_half(a.dtype())) {
    // Its squarings would each round.
    const Tensor wide = matrix_exp(at(astype(at(a), DType::f32)));
    return astype(at(wide), a.dtype());
  }
  const Tensor norms = amax(sum(abs(a.detach()), -2), -1);
  const auto norm = numbers_of(norms);
  double most = 0;
  for (const double x : norm) {
    if (!std::isfinite(x)) {
      throw_error<ValueError>(operand.where, kName, "an element or a sum of a column is not finite: a {}",
                              describe(a));
    }
    most = std::max(most, x);
  }
  const bool f32 = a.dtype() == DType::f32;
  const bool degree13 = !f32 && most > kTheta7F64;
  const double theta = f32 ? kTheta7F32 : degree13 ? kTheta13 : kTheta7F64;
  if (most <= theta) return approximant(a, degree13, at);
  std::vector<double> factors(norm.size()), squarings(norm.size());
  double rounds = 0;
  for (std::size_t i = 0; i < norm.size(); ++i) {
    squarings[i] = norm[i] <= theta ? 0 : std::ceil(std::log2(norm[i] / theta));
    factors[i] = std::exp2(-squarings[i]);
    rounds = std::max(rounds, squarings[i]);
  }
  Shape each = norms.shape();
  each.push_back(1);
  each.push_back(1);
  const auto column = [&](const std::vector<double>& v) {
    Tensor t = empty(each, DType::f64), result = empty(each, a.dtype());
    std::copy(v.begin(), v.end(), t.mutable_span<double>().begin());
    result.copy_(t);
    return result;
  };
  const Tensor count = column(squarings);
  Tensor x = approximant(mul(at(a), at(column(factors))), degree13, at);
  for (double k = 0; k < rounds; ++k) {
    const Tensor squared = matmul(at(x), at(x));
    x = norm.size() == 1 ? squared : where(at(gt(count, k)), at(squared), at(x));
  }
  return x;
}

}  // namespace gradus::linalg
