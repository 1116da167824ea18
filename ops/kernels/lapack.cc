// LAPACK counts columns first: what it takes for a matrix is the transpose of our row-major one. Where the
// transposed problem is the same problem nothing is moved: the upper factor of Cholesky is the lower one, the
// left singular vectors are the right ones, and QR is the LQ of the transpose.
#include "gradus/ops/kernels/lapack.h"

#include <cblas.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "gradus/base/error.h"

// The Fortran interface: all arguments by address, the lengths of strings behind them.
#define GRADUS_LAPACK(T, p)                                                                                  \
  void p##potrf_(const char* uplo, const int* n, T* a, const int* lda, int* info, std::size_t);              \
  void p##getrf_(const int* m, const int* n, T* a, const int* lda, int* ipiv, int* info);                    \
  void p##getri_(const int* n, T* a, const int* lda, const int* ipiv, T* work, const int* lwork, int* info); \
  void p##gelqf_(const int* m, const int* n, T* a, const int* lda, T* tau, T* work, const int* lwork,        \
                 int* info);                                                                                 \
  void p##orglq_(const int* m, const int* n, const int* k, T* a, const int* lda, const T* tau, T* work,      \
                 const int* lwork, int* info);                                                               \
  void p##gesdd_(const char* jobz, const int* m, const int* n, T* a, const int* lda, T* s, T* u,             \
                 const int* ldu, T* vt, const int* ldvt, T* work, const int* lwork, int* iwork, int* info,   \
                 std::size_t);                                                                               \
  void p##syevd_(const char* jobz, const char* uplo, const int* n, T* a, const int* lda, T* w, T* work,      \
                 const int* lwork, int* iwork, const int* liwork, int* info, std::size_t, std::size_t);

extern "C" {
GRADUS_LAPACK(float, s)
GRADUS_LAPACK(double, d)
}

namespace gradus::kernels {
namespace {

// The two precisions under one name.
#define GRADUS_BOTH(name)      \
  template <class... A>        \
  void name(float*, A... a) {  \
    s##name##_(a...);          \
  }                            \
  template <class... A>        \
  void name(double*, A... a) { \
    d##name##_(a...);          \
  }
GRADUS_BOTH(potrf)
GRADUS_BOTH(getrf)
GRADUS_BOTH(getri)
GRADUS_BOTH(gelqf)
GRADUS_BOTH(orglq)
GRADUS_BOTH(gesdd)
GRADUS_BOTH(syevd)

template <class... A>
void trsm(float*, A... a) {
  cblas_strsm(CblasRowMajor, a...);
}
template <class... A>
void trsm(double*, A... a) {
  cblas_dtrsm(CblasRowMajor, a...);
}
template <class... A>
void trsv(float*, A... a) {
  cblas_strsv(CblasRowMajor, a...);
}
template <class... A>
void trsv(double*, A... a) {
  cblas_dtrsv(CblasRowMajor, a...);
}

// For rooms that are larger than needed; sizes fit, the ops have checked them.
int narrow(std::int64_t n) { return static_cast<int>(std::min<std::int64_t>(n, INT32_MAX)); }
// The distance between lines of a matrix: LAPACK refuses 0.
int line(std::int64_t n) { return static_cast<int>(std::max<std::int64_t>(n, 1)); }

// LAPACK works in blocks of at most 64 columns; more room than that is never used.
constexpr std::int64_t kBlock = 64;

// Elements of T and of int, as bytes of a work array: the numbers first.
std::size_t bytes(std::int64_t numbers, std::int64_t ints, DType dtype) {
  return static_cast<std::size_t>(numbers) * size_of(dtype) + static_cast<std::size_t>(ints) * sizeof(int);
}

std::int64_t svd_least(std::int64_t m, std::int64_t n, Vectors vectors) {
  const std::int64_t few = std::min(m, n), many = std::max(m, n);
  return vectors == Vectors::none ? 10 * few + many : 4 * few * few + 7 * few + many;
}
std::int64_t svd_numbers(std::int64_t m, std::int64_t n, Vectors vectors) {
  return svd_least(m, n, vectors) + kBlock * (std::max(m, n) + 2 * std::min(m, n));
}
std::int64_t eigh_least(std::int64_t n, bool vectors) { return vectors ? 1 + 6 * n + 2 * n * n : 1 + 2 * n; }
std::int64_t eigh_numbers(std::int64_t n, bool vectors) { return eigh_least(n, vectors) + kBlock * n; }

}  // namespace

bool svd_fits(std::int64_t m, std::int64_t n) {
  return std::min(m, n) < (1 << 15) && svd_least(m, n, Vectors::reduced) <= INT32_MAX;
}
bool eigh_fits(std::int64_t n) { return n < (1 << 15) && eigh_least(n, true) <= INT32_MAX; }

template <class T>
void transpose_in_place(std::int64_t n, T* a) {
  constexpr std::int64_t kTile = 16;
  for (std::int64_t i0 = 0; i0 < n; i0 += kTile) {
    for (std::int64_t j0 = 0; j0 <= i0; j0 += kTile) {
      const std::int64_t i1 = std::min(i0 + kTile, n);
      for (std::int64_t i = i0; i < i1; ++i) {
        const std::int64_t j1 = std::min(j0 + kTile, i);
        for (std::int64_t j = j0; j < j1; ++j) std::swap(a[i * n + j], a[j * n + i]);
      }
    }
  }
}

template <class T>
std::int64_t cholesky(bool upper, std::int64_t n, T* a) {
  if (n == 0) return 0;
  const char uplo = upper ? 'L' : 'U';
  const int order = narrow(n);
  int info = 0;
  potrf(a, &uplo, &order, a, &order, &info, std::size_t{1});
  for (std::int64_t i = 0; i < n; ++i) {
    if (upper)
      std::fill_n(a + i * n, i, T{0});
    else
      std::fill(a + i * n + i + 1, a + i * n + n, T{0});
  }
  // Comparisons with NaN may pass it through the factorisation.
  for (std::int64_t i = 0; info == 0 && i < n; ++i) {
    if (!(a[i * n + i] > T{0})) info = narrow(i + 1);
  }
  return info;
}

template <class T>
void solve_triangular(TriangularSystem s, std::int64_t m, std::int64_t n, const T* a, T* b) {
  if (m == 0 || n == 0) return;
  const auto uplo = s.upper ? CblasUpper : CblasLower;
  const auto diagonal = s.unit ? CblasUnit : CblasNonUnit;
  const bool column = s.left && n == 1, row = !s.left && m == 1;
  if (column || row) {
    // x A = b is A^T x^T = b^T.
    const auto trans = s.transpose != row ? CblasTrans : CblasNoTrans;
    return trsv(b, uplo, trans, diagonal, narrow(column ? m : n), a, narrow(column ? m : n), b, 1);
  }
  trsm(b, s.left ? CblasLeft : CblasRight, uplo, s.transpose ? CblasTrans : CblasNoTrans, diagonal, narrow(m),
       narrow(n), T{1}, a, narrow(s.left ? m : n), b, narrow(n));
}

template <class T>
std::int64_t lu_factor(std::int64_t n, T* a, std::int32_t* pivots) {
  if (n == 0) return 0;
  const int order = narrow(n);
  int info = 0;
  getrf(a, &order, &order, a, &order, pivots, &info);
  return info;
}

template <class T>
void lu_solve(std::int64_t n, std::int64_t columns, const T* lu, const std::int32_t* pivots, bool adjoint,
              T* b) {
  const auto swap_rows = [&](std::int64_t i) {
    const std::int64_t p = pivots[i] - 1;
    if (p != i) std::swap_ranges(b + i * columns, b + (i + 1) * columns, b + p * columns);
  };
  if (adjoint) {
    solve_triangular<T>({true, true, false, true}, n, columns, lu, b);
    solve_triangular<T>({false, true, true, true}, n, columns, lu, b);
    for (std::int64_t i = n - 1; i >= 0; --i) swap_rows(i);
  } else {
    for (std::int64_t i = 0; i < n; ++i) swap_rows(i);
    solve_triangular<T>({false, true, true, false}, n, columns, lu, b);
    solve_triangular<T>({true, true, false, false}, n, columns, lu, b);
  }
}

std::size_t lu_inverse_work(std::int64_t n, DType dtype) { return bytes(kBlock * n, 0, dtype); }

template <class T>
void lu_inverse(std::int64_t n, T* a, const std::int32_t* pivots, void* work) {
  if (n == 0) return;
  const int order = narrow(n), room = narrow(kBlock * n);
  int info = 0;
  getri(a, &order, a, &order, pivots, static_cast<T*>(work), &room, &info);
}

std::size_t qr_work(std::int64_t m, std::int64_t n, DType dtype) {
  return bytes(std::min(m, n) + kBlock * std::max(m, n), 0, dtype);
}

template <class T>
void qr(std::int64_t m, std::int64_t n, T* a, std::int64_t q_columns, T* q, std::int64_t r_rows, T* r,
        void* work) {
  const std::int64_t k = std::min(m, n);
  T* tau = static_cast<T*>(work);
  T* rest = tau + k;
  const int room = narrow(kBlock * std::max(m, n)), rows = narrow(n), columns = narrow(m), lines = line(n);
  int info = 0;
  if (k > 0) gelqf(a, &rows, &columns, a, &lines, tau, rest, &room, &info);
  for (std::int64_t i = 0; i < r_rows; ++i) {
    const std::int64_t zeros = std::min(i, n);
    std::fill_n(r + i * n, zeros, T{0});
    std::copy(a + i * n + zeros, a + (i + 1) * n, r + i * n + zeros);
  }
  if (q == nullptr || q_columns == 0) return;
  if (k == 0) {  // no columns to span anything: the unit matrix
    std::fill_n(q, m * q_columns, T{0});
    for (std::int64_t i = 0; i < std::min(m, q_columns); ++i) q[i * q_columns + i] = T{1};
    return;
  }
  for (std::int64_t i = 0; i < m; ++i) std::copy_n(a + i * n, k, q + i * q_columns);
  const int q_rows = narrow(q_columns), reflectors = narrow(k);
  orglq(q, &q_rows, &columns, &reflectors, q, &q_rows, tau, rest, &room, &info);
}

std::size_t svd_work(std::int64_t m, std::int64_t n, Vectors vectors, DType dtype) {
  return bytes(svd_numbers(m, n, vectors), 8 * std::min(m, n), dtype);
}

template <class T>
bool svd(std::int64_t m, std::int64_t n, Vectors vectors, T* a, T* s, T* u, T* vh, void* work) {
  const std::int64_t k = std::min(m, n);
  if (k == 0) {
    const auto unit = [](T* q, std::int64_t size) {
      std::fill_n(q, size * size, T{0});
      for (std::int64_t i = 0; i < size; ++i) q[i * size + i] = T{1};
    };
    if (vectors == Vectors::all) {
      unit(u, m);
      unit(vh, n);
    }
    return true;
  }
  const char job = vectors == Vectors::none ? 'N' : vectors == Vectors::all ? 'A' : 'S';
  const std::int64_t numbers = svd_numbers(m, n, vectors);
  T* rest = static_cast<T*>(work);
  int* integers = reinterpret_cast<int*>(rest + numbers);
  T none{};
  if (vectors == Vectors::none) u = vh = &none;
  const int rows = narrow(n), columns = narrow(m), room = narrow(numbers);
  const int lines_u = narrow(vectors == Vectors::none ? 1 : vectors == Vectors::all ? m : k);
  int info = 0;
  gesdd(a, &job, &rows, &columns, a, &rows, s, vh, &rows, u, &lines_u, rest, &room, integers, &info,
        std::size_t{1});
  if (info != 0) return false;
  if (vectors == Vectors::none) return true;
  // The sign of a pair of vectors is free: the element of u that is largest in absolute value, the first of
  // several, is positive.
  for (std::int64_t j = 0; j < k; ++j) {
    const std::int64_t columns_u = lines_u;
    T most{0};
    for (std::int64_t i = 0; i < m; ++i) {
      if (std::abs(u[i * columns_u + j]) > std::abs(most)) most = u[i * columns_u + j];
    }
    if (!(most < T{0})) continue;
    for (std::int64_t i = 0; i < m; ++i) u[i * columns_u + j] = -u[i * columns_u + j];
    for (std::int64_t i = 0; i < n; ++i) vh[j * n + i] = -vh[j * n + i];
  }
  return true;
}

std::size_t eigh_work(std::int64_t n, bool vectors, DType dtype) {
  return bytes(eigh_numbers(n, vectors), vectors ? 3 + 5 * n : 1, dtype);
}

template <class T>
bool eigh(std::int64_t n, bool vectors, T* a, T* w, void* work) {
  if (n == 0) return true;
  const char job = vectors ? 'V' : 'N', uplo = 'L';
  const std::int64_t numbers = eigh_numbers(n, vectors);
  T* rest = static_cast<T*>(work);
  int* integers = reinterpret_cast<int*>(rest + numbers);
  const int order = narrow(n), room = narrow(numbers), int_room = narrow(vectors ? 3 + 5 * n : 1);
  int info = 0;
  syevd(a, &job, &uplo, &order, a, &order, w, rest, &room, integers, &int_room, &info, std::size_t{1},
        std::size_t{1});
  if (info != 0) return false;
  if (!vectors) return true;
  // Each vector is a row until the transposition. Its sign is free: the element that is largest in absolute
  // value, the first of several, is positive.
  for (std::int64_t j = 0; j < n; ++j) {
    T* v = a + j * n;
    const T most = *std::max_element(v, v + n, [](T x, T y) { return std::abs(x) < std::abs(y); });
    if (most < T{0}) std::transform(v, v + n, v, [](T x) { return -x; });
  }
  transpose_in_place(n, a);
  return true;
}

namespace {

// Each factorisation of a matrix that is larger than the blocks, compared with the matrix.
template <class T>
bool computes_right() {
  constexpr std::int64_t n = 70;
  constexpr std::int64_t size = n * n;
  const double tolerance = sizeof(T) == 4 ? 1e-3 : 1e-10;
  std::vector<T> a(size), b(size), c(size), d(n);
  std::vector<std::int32_t> pivots(n);
  constexpr DType dtype = dtype_of<T>;
  std::vector<std::byte> work(std::max({lu_inverse_work(n, dtype), qr_work(n, n, dtype),
                                        svd_work(n, n, Vectors::reduced, dtype), eigh_work(n, true, dtype)}));
  std::uint32_t state = 1;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) {
      state = state * 1664525u + 1013904223u;
      const double x = static_cast<double>(state >> 8) / 0x1p24 - 0.5;
      a[static_cast<std::size_t>(i * n + j)] = a[static_cast<std::size_t>(j * n + i)] =
          static_cast<T>(i == j ? 20 + 0.1 * static_cast<double>(i) + x : x);
    }
  }
  // Whether x diag(d) y is a; y transposed where so said, d left out where null.
  const auto gives_a = [&](const T* x, const T* scale, const T* y, bool transposed) {
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (std::int64_t k = 0; k < n; ++k) {
          sum += static_cast<double>(x[i * n + k]) * (scale != nullptr ? scale[k] : T{1}) *
                 (transposed ? y[j * n + k] : y[k * n + j]);
        }
        if (!(std::abs(sum - a[static_cast<std::size_t>(i * n + j)]) <= tolerance)) return false;
      }
    }
    return true;
  };
  b = a;
  if (cholesky(false, n, b.data()) != 0 || !gives_a(b.data(), nullptr, b.data(), true)) return false;
  b = a;
  if (!eigh(n, true, b.data(), d.data(), work.data())) return false;
  if (!gives_a(b.data(), d.data(), b.data(), true)) return false;
  // The others on a matrix that is not symmetric.
  for (std::int64_t i = 0; i + 1 < n; ++i) a[static_cast<std::size_t>(i * n + i + 1)] += T{3};
  b = a;
  transpose_in_place(n, b.data());
  if (lu_factor(n, b.data(), pivots.data()) != 0) return false;
  transpose_in_place(n, b.data());
  c = a;  // A^-1 A, and then A times it
  lu_solve(n, n, b.data(), pivots.data(), false, c.data());
  if (!gives_a(a.data(), nullptr, c.data(), false)) return false;
  std::vector<T> q(size), r(size), copy = a;
  qr(n, n, copy.data(), n, q.data(), n, r.data(), work.data());
  if (!gives_a(q.data(), nullptr, r.data(), false)) return false;
  copy = a;
  if (!svd(n, n, Vectors::reduced, copy.data(), d.data(), q.data(), r.data(), work.data())) return false;
  return gives_a(q.data(), d.data(), r.data(), false);
}

}  // namespace

// As in LibraryTeam: a variable of the calling thread's task, not of the process.
OneThread::OneThread() : before_(omp_get_max_threads()) {
  if (before_ != 1) omp_set_num_threads(1);
}
OneThread::~OneThread() {
  if (before_ != 1) omp_set_num_threads(before_);
}

void require_lapack() {
  static const bool works = [] {
    const OneThread alone;
    return computes_right<float>() && computes_right<double>();
  }();
  if (!works) {
    throw Error(
        "linalg: the OpenBLAS library that this program runs with factorises matrices wrongly on this "
        "processor; install a newer one");
  }
}

#define GRADUS_INSTANTIATE(T)                                                                     \
  template void transpose_in_place<T>(std::int64_t, T*);                                          \
  template std::int64_t cholesky<T>(bool, std::int64_t, T*);                                      \
  template void solve_triangular<T>(TriangularSystem, std::int64_t, std::int64_t, const T*, T*);  \
  template std::int64_t lu_factor<T>(std::int64_t, T*, std::int32_t*);                            \
  template void lu_solve<T>(std::int64_t, std::int64_t, const T*, const std::int32_t*, bool, T*); \
  template void lu_inverse<T>(std::int64_t, T*, const std::int32_t*, void*);                      \
  template void qr<T>(std::int64_t, std::int64_t, T*, std::int64_t, T*, std::int64_t, T*, void*); \
  template bool svd<T>(std::int64_t, std::int64_t, Vectors, T*, T*, T*, T*, void*);               \
  template bool eigh<T>(std::int64_t, bool, T*, T*, void*);
GRADUS_INSTANTIATE(float)
GRADUS_INSTANTIATE(double)

}  // namespace gradus::kernels
