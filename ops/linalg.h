// Linear algebra in the names of torch.linalg, by LAPACK. Matrices are in the last two axes, the axes in
// front are batches; f32 and f64. Everything is differentiable, to any order, where the result is a smooth
// function of the operands; what is not is said below and in docs/numerics.md. Errors of all: ShapeError for
// less than two axes or matrices that are not square where they must be, DtypeError; others as written. A
// ValueError names the matrix of the batch.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "gradus/graph/apply.h"
#include "gradus/graph/shape.h"

namespace gradus::linalg {

// The factor L of a = L L^T, lower triangular with a positive diagonal; with `upper` U = L^T of a = U^T U.
// a is symmetric. Errors: ValueError where it is not, or not positive definite: names the leading minor.
Tensor cholesky(Operand a, bool upper = false);

struct SolveTriangularOptions {
  bool left = true;            // a x = b; false: x a = b
  bool unitriangular = false;  // the diagonal of a is not read and counts as 1
};
// x of a x = b, where a is upper or lower triangular: its other half is not read. a [.., n, n],
// b [.., n, k] (left) or [.., k, n]; batches broadcast. Errors: ValueError for a zero on the diagonal.
Tensor solve_triangular(Operand a, Operand b, bool upper, SolveTriangularOptions options = {});

// x of a x = b from the Cholesky factor of a: `l` is lower triangular, or `upper`. Operands in the order of
// torch.cholesky_solve. Errors: as solve_triangular.
Tensor cholesky_solve(Operand b, Operand l, bool upper = false);

// x of a x = b, or where not `left` of x a = b. b is [.., n, k] (not left: [.., k, n]) or vectors [.., n]: b
// is vectors if it has one axis, or the shape of a without the last one. Batches broadcast. Errors:
// ValueError for a singular a, with the pivot that is 0.
Tensor solve(Operand a, Operand b, bool left = true);
// The inverse. Errors: ValueError for a singular a. To multiply by it solve() is quicker and more exact.
Tensor inv(Operand a);

// The determinant; of [0, 0] it is 1. The gradient of a singular a is right too.
Tensor det(Operand a);
struct Slogdet {
  Tensor sign;       // -1, 0 or 1, without gradient
  Tensor logabsdet;  // -inf for a singular a
};
// Sign and logarithm of the absolute value of the determinant, which itself may over- or underflow.
Slogdet slogdet(Operand a);

struct LuFactors {
  Tensor lu;      // L below the diagonal, U on and above it
  Tensor pivots;  // i32: row i was swapped with row pivots[i] - 1, for i = 0, 1, ...
};
// a = P L U by partial pivoting; L has ones on its diagonal. Square matrices only. Errors: ValueError for a
// singular a.
LuFactors lu_factor(Operand a);
struct LuSolveOptions {
  bool left = true;      // a x = b; false: x a = b
  bool adjoint = false;  // a^T in place of a
};
// x of a x = b from the factors of a. Errors: ValueError for a pivot out of range or a zero on U's diagonal.
Tensor lu_solve(Operand lu, Operand pivots, Operand b, LuSolveOptions options = {});

struct Qr {
  Tensor q, r;
};
// a [.., m, n] = q r with orthonormal columns in q and r upper triangular. With k = min(m, n) the mode
// "reduced" gives [m, k] and [k, n], "complete" [m, m] and [m, n], "r" an empty q. Signs are LAPACK's, as in
// PyTorch: r's diagonal may be negative. Differentiable where the first k columns are independent; "complete"
// for m <= n, "r" not. Errors: ValueError for another mode.
Qr qr(Operand a, std::string_view mode = "reduced");

struct Svd {
  Tensor u, s, vh;
};
// a [.., m, n] = u diag(s) vh with s in falling order: u [m, m], vh [n, n], or with k = min(m, n) columns and
// rows unless `full_matrices`. In each column of u the largest element in absolute value is positive. The
// gradient through u and vh is defined only where the singular values differ (and are not 0, if m != n), and
// not for the columns and rows beyond k. Errors: ValueError for elements that are not finite.
Svd svd(Operand a, bool full_matrices = true);
// The singular values alone, in falling order; the gradient is defined where they differ or for sums over
// equal ones.
Tensor svdvals(Operand a);

struct Eigh {
  Tensor eigenvalues, eigenvectors;
};
// a = v diag(w) v^T of a symmetric a, w in rising order; in each eigenvector, a column of v, the largest
// element in absolute value is positive. uplo "L" or "U": only that half of a is read and gets the gradient.
// Without it both halves are read, must be equal and share the gradient. The gradient through the vectors is
// defined only where the eigenvalues differ. Errors: ValueError for a that is not symmetric or not finite.
Eigh eigh(Operand a, std::string_view uplo = "");
// The eigenvalues alone.
Tensor eigvalsh(Operand a, std::string_view uplo = "");

struct ToleranceOptions {
  std::optional<double> atol = std::nullopt;  // default 0
  // relative to the largest singular value; default max(m, n) times the dtype's epsilon, 0 if atol is given
  std::optional<double> rtol = std::nullopt;
};
// The Moore-Penrose inverse [.., n, m]; singular values up to max(atol, rtol s[0]) count as 0. Differentiable
// where the rank does not change. Errors: ValueError for negative tolerances or elements that are not finite.
Tensor pinv(Operand a, ToleranceOptions options = {});
// How many singular values (i64) are larger than that.
Tensor matrix_rank(Operand a, ToleranceOptions options = {});

struct Lstsq {
  Tensor solution;   // [.., n, k]
  Tensor residuals;  // [.., k]: squared distances |a x - b|^2; [0] unless m > n
};
// The x of least |a x - b|, and of those the x of least |x|: a [.., m, n] of full rank, b [.., m, k]. By QR.
// Errors: ValueError where the rank is not full: use matmul(pinv(a), b).
Lstsq lstsq(Operand a, Operand b);

// a a .. a, n times; of the inverse for n < 0; the unit matrix for n = 0. Errors: ValueError for a singular a
// where n < 0.
Tensor matrix_power(Operand a, std::int64_t n);
// exp(a) = 1 + a + a a / 2 + ..: N. J. Higham, "The scaling and squaring method for the matrix exponential
// revisited", SIAM J. Matrix Anal. Appl. 26 (2005). Errors: ValueError for elements that are not finite.
Tensor matrix_exp(Operand a);

// norm() of gradus/ops/reduction.h.
Tensor vector_norm(Operand x, double ord = 2, const Dims& dims = {}, bool keepdim = false);
// "fro": the root of the sum of squares; "nuc": the sum of the singular values.
Tensor matrix_norm(Operand a, std::string_view ord = "fro", const Dims& dims = {-2, -1},
                   bool keepdim = false);
// 1, -1: the largest, smallest sum of |a[i, j]| of a column; inf, -inf: of a row; 2, -2: the largest,
// smallest singular value. Errors: ValueError for another number, ShapeError of nothing to choose from.
Tensor matrix_norm(Operand a, double ord, const Dims& dims = {-2, -1}, bool keepdim = false);
// The condition number |a| |a^-1| in a norm of matrix_norm(); for 2 and -2, where a need not be square, the
// ratio of the extreme singular values. inf for a singular a (p = -2: 0).
Tensor cond(Operand a, double p = 2);
Tensor cond(Operand a, std::string_view p);

}  // namespace gradus::linalg
