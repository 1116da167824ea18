// References of linear algebra: elimination, expansion into minors, reflections and Jacobi's rotations in
// plain loops.
#include "gradus/ops/linalg/linalg.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "gradus/tests/ops/reference.h"

namespace gradus::reference {
namespace {

using Inputs = std::span<const Tensor>;

// A dense matrix.
struct Matrix {
  Matrix(std::int64_t m, std::int64_t n)
      : rows(m), cols(n), v(static_cast<std::size_t>(m) * static_cast<std::size_t>(n)) {}
  double& operator()(std::int64_t i, std::int64_t j) { return v[static_cast<std::size_t>(i * cols + j)]; }
  double operator()(std::int64_t i, std::int64_t j) const {
    return v[static_cast<std::size_t>(i * cols + j)];
  }

  std::int64_t rows, cols;
  std::vector<double> v;
};

Matrix unit(std::int64_t n) {
  Matrix m(n, n);
  for (std::int64_t i = 0; i < n; ++i) m(i, i) = 1;
  return m;
}

Matrix transposed(const Matrix& a) {
  Matrix t(a.cols, a.rows);
  for (std::int64_t i = 0; i < a.rows; ++i) {
    for (std::int64_t j = 0; j < a.cols; ++j) t(j, i) = a(i, j);
  }
  return t;
}

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix c(a.rows, b.cols);
  for (std::int64_t i = 0; i < a.rows; ++i) {
    for (std::int64_t j = 0; j < b.cols; ++j) {
      for (std::int64_t k = 0; k < a.cols; ++k) c(i, j) += a(i, k) * b(k, j);
    }
  }
  return c;
}

// The matrices of a tensor, and where results are put together.
Shape batch_of(const Tensor& t) {
  Shape s = t.shape();
  s.pop_back();
  s.pop_back();
  return s;
}
Matrix matrix_at(const Tensor& t, std::int64_t which) {
  Matrix m(t.shape()[t.rank() - 2], t.shape()[t.rank() - 1]);
  const auto all = read(t);
  std::copy_n(all.begin() + which * m.rows * m.cols, m.rows * m.cols, m.v.begin());
  return m;
}
struct Collected {
  std::vector<double> v;
  void add(const Matrix& m) { v.insert(v.end(), m.v.begin(), m.v.end()); }
  Tensor make_in(Shape batch, std::initializer_list<std::int64_t> rest, DType dtype = DType::f64) const {
    for (const std::int64_t d : rest) batch.push_back(d);
    return make(batch, v, dtype);
  }
};

// x of a x = b by Gauss's elimination with partial pivoting.
Matrix solution(Matrix a, Matrix b) {
  const std::int64_t n = a.rows;
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t p = k;
    for (std::int64_t i = k; i < n; ++i) {
      if (std::abs(a(i, k)) > std::abs(a(p, k))) p = i;
    }
    for (std::int64_t j = 0; j < n; ++j) std::swap(a(k, j), a(p, j));
    for (std::int64_t j = 0; j < b.cols; ++j) std::swap(b(k, j), b(p, j));
    for (std::int64_t i = 0; i < n; ++i) {
      if (i == k) continue;
      const double f = a(i, k) / a(k, k);
      for (std::int64_t j = k; j < n; ++j) a(i, j) -= f * a(k, j);
      for (std::int64_t j = 0; j < b.cols; ++j) b(i, j) -= f * b(k, j);
    }
  }
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < b.cols; ++j) b(i, j) /= a(i, i);
  }
  return b;
}

double determinant(const Matrix& a);
Matrix without(const Matrix& a, std::int64_t row, std::int64_t col) {
  Matrix m(a.rows - 1, a.cols - 1);
  for (std::int64_t i = 0; i < m.rows; ++i) {
    for (std::int64_t j = 0; j < m.cols; ++j) m(i, j) = a(i + (i >= row ? 1 : 0), j + (j >= col ? 1 : 0));
  }
  return m;
}
double determinant(const Matrix& a) {
  if (a.rows == 0) return 1;
  double sum = 0;
  for (std::int64_t j = 0; j < a.cols; ++j) {
    sum += (j % 2 == 0 ? 1 : -1) * a(0, j) * determinant(without(a, 0, j));
  }
  return sum;
}

std::vector<Tensor> cholesky(Inputs in, const void* attrs) {
  const bool upper = static_cast<const CholeskyAttrs*>(attrs)->upper;
  const Shape batch = batch_of(in[0]);
  Collected out;
  for (std::int64_t b = 0; b < batch.numel(); ++b) {
    const Matrix a = matrix_at(in[0], b);
    Matrix l(a.rows, a.rows);
    for (std::int64_t i = 0; i < a.rows; ++i) {
      for (std::int64_t j = 0; j <= i; ++j) {
        double s = (a(i, j) + a(j, i)) / 2;
        for (std::int64_t k = 0; k < j; ++k) s -= l(i, k) * l(j, k);
        l(i, j) = i == j ? std::sqrt(s) : s / l(j, j);
      }
    }
    out.add(upper ? transposed(l) : l);
  }
  return {make(in[0].shape(), out.v)};
}

// One system after the other, for batches that broadcast.
template <class F>
Tensor for_systems(const Tensor& a, const Tensor& b, F f) {
  const Tensor batches[] = {empty(batch_of(a)), empty(batch_of(b))};
  const Shape batch = broadcast_shape(batches);
  Collected out;
  for (std::int64_t i = 0; i < batch.numel(); ++i) {
    const std::int64_t ia = broadcast_index(i, batch, batches[0].shape());
    out.add(f(ia, matrix_at(b, broadcast_index(i, batch, batches[1].shape()))));
  }
  return out.make_in(batch, {b.shape()[b.rank() - 2], b.shape()[b.rank() - 1]});
}

std::vector<Tensor> solve_triangular(Inputs in, const void* attrs) {
  const auto& o = *static_cast<const SolveTriangularAttrs*>(attrs);
  return {for_systems(in[0], in[1], [&](std::int64_t ia, const Matrix& b) {
    Matrix a = matrix_at(in[0], ia);
    for (std::int64_t i = 0; i < a.rows; ++i) {
      for (std::int64_t j = 0; j < a.rows; ++j) {
        if (o.upper ? j < i : j > i) a(i, j) = 0;
      }
      if (o.unitriangular) a(i, i) = 1;
    }
    if (o.transpose) a = transposed(a);
    return o.left ? solution(a, b) : transposed(solution(transposed(a), transposed(b)));
  })};
}

struct Factors {
  Matrix lu;
  std::vector<double> pivots;
};
Factors factors(Matrix a) {
  const std::int64_t n = a.rows;
  std::vector<double> pivots;
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t p = k;
    for (std::int64_t i = k; i < n; ++i) {
      if (std::abs(a(i, k)) > std::abs(a(p, k))) p = i;
    }
    pivots.push_back(static_cast<double>(p + 1));
    for (std::int64_t j = 0; j < n; ++j) std::swap(a(k, j), a(p, j));
    for (std::int64_t i = k + 1; i < n; ++i) {
      a(i, k) /= a(k, k);
      for (std::int64_t j = k + 1; j < n; ++j) a(i, j) -= a(i, k) * a(k, j);
    }
  }
  return {a, pivots};
}

std::vector<Tensor> lu_factor(Inputs in, const void*) {
  const Shape batch = batch_of(in[0]);
  Collected lu, pivots;
  for (std::int64_t b = 0; b < batch.numel(); ++b) {
    const Factors f = factors(matrix_at(in[0], b));
    lu.add(f.lu);
    pivots.v.insert(pivots.v.end(), f.pivots.begin(), f.pivots.end());
  }
  return {make(in[0].shape(), lu.v), pivots.make_in(batch, {in[0].shape()[in[0].rank() - 1]}, DType::i32)};
}

std::vector<Tensor> lu_solve(Inputs in, const void* attrs) {
  const bool adjoint = static_cast<const LuSolveAttrs*>(attrs)->adjoint;
  return {for_systems(in[0], in[2], [&](std::int64_t ia, const Matrix& b) {
    const Matrix lu = matrix_at(in[0], ia);
    const std::int64_t n = lu.rows;
    Matrix l = unit(n), u(n, n);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) (j < i ? l : u)(i, j) = lu(i, j);
    }
    Matrix a = product(l, u);
    const auto pivots = read(in[1]);
    for (std::int64_t i = n - 1; i >= 0; --i) {
      const auto p = static_cast<std::int64_t>(pivots[static_cast<std::size_t>(ia * n + i)]) - 1;
      for (std::int64_t j = 0; p != i && j < n; ++j) std::swap(a(i, j), a(p, j));
    }
    return solution(adjoint ? transposed(a) : a, b);
  })};
}

std::vector<Tensor> solve(Inputs in, const void*) {
  const Tensor x = for_systems(
      in[0], in[1], [&](std::int64_t ia, const Matrix& b) { return solution(matrix_at(in[0], ia), b); });
  const std::vector<Tensor> lu = lu_factor(in, nullptr);
  return {x, lu[0], lu[1]};
}

template <class F>
std::vector<Tensor> each_square(Inputs in, F f) {
  Collected out;
  for (std::int64_t b = 0; b < batch_of(in[0]).numel(); ++b) out.add(f(matrix_at(in[0], b)));
  return {make(in[0].shape(), out.v)};
}

std::vector<Tensor> inv(Inputs in, const void*) {
  return each_square(in, [](const Matrix& a) { return solution(a, unit(a.rows)); });
}

std::vector<Tensor> cofactor(Inputs in, const void*) {
  return each_square(in, [](const Matrix& a) {
    Matrix c(a.rows, a.cols);
    const bool finite = std::all_of(a.v.begin(), a.v.end(), [](double x) { return std::isfinite(x); });
    for (std::int64_t i = 0; i < a.rows; ++i) {
      for (std::int64_t j = 0; j < a.cols; ++j) {
        c(i, j) = finite ? ((i + j) % 2 == 0 ? 1 : -1) * determinant(without(a, i, j)) : std::nan("");
      }
    }
    return c;
  });
}

std::vector<Tensor> det(Inputs in, const void*) {
  Collected out;
  const Shape batch = batch_of(in[0]);
  for (std::int64_t b = 0; b < batch.numel(); ++b) out.v.push_back(determinant(matrix_at(in[0], b)));
  return {make(batch, out.v)};
}

std::vector<Tensor> slogdet(Inputs in, const void*) {
  const Tensor d = det(in, nullptr)[0];
  std::vector<double> sign = read(d), log = sign;
  for (double& x : sign) x = x > 0 ? 1 : x < 0 ? -1 : 0;
  for (double& x : log) x = std::log(std::abs(x));
  return {make(d.shape(), sign), make(d.shape(), log)};
}

// Householder's reflections, each with the sign that avoids cancellation; none where there is nothing to
// remove.
void reflect(Matrix& q, Matrix& r) {
  const std::int64_t m = r.rows, n = r.cols;
  for (std::int64_t k = 0; k < std::min(m, n); ++k) {
    double below = 0;
    for (std::int64_t i = k + 1; i < m; ++i) below += r(i, k) * r(i, k);
    if (below == 0) continue;
    const double size = std::sqrt(below + r(k, k) * r(k, k));
    Matrix v(m, 1);
    for (std::int64_t i = k; i < m; ++i) v(i, 0) = r(i, k);
    v(k, 0) += r(k, k) >= 0 ? size : -size;
    const double vv = product(transposed(v), v)(0, 0);
    Matrix h = unit(m);
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t j = 0; j < m; ++j) h(i, j) -= 2 * v(i, 0) * v(j, 0) / vv;
    }
    r = product(h, r);
    q = product(q, h);
  }
}

std::vector<Tensor> qr(Inputs in, const void* attrs) {
  const std::string_view mode = static_cast<const QrAttrs*>(attrs)->mode;
  const Shape batch = batch_of(in[0]);
  const std::int64_t m = in[0].shape()[in[0].rank() - 2], n = in[0].shape()[in[0].rank() - 1];
  const std::int64_t rows = mode == "complete" ? m : std::min(m, n);
  Collected out_q, out_r;
  for (std::int64_t b = 0; b < batch.numel(); ++b) {
    Matrix r = matrix_at(in[0], b), q = unit(m);
    reflect(q, r);
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t j = 0; j < rows; ++j) out_q.v.push_back(q(i, j));
    }
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < n; ++j) out_r.v.push_back(j < i ? 0 : r(i, j));
    }
  }
  const Tensor r = out_r.make_in(batch, {rows, n});
  if (mode == "r") return {make({0}, {}), r};
  return {out_q.make_in(batch, {m, rows}), r};
}

// Columns in the order of falling or rising values, with the largest element of each column positive.
std::vector<std::int64_t> order_of(const std::vector<double>& values, bool falling) {
  std::vector<std::int64_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::int64_t i, std::int64_t j) {
    const double x = values[static_cast<std::size_t>(i)], y = values[static_cast<std::size_t>(j)];
    return falling ? x > y : x < y;
  });
  return order;
}
double sign_of_column(const Matrix& u, std::int64_t j) {
  double most = 0;
  for (std::int64_t i = 0; i < u.rows; ++i) {
    if (std::abs(u(i, j)) > std::abs(most)) most = u(i, j);
  }
  return most < 0 ? -1 : 1;
}

struct Singular {
  Matrix u, v;  // columns
  std::vector<double> s;
};
// Hestenes: rotations of pairs of columns until all are orthogonal; m >= n.
Singular decompose(const Matrix& a) {
  if (a.rows < a.cols) {
    Singular t = decompose(transposed(a));
    std::swap(t.u, t.v);
    return t;
  }
  const std::int64_t n = a.cols;
  Matrix w = a, v = unit(n);
  for (int sweep = 0; sweep < 60; ++sweep) {
    for (std::int64_t p = 0; p < n; ++p) {
      for (std::int64_t q = p + 1; q < n; ++q) {
        double pp = 0, qq = 0, pq = 0;
        for (std::int64_t i = 0; i < a.rows; ++i) {
          pp += w(i, p) * w(i, p);
          qq += w(i, q) * w(i, q);
          pq += w(i, p) * w(i, q);
        }
        if (pq == 0) continue;
        const double zeta = (qq - pp) / (2 * pq);
        const double t = (zeta >= 0 ? 1 : -1) / (std::abs(zeta) + std::sqrt(1 + zeta * zeta));
        const double c = 1 / std::sqrt(1 + t * t), s = c * t;
        for (Matrix* x : {&w, &v}) {
          for (std::int64_t i = 0; i < x->rows; ++i) {
            const double xp = (*x)(i, p), xq = (*x)(i, q);
            (*x)(i, p) = c * xp - s * xq;
            (*x)(i, q) = s * xp + c * xq;
          }
        }
      }
    }
  }
  std::vector<double> sizes;
  for (std::int64_t j = 0; j < n; ++j) {
    double size = 0;
    for (std::int64_t i = 0; i < a.rows; ++i) size += w(i, j) * w(i, j);
    sizes.push_back(std::sqrt(size));
  }
  Singular result{Matrix(a.rows, n), Matrix(n, n), {}};
  for (const std::int64_t j : order_of(sizes, true)) {
    const auto to = static_cast<std::int64_t>(result.s.size());
    const double size = sizes[static_cast<std::size_t>(j)];
    for (std::int64_t i = 0; i < a.rows; ++i) result.u(i, to) = w(i, j) / size;
    for (std::int64_t i = 0; i < n; ++i) result.v(i, to) = v(i, j);
    result.s.push_back(size);
  }
  return result;
}

std::vector<Tensor> svd(Inputs in, const void* attrs) {
  const bool full = static_cast<const SvdAttrs*>(attrs)->full_matrices;
  const Shape batch = batch_of(in[0]);
  const std::int64_t m = in[0].shape()[in[0].rank() - 2], n = in[0].shape()[in[0].rank() - 1];
  const std::int64_t k = std::min(m, n);
  Collected out_u, out_s, out_vh;
  for (std::int64_t b = 0; b < batch.numel(); ++b) {
    if (k == 0) {
      out_u.add(full ? unit(m) : Matrix(m, 0));
      out_vh.add(full ? unit(n) : Matrix(0, n));
      continue;
    }
    Singular parts = decompose(matrix_at(in[0], b));
    for (std::int64_t j = 0; j < k; ++j) {
      const double sign = sign_of_column(parts.u, j);
      for (std::int64_t i = 0; i < m; ++i) parts.u(i, j) *= sign;
      for (std::int64_t i = 0; i < n; ++i) parts.v(i, j) *= sign;
    }
    out_u.add(parts.u);
    out_s.v.insert(out_s.v.end(), parts.s.begin(), parts.s.end());
    out_vh.add(transposed(parts.v));
  }
  return {out_u.make_in(batch, {m, full ? m : k}), out_s.make_in(batch, {k}),
          out_vh.make_in(batch, {full ? n : k, n})};
}

std::vector<Tensor> svdvals(Inputs in, const void*) {
  const SvdAttrs reduced{false};
  return {svd(in, &reduced)[1]};
}

// Jacobi's rotations of a symmetric matrix until it is diagonal.
std::vector<Tensor> eigh(Inputs in, const void* attrs) {
  const std::string_view uplo = static_cast<const EighAttrs*>(attrs)->uplo;
  const Shape batch = batch_of(in[0]);
  const std::int64_t n = in[0].shape()[in[0].rank() - 1];
  Collected values, vectors;
  for (std::int64_t b = 0; b < batch.numel(); ++b) {
    Matrix a = matrix_at(in[0], b), v = unit(n);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < i; ++j) {
        a(i, j) = a(j, i) = uplo == "L" ? a(i, j) : uplo == "U" ? a(j, i) : (a(i, j) + a(j, i)) / 2;
      }
    }
    for (int sweep = 0; sweep < 60; ++sweep) {
      for (std::int64_t p = 0; p < n; ++p) {
        for (std::int64_t q = p + 1; q < n; ++q) {
          if (a(p, q) == 0) continue;
          const double theta = (a(q, q) - a(p, p)) / (2 * a(p, q));
          const double t = (theta >= 0 ? 1 : -1) / (std::abs(theta) + std::sqrt(1 + theta * theta));
          const double c = 1 / std::sqrt(1 + t * t), s = c * t;
          Matrix r = unit(n);
          r(p, p) = r(q, q) = c;
          r(p, q) = s;
          r(q, p) = -s;
          a = product(product(transposed(r), a), r);
          v = product(v, r);
        }
      }
    }
    std::vector<double> w;
    for (std::int64_t i = 0; i < n; ++i) w.push_back(a(i, i));
    Matrix sorted(n, n);
    std::int64_t to = 0;
    for (const std::int64_t j : order_of(w, false)) {
      const double sign = sign_of_column(v, j);
      for (std::int64_t i = 0; i < n; ++i) sorted(i, to) = sign * v(i, j);
      values.v.push_back(w[static_cast<std::size_t>(j)]);
      ++to;
    }
    vectors.add(sorted);
  }
  return {values.make_in(batch, {n}), make(in[0].shape(), vectors.v)};
}

std::vector<Tensor> eigvalsh(Inputs in, const void* attrs) { return {eigh(in, attrs)[0]}; }

std::vector<Tensor> pinv(Inputs in, const void* attrs) {
  const auto& o = *static_cast<const PinvAttrs*>(attrs);
  const Shape batch = batch_of(in[0]);
  const std::int64_t m = in[0].shape()[in[0].rank() - 2], n = in[0].shape()[in[0].rank() - 1];
  const double rtol =
      o.rtol >= 0 ? o.rtol : static_cast<double>(std::max(m, n)) * std::numeric_limits<double>::epsilon();
  Collected out;
  for (std::int64_t b = 0; b < batch.numel(); ++b) {
    Matrix y(n, m);
    const Matrix a = matrix_at(in[0], b);
    if (m > 0 && n > 0) {
      const Singular parts = decompose(a);
      for (std::size_t k = 0; k < parts.s.size(); ++k) {
        const double s = parts.s[k];
        if (!(s > std::max(o.atol, rtol * parts.s[0]))) continue;
        const auto column = static_cast<std::int64_t>(k);
        for (std::int64_t i = 0; i < n; ++i) {
          for (std::int64_t j = 0; j < m; ++j) y(i, j) += parts.v(i, column) * parts.u(j, column) / s;
        }
      }
    }
    out.add(y);
  }
  return {out.make_in(batch, {n, m})};
}

constexpr ReferenceEntry kEntries[] = {
    {"linalg_cholesky", cholesky},
    {"linalg_solve_triangular", solve_triangular},
    {"linalg_lu_factor", lu_factor},
    {"linalg_lu_solve", lu_solve},
    {"linalg_solve", solve},
    {"linalg_inv", inv},
    {"linalg_det", det},
    {"linalg_slogdet", slogdet},
    {"linalg_cofactor", cofactor},
    {"linalg_qr", qr},
    {"linalg_svd", svd},
    {"linalg_svdvals", svdvals},
    {"linalg_eigh", eigh},
    {"linalg_eigvalsh", eigvalsh},
    {"linalg_pinv", pinv},
};

}  // namespace

std::span<const ReferenceEntry> linalg_references() { return kEntries; }

}  // namespace gradus::reference
