// Factorisations of single dense matrices by the LAPACK of OpenBLAS. Every matrix is row-major and without
// gaps, unless it says "transposed": then element [i, j] lies at j * rows + i. f32 and f64. They allocate
// nothing: `work` has the bytes that the function's *_work() says. May be called from several threads; how
// many threads OpenBLAS itself uses is the caller's business (LibraryTeam).
#pragma once

#include <cstddef>
#include <cstdint>

#include "gradus/graph/dtype.h"

namespace gradus::kernels {

// While it lives, OpenBLAS called from this thread uses no other one. See LibraryTeam.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

// Factorises small matrices once a process and compares the products of the factors with them: old OpenBLAS
// builds compute wrong results on processors newer than they are. Errors: gradus::Error where it does.
void require_lapack();

// LAPACK counts in 32 bits: the sizes of axes, and the elements of the workspace.
inline constexpr std::int64_t kMostRows = INT32_MAX;
bool svd_fits(std::int64_t m, std::int64_t n);
bool eigh_fits(std::int64_t n);

// a [n, n] becomes its transpose.
template <class T>
void transpose_in_place(std::int64_t n, T* a);

// a = L L^T (or U^T U where `upper`); a symmetric, becomes the factor with zeros in its other half. Gives 0
// or the order of the first leading minor that is not positive.
template <class T>
std::int64_t cholesky(bool upper, std::int64_t n, T* a);

struct TriangularSystem {
  bool upper, left, unit, transpose;
};
// b [m, n] becomes the solution x of op(a) x = b, or where not `left` of x op(a) = b; op transposes where
// `transpose`. Of a only the half that `upper` names is read, without the diagonal where `unit`.
template <class T>
void solve_triangular(TriangularSystem s, std::int64_t m, std::int64_t n, const T* a, T* b);

// a, transposed, becomes L (below the diagonal, which is 1) and U of P L U, transposed; row i was swapped
// with row pivots[i] - 1, for rising i. Gives 0 or the number of the first pivot that is exactly 0, from 1.
template <class T>
std::int64_t lu_factor(std::int64_t n, T* a, std::int32_t* pivots);

// From the factors (row-major) of A: b [n, columns] becomes A^-1 b, or A^-T b where `adjoint`.
template <class T>
void lu_solve(std::int64_t n, std::int64_t columns, const T* lu, const std::int32_t* pivots, bool adjoint,
              T* b);

// a, what lu_factor left, becomes the inverse of what lu_factor got, in the same order of elements.
std::size_t lu_inverse_work(std::int64_t n, DType dtype);
template <class T>
void lu_inverse(std::int64_t n, T* a, const std::int32_t* pivots, void* work);

// a [m, n] = q r with k = min(m, n): q [m, q_columns] with q_columns = k or m, r [r_rows, n] with r_rows = k
// or m. No q where it is null. Overwrites a.
std::size_t qr_work(std::int64_t m, std::int64_t n, DType dtype);
template <class T>
void qr(std::int64_t m, std::int64_t n, T* a, std::int64_t q_columns, T* q, std::int64_t r_rows, T* r,
        void* work);

enum class Vectors : std::uint8_t { none, reduced, all };
// a [m, n] = u diag(s) vh with s in falling order; u [m, k], vh [k, n] (reduced) or [m, m], [n, n] (all).
// Overwrites a. False where it does not converge.
std::size_t svd_work(std::int64_t m, std::int64_t n, Vectors vectors, DType dtype);
template <class T>
bool svd(std::int64_t m, std::int64_t n, Vectors vectors, T* a, T* s, T* u, T* vh, void* work);

// Symmetric a = v diag(w) v^T with w in rising order; v takes a's place where `vectors`, otherwise a is
// destroyed. False where it does not converge.
std::size_t eigh_work(std::int64_t n, bool vectors, DType dtype);
template <class T>
bool eigh(std::int64_t n, bool vectors, T* a, T* w, void* work);

}  // namespace gradus::kernels
