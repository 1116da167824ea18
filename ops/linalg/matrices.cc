#include "gradus/ops/linalg/matrices.h"

#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/view.h"
#include "gradus/ops/view/attrs.h"

namespace gradus {

void require_matrices(const InferContext& c, int i) {
  if (c.rank(i) < 2) c.shape_error(fmt::format("takes matrices, at least two axes: {}", c.describe(i)));
  c.require_floating(i);
  const std::int64_t rows = c.dim(i, c.rank(i) - 2), cols = c.dim(i, c.rank(i) - 1);
  if (std::max(rows, cols) > kernels::kMostRows) {
    c.shape_error(
        fmt::format("matrices have at most {} rows and columns: {}", kernels::kMostRows, c.describe(i)));
  }
}

void require_square(const InferContext& c, int i) {
  require_matrices(c, i);
  if (c.dim(i, c.rank(i) - 2) != c.dim(i, c.rank(i) - 1)) {
    c.shape_error(fmt::format("takes square matrices: {}", c.describe(i)));
  }
}

void require_svd_fits(const InferContext& c, int i) {
  if (kernels::svd_fits(c.dim(i, c.rank(i) - 2), c.dim(i, c.rank(i) - 1))) return;
  c.shape_error(
      fmt::format("too large for LAPACK, whose workspace has at most 2^31 - 1 elements: {}", c.describe(i)));
}

void require_eigh_fits(const InferContext& c, int i) {
  if (kernels::eigh_fits(c.dim(i, c.rank(i) - 1))) return;
  c.shape_error(
      fmt::format("too large for LAPACK, whose workspace has at most 2^31 - 1 elements: {}", c.describe(i)));
}

void set_out_matrices(InferContext& c, int a, int b, std::int64_t rows, std::int64_t cols) {
  OutputMeta& out = c.out(0);
  const int axes = std::max(c.rank(a), c.rank(b)) - 2;
  for (int i = 0; i < axes; ++i) {
    const int ia = i - (axes + 2 - c.rank(a)), ib = i - (axes + 2 - c.rank(b));
    const std::int64_t da = ia < 0 ? 1 : c.dim(a, ia), db = ib < 0 ? 1 : c.dim(b, ib);
    if (da != db && da != 1 && db != 1) {
      c.shape_error(
          fmt::format("batches do not broadcast: {}, {}: {} and {} at axis {} from the end; sizes "
                      "must be equal or 1",
                      c.describe(a), c.describe(b), da, db, axes - i + 2));
    }
    out.dims[i] = da == 1 ? db : da;
  }
  out.dims[axes] = rows;
  out.dims[axes + 1] = cols;
  out.rank = static_cast<std::uint8_t>(axes + 2);
  out.dtype = c.dtype(a);
}

Matrices::Matrices(const View& v, const View& result) : v_(v), batch_axes_(result.rank - 2) {
  std::int64_t strides[kMaxRank];
  strides_of(v, strides);
  rows_ = v.dims[v.rank - 2];
  cols_ = v.dims[v.rank - 1];
  row_step_ = strides[v.rank - 2];
  col_step_ = strides[v.rank - 1];
  for (int i = batch_axes_ - 1, k = v.rank - 3; i >= 0; --i, --k) {
    dims_[i] = result.dims[i];
    steps_[i] = k < 0 || v.dims[k] == 1 ? 0 : strides[k];
    count_ *= dims_[i];
  }
}

const void* Matrices::at(std::int64_t i) const {
  std::int64_t offset = 0;
  for (int k = batch_axes_ - 1; k >= 0; --k) {
    offset += i % dims_[k] * steps_[k];
    i /= dims_[k];
  }
  return static_cast<const std::byte*>(v_.data) + offset * static_cast<std::int64_t>(size_of(v_.dtype));
}

void Matrices::load(std::int64_t i, void* to, bool transposed) const {
  const std::int64_t dims[] = {transposed ? cols_ : rows_, transposed ? rows_ : cols_};
  const std::int64_t strides[] = {transposed ? col_step_ : row_step_, transposed ? row_step_ : col_step_};
  const View from{const_cast<void*>(at(i)), dims, strides, size(), 2, v_.dtype};
  kernels::copy(from, View{to, dims, nullptr, size(), 2, v_.dtype});
}

std::string matrix_name(const KernelContext& c, int input, std::int64_t i, const View& batch) {
  const View& v = c.in[input];
  std::string all = fmt::format("{} {}", c.op->inputs[static_cast<std::size_t>(input)],
                                describe(Shape(std::span<const std::int64_t>(v.dims, v.rank)), v.dtype));
  const int axes = batch.rank - 2;
  if (axes == 0) return all;
  std::int64_t place[kMaxRank];
  for (int k = axes - 1; k >= 0; --k) {
    place[k] = i % batch.dims[k];
    i /= batch.dims[k];
  }
  return fmt::format("matrix {} of {}", format_shape(std::span<const std::int64_t>(place, axes)), all);
}

template <class T>
void load_symmetric(const KernelContext& c, const Matrices& a, std::int64_t i, SymmetricHalf half, T* to) {
  a.load(i, to, half == SymmetricHalf::upper);
  const std::int64_t n = a.rows();
  if (half != SymmetricHalf::both) {
    for (std::int64_t r = 0; r < n; ++r) {
      for (std::int64_t k = 0; k < r; ++k) to[k * n + r] = to[r * n + k];
    }
    return;
  }
  T most{0};
  for (std::int64_t k = 0; k < n * n; ++k) most = std::max(most, std::abs(to[k]));
  const T allowed = most * T(1e-3);
  for (std::int64_t r = 0; r < n; ++r) {
    for (std::int64_t k = 0; k < r; ++k) {
      const T x = to[r * n + k], y = to[k * n + r];
      if (std::abs(x - y) > allowed) {
        c.fail_value(fmt::format("{} is not symmetric: [{}, {}] is {}, [{}, {}] is {}; symmetrise it first",
                                 matrix_name(c, 0, i), k, r, y, r, k, x));
      }
      to[r * n + k] = to[k * n + r] = x / 2 + y / 2;
    }
  }
}
template void load_symmetric<float>(const KernelContext&, const Matrices&, std::int64_t, SymmetricHalf,
                                    float*);
template void load_symmetric<double>(const KernelContext&, const Matrices&, std::int64_t, SymmetricHalf,
                                     double*);

template <class T>
void require_finite_matrix(const KernelContext& c, std::int64_t i, const T* a, std::int64_t rows,
                           std::int64_t cols) {
  for (std::int64_t k = 0; k < rows * cols; ++k) {
    if (std::isfinite(a[k])) continue;
    c.fail_value(fmt::format("an element is not finite: [{}, {}] is {} in {}", k / cols, k % cols, a[k],
                             matrix_name(c, 0, i)));
  }
}
template void require_finite_matrix<float>(const KernelContext&, std::int64_t, const float*, std::int64_t,
                                           std::int64_t);
template void require_finite_matrix<double>(const KernelContext&, std::int64_t, const double*, std::int64_t,
                                            std::int64_t);

Tensor matrix_transpose(const Tensor& x) { return transpose(x, -2, -1); }

Tensor mirrored_lower(const Tensor& m) { return add(tril(m), matrix_transpose(tril(m, -1))); }

Tensor scale_matrices(const Tensor& x, const Tensor& g) { return mul(x, unsqueeze(unsqueeze(g, -1), -1)); }

namespace {

template <class F>
void change_diagonals(const Tensor& t, F f) {
  const Shape shape = t.shape();
  const std::int64_t rows = shape[shape.rank() - 2], cols = shape[shape.rank() - 1];
  if (t.numel() == 0) return;
  auto* p = static_cast<double*>(t.view().data);
  for (std::int64_t b = 0; b < t.numel() / (rows * cols); ++b) {
    for (std::int64_t i = 0; i < std::min(rows, cols); ++i) f(p[b * rows * cols + i * cols + i], i);
  }
}

}  // namespace

Tensor sample_separated(SampleSink& s, const Shape& shape) {
  Tensor t = s.values(shape, -0.8, 0.8);
  change_diagonals(t, [](double& x, std::int64_t i) {
    x += i % 2 == 0 ? 3.0 + 2.0 * static_cast<double>(i) : -2.0 - 2.0 * static_cast<double>(i);
  });
  return t;
}

Tensor sample_symmetric(SampleSink& s, const Shape& shape) {
  Tensor t = s.values(shape, -0.6, 0.6);
  const std::int64_t n = shape[shape.rank() - 1];
  auto* p = static_cast<double*>(t.view().data);
  for (std::int64_t b = 0; b < (n == 0 ? 0 : t.numel() / (n * n)); ++b, p += n * n) {
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < i; ++j) p[i * n + j] = p[j * n + i];
    }
  }
  change_diagonals(t, [](double& x, std::int64_t i) { x += 2.5 * static_cast<double>(i) - 1.2; });
  return t;
}

Tensor sample_positive_definite(SampleSink& s, const Shape& shape) {
  Tensor t = sample_symmetric(s, shape);
  change_diagonals(t, [](double& x, std::int64_t) { x += 4.0; });
  return t;
}

}  // namespace gradus
