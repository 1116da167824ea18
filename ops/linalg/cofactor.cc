// cofactor: the matrix of cofactors of a, d det(a) / d a. Where a is well conditioned it is det(a) a^-T by LU
// factorisation. Otherwise, from the singular value decomposition, d U diag(p) V^T with d = det(U) det(V) and
// p[i] the product of all singular values but number i (G. W. Stewart, "On the adjugate matrix", Linear
// Algebra Appl. 283 (1998)): no division, so exact for every rank.
// Derivative: it is a polynomial. With G = U^T g V and q[i, j] the product of all singular values but i and
// j, the gradient is d U H V^T, H[j, j] = sum_i q[i, j] G[i, i] and H[i, j] = -q[i, j] G[j, i], i != j. Again
// no division: the second derivative of the determinant is right for every rank, also where singular values
// are equal. The third one comes from the derivative of the decomposition (or of a^-1, where a is well
// conditioned).
#include <cmath>
#include <limits>

#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/classify.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/join.h"
#include "gradus/ops/kernels/gemm.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/linalg/checks.h"
#include "gradus/ops/linalg/linalg.h"
#include "gradus/ops/linalg/lu.h"
#include "gradus/ops/linalg/matrices.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/scan.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

// Scratch memory of one slot.
struct Room {
  Room(std::int64_t n, DType dtype)
      : matrix(room(n * n, dtype)),
        list(room(n, dtype)),
        pivots(room(n, DType::i32)),
        work(std::max(kernels::lu_inverse_work(n, dtype),
                      kernels::svd_work(n, n, kernels::Vectors::reduced, dtype))) {}
  std::size_t all() const { return 3 * matrix + list + pivots + work; }
  std::size_t matrix, list, pivots, work;
};

void infer(InferContext& c) {
  require_square(c, 0);
  const std::int64_t n = c.dim(0, c.rank(0) - 1);
  require_svd_fits(c, 0);
  c.set_out_like(0, 0);
  if (c.numel(0) == 0) return;
  c.set_scratch(slot_bytes(Room(n, c.dtype(0)).all()) *
                static_cast<std::size_t>(slots_of(c.numel(0) / (n * n))));
}

bool odd_swaps(const std::int32_t* pivots, std::int64_t n) {
  bool odd = false;
  for (std::int64_t k = 0; k < n; ++k) odd ^= pivots[k] != k + 1;
  return odd;
}

// Whether the determinant of an orthogonal matrix is -1. Destroys it.
template <class T>
bool reflects(std::int64_t n, T* q, std::int32_t* pivots) {
  kernels::lu_factor(n, q, pivots);
  bool odd = odd_swaps(pivots, n);
  for (std::int64_t k = 0; k < n; ++k) odd ^= q[k * n + k] < T{0};
  return odd;
}

template <class T>
void cofactors(const KernelContext& c, const Matrices& a, std::int64_t i, std::byte* memory, T* out) {
  const std::int64_t n = a.rows();
  const Room room(n, c.in[0].dtype);
  T* u = reinterpret_cast<T*>(memory);
  T* vh = reinterpret_cast<T*>(memory + room.matrix);
  T* copy = reinterpret_cast<T*>(memory + 2 * room.matrix);
  T* s = reinterpret_cast<T*>(memory + 3 * room.matrix);
  auto* pivots = reinterpret_cast<std::int32_t*>(memory + 3 * room.matrix + room.list);
  std::byte* work = memory + 3 * room.matrix + room.list + room.pivots;

  a.load(i, out, true);
  for (std::int64_t k = 0; k < n * n; ++k) {
    if (std::isfinite(out[k])) continue;
    return void(std::fill_n(out, n * n, static_cast<T>(NAN)));
  }
  kernels::lu_factor(n, out, pivots);
  T least = std::abs(out[0]), most = least;
  double det = odd_swaps(pivots, n) ? -1 : 1;
  for (std::int64_t k = 0; k < n; ++k) {
    const T pivot = out[k * n + k];
    least = std::min(least, std::abs(pivot));
    most = std::max(most, std::abs(pivot));
    det *= pivot;
  }
  if (least > most * std::sqrt(std::numeric_limits<T>::epsilon())) {
    // What was loaded is a's transpose to us, and its inverse's.
    kernels::lu_inverse(n, out, pivots, work);
    for (std::int64_t k = 0; k < n * n; ++k) out[k] = static_cast<T>(det * out[k]);
    return;
  }
  a.load(i, copy);
  if (!kernels::svd(n, n, kernels::Vectors::reduced, copy, s, u, vh, work)) {
    c.fail_value("the singular values of " + matrix_name(c, 0, i) + " do not converge");
  }
  // Rows of vh by the products, then the product with u.
  std::copy_n(u, n * n, copy);
  bool negative = reflects(n, copy, pivots);
  std::copy_n(vh, n * n, copy);
  negative ^= reflects(n, copy, pivots);
  double before = negative ? -1 : 1;
  for (std::int64_t k = 0; k < n; ++k) {
    double p = before;
    for (std::int64_t j = k + 1; j < n; ++j) p *= s[j];
    for (std::int64_t j = 0; j < n; ++j) vh[k * n + j] = static_cast<T>(p * vh[k * n + j]);
    before *= s[k];
  }
  kernels::gemm(c.in[0].dtype, false, false, n, n, n, 1.0, u, n, vh, n, 0.0, out, n);
}

void kernel(KernelContext& c) {
  const View& out = c.out[0];
  if (out.numel == 0) return;
  const Matrices a(c.in[0]);
  const std::int64_t n = a.rows();
  with_floating(out.dtype, [&]<class T>(T) {
    for_each_matrix(a.count(), n * n * n, [&](std::int64_t i, std::int64_t slot) {
      cofactors(c, a, i, slot_at(c, Room(n, out.dtype).all(), slot), out.as<T>() + i * n * n);
    });
  });
}

// Whether every matrix is far from singular.
bool well_conditioned(const Tensor& a) {
  const Tensor s = linalg::svdvals(constant(a));
  const std::int64_t n = s.shape()[s.rank() - 1];
  const auto v = linalg::numbers_of(s);
  for (std::size_t i = 0; i < v.size(); i += static_cast<std::size_t>(n)) {
    if (!(v[i + static_cast<std::size_t>(n) - 1] > 1e-3 * v[i])) return false;
  }
  return true;
}

// Products of the elements before each one, along the last axis.
Tensor products_before(const Tensor& x) {
  Shape one = x.shape();
  const std::int64_t n = one[one.rank() - 1];
  one[one.rank() - 1] = 1;
  return concat({ones(one, x.dtype()), cumprod(slice(x, -1, 0, n - 1), -1)}, -1);
}

// q[i, j]: the product of all s but numbers i and j; 0 on the diagonal.
Tensor products_without_pairs(const Tensor& s) {
  Shape square = s.shape();
  const std::int64_t n = square[square.rank() - 1];
  square.push_back(n);
  const Tensor behind = triu(ones({n, n}, s.dtype()), 1);
  // Row i: s where it comes behind i, 1 elsewhere; so products of what lies between i and j.
  const Tensor between = products_before(where(gt(behind, 0), expand(unsqueeze(s, -2), square), 1));
  const Tensor before = products_before(s), after = flip(products_before(flip(s, -1)), -1);
  const Tensor upper = triu(mul(mul(unsqueeze(before, -1), between), unsqueeze(after, -2)), 1);
  return add(upper, matrix_transpose(upper));
}

// For finite a with the cofactors y.
Tensor gradient(const Tensor& a, const Tensor& y, const Tensor& g) {
  if (well_conditioned(a)) {
    const Tensor x = matrix_transpose(linalg::inv(a));
    const Tensor inner = sum(mul(g, y), {-2, -1});
    return sub(scale_matrices(x, inner), matmul(matmul(y, g, {.trans_b = true}), x));
  }
  const auto [u, s, vh] = linalg::svd(a, false);
  const Tensor d = mul(linalg::det(constant(u)), linalg::det(constant(vh)));
  const Tensor inner = matmul(matmul(u, g, {.trans_a = true}), vh, {.trans_b = true});
  const Tensor q = products_without_pairs(s);
  const Tensor diagonals = matmul(q, unsqueeze(diagonal(inner, 0, -2, -1), -1));
  const Tensor h = sub(diag_embed(squeeze(diagonals, -1)), mul(q, matrix_transpose(inner)));
  return scale_matrices(matmul(matmul(u, h), vh), round(d));
}

void rule(RuleContext& c) {
  const Tensor a = c.input(0), g = c.grad();
  if (a.numel() == 0) return c.set(0, zero_gradient(c, 0));
  const Tensor finite = all(isfinite(a), {-2, -1}, true);
  const auto flags = finite.to_vector<std::uint8_t>();
  if (std::find(flags.begin(), flags.end(), 0) == flags.end()) return c.set(0, gradient(a, c.output(), g));
  // The unit matrix stands in for one with NaN or infinities.
  const Tensor unit = eye(a.size(-1), {.dtype = a.dtype()});
  const Tensor known = gradient(where(finite, a, unit), where(finite, c.output(), unit), g);
  c.set(0, where(finite, known, NAN));
}

void samples(SampleSink& s) {
  s.add({sample_separated(s, {3, 3})});
  s.add({s.values({2, 1, 2, 2})}, {}, {.note = "a batch"});
  s.add({sample_separated(s, {20, 2, 2})}, {}, {.note = "more matrices than slots"});
  s.add({SampleSink::f64({2, 2}, {1, 2, 2, 4})}, {}, {.note = "rank n - 1"});
  s.add({SampleSink::f64({3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9})}, {}, {.note = "rank n - 1, size 3"});
  s.add({SampleSink::f64({4, 4}, {1, 0, 0, 1, 0, 3, 0, 0, 0, 0, 4, 0, 1, 0, 0, 1})}, {},
        {.note = "rank n - 1, size 4"});
  s.add({SampleSink::f64({3, 3}, {1, 2, 3, 2, 4, 6, 1, 2, 3})}, {},
        {.gradcheck = false, .note = "rank n - 2"});
  s.add({SampleSink::f64({1, 1}, {4})}, {}, {.note = "size 1"});
  s.add({SampleSink::f64({1, 1}, {0})}, {}, {.note = "size 1, singular"});
  s.add({s.values({2, 0, 0})}, {}, {.note = "of nothing"});
  s.add({s.values({0, 2, 2})}, {}, {.note = "no matrices"});
  s.add({SampleSink::f64({2, 2}, {NAN, 1, 2, 3})}, {}, {.gradcheck = false, .note = "NaN"});
  sample_square_errors(s, "linalg_cofactor", NoAttrs{});
}

constexpr const char* kInputs[] = {"a"};
constexpr SaveMask kSaves[] = {in(0) | out(0)};

}  // namespace

extern constinit const OpDef op_linalg_cofactor = {
    .name = "linalg_cofactor",
    .doc = "the cofactors of a square matrix: the determinant's derivative",
    .inputs = kInputs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = det(a) a^-T",
};

Tensor linalg_cofactor(const Tensor& a) { return apply(op_linalg_cofactor, {a}); }

}  // namespace gradus
