// Linear algebra: factors multiply up to what was factorised, for sizes below and above LAPACK's blocks;
// golden values; functions that are put together from others and their gradients; what is refused.
#include "gradus/ops/linalg.h"

#include <cmath>
#include <ostream>

#include "gmock/gmock.h"
#include "gradus/base/parallel.h"
#include "gradus/graph/backward.h"
#include "gradus/graph/gradcheck.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/join.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/random.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"
#include "gradus/tests/graph/message.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

using test_ops::message_of;
using ::testing::DoubleNear;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pointwise;

constexpr DType kF64 = DType::f64;

Tensor random(const Shape& shape, DType dtype = kF64) { return normal(shape, 0, 1, {.dtype = dtype}); }
Tensor turned(const Tensor& x) { return transpose(x, -2, -1); }
Tensor unit(const Tensor& like) { return eye(like.size(-1), {.dtype = like.dtype()}); }
Tensor positive_definite(const Shape& shape, DType dtype = kF64) {
  const Tensor a = random(shape, dtype);
  return matmul(a, a, {.trans_b = true}) + unit(a) * static_cast<double>(a.size(-1));
}
std::vector<double> read(const Tensor& t) { return astype(t, kF64).to_vector<double>(); }

// The largest |x - y| relative to the largest |y|.
double distance(const Tensor& x, const Tensor& y) {
  EXPECT_EQ(x.shape(), y.shape());
  if (x.numel() == 0) return 0;
  return amax(abs(x - y)).item() / std::max(1.0, amax(abs(y)).item());
}

template <class F>
void expect_gradients(F f, std::initializer_list<Tensor> inputs, const char* what) {
  const GradcheckResult first = gradcheck(f, inputs);
  EXPECT_TRUE(first) << what << ": " << first.message;
  const GradcheckResult second = gradgradcheck(f, inputs);
  EXPECT_TRUE(second) << what << ": " << second.message;
}

// Random matrices of a size and a dtype, and the error that rounding allows for.
struct Case {
  std::int64_t n;
  DType dtype;
};
void PrintTo(const Case& c, std::ostream* os) { *os << c.n << (c.dtype == kF64 ? " f64" : " f32"); }

class Factors : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override { manual_seed(static_cast<std::uint64_t>(GetParam().n)); }
  std::int64_t n() const { return GetParam().n; }
  DType dtype() const { return GetParam().dtype; }
  double allowed() const { return (dtype() == kF64 ? 1e-14 : 5e-6) * static_cast<double>(n() + 10); }
  Tensor random(const Shape& shape) const { return gradus::random(shape, dtype()); }
};

TEST_P(Factors, Cholesky) {
  const Tensor a = positive_definite({n(), n()}, dtype());
  const Tensor l = linalg::cholesky(a), u = linalg::cholesky(a, true);
  EXPECT_LE(distance(matmul(l, l, {.trans_b = true}), a), allowed());
  EXPECT_LE(distance(u, turned(l)), allowed());
  EXPECT_EQ(distance(tril(l), l), 0);
  const Tensor b = random({n(), 3});
  EXPECT_LE(distance(matmul(a, linalg::cholesky_solve(b, l)), b), 100 * allowed());
  EXPECT_LE(distance(matmul(a, linalg::cholesky_solve(b, u, true)), b), 100 * allowed());
}

TEST_P(Factors, Lu) {
  const Tensor a = random({n(), n()}) + unit(random({n(), n()})) * 3, b = random({n(), 4});
  const linalg::LuFactors f = linalg::lu_factor(a);
  // P^T a = L U: the swaps, one after the other.
  std::vector<double> rows = read(a);
  const auto pivots = f.pivots.to_vector<std::int32_t>();
  for (std::int64_t i = 0; i < n(); ++i) {
    const std::int64_t p = pivots[static_cast<std::size_t>(i)] - 1;
    if (p != i)
      std::swap_ranges(rows.begin() + i * n(), rows.begin() + (i + 1) * n(), rows.begin() + p * n());
  }
  const Tensor l = tril(f.lu, -1) + unit(a), u = triu(f.lu);
  EXPECT_LE(distance(astype(matmul(l, u), kF64), tensor(rows, {n(), n()})), allowed());
  EXPECT_LE(amax(abs(l)).item(), 1.0);
  const double much = 3000 * allowed();
  EXPECT_LE(distance(matmul(a, linalg::lu_solve(f.lu, f.pivots, b)), b), much);
  EXPECT_LE(distance(matmul(a, linalg::lu_solve(f.lu, f.pivots, b, {.adjoint = true}), {.trans_a = true}), b),
            much);
  EXPECT_LE(distance(matmul(linalg::lu_solve(f.lu, f.pivots, turned(b), {.left = false}), a), turned(b)),
            much);
  EXPECT_LE(distance(matmul(linalg::lu_solve(f.lu, f.pivots, turned(b), {.left = false, .adjoint = true}),
                            turned(a)),
                     turned(b)),
            much);
  EXPECT_LE(distance(matmul(a, linalg::solve(a, b)), b), much);
  EXPECT_LE(distance(matmul(linalg::solve(a, turned(b), false), a), turned(b)), much);
  EXPECT_LE(distance(matmul(linalg::inv(a), a), unit(a)), much);
}

TEST_P(Factors, Triangular) {
  const Tensor a = random({n(), n()}) * (1.0 / static_cast<double>(n())) + unit(random({n(), n()})) * 2;
  for (const bool upper : {false, true}) {
    for (const bool unit_diagonal : {false, true}) {
      Tensor t = upper ? triu(a, unit_diagonal ? 1 : 0) : tril(a, unit_diagonal ? -1 : 0);
      if (unit_diagonal) t = t + unit(a);
      for (const std::int64_t columns : {1, 5}) {
        const Tensor b = random({n(), columns});
        const Tensor x = linalg::solve_triangular(a, b, upper, {.unitriangular = unit_diagonal});
        EXPECT_LE(distance(matmul(t, x), b), 100 * allowed());
        const Tensor y =
            linalg::solve_triangular(a, turned(b), upper, {.left = false, .unitriangular = unit_diagonal});
        EXPECT_LE(distance(matmul(y, t), turned(b)), 100 * allowed());
      }
    }
  }
}

TEST_P(Factors, Qr) {
  for (const Shape& shape : {Shape{n(), n()}, Shape{n(), n() / 2 + 1}, Shape{n() / 2 + 1, n()}}) {
    const Tensor a = random(shape);
    for (const char* mode : {"reduced", "complete"}) {
      const auto [q, r] = linalg::qr(a, mode);
      EXPECT_LE(distance(matmul(q, r), a), allowed());
      EXPECT_LE(distance(matmul(q, q, {.trans_a = true}), eye(q.size(-1), {.dtype = dtype()})), allowed());
      EXPECT_EQ(distance(triu(r), r), 0);
    }
    EXPECT_EQ(distance(linalg::qr(a, "r").r, linalg::qr(a).r), 0);
    EXPECT_EQ(linalg::qr(a, "r").q.shape(), (Shape{0}));
  }
}

TEST_P(Factors, Svd) {
  for (const Shape& shape : {Shape{n(), n()}, Shape{n(), n() / 2 + 1}, Shape{n() / 2 + 1, n()}}) {
    const Tensor a = random(shape);
    const std::int64_t k = std::min(shape[0], shape[1]);
    const auto [u, s, vh] = linalg::svd(a, false);
    EXPECT_LE(distance(matmul(u * unsqueeze(s, 0), vh), a), allowed());
    EXPECT_LE(distance(matmul(u, u, {.trans_a = true}), eye(k, {.dtype = dtype()})), allowed());
    EXPECT_LE(distance(matmul(vh, vh, {.trans_b = true}), eye(k, {.dtype = dtype()})), allowed());
    const auto values = read(s);
    EXPECT_TRUE(std::is_sorted(values.rbegin(), values.rend()));
    EXPECT_GE(values.back(), 0);
    EXPECT_LE(distance(linalg::svdvals(a), s), allowed());
    EXPECT_THAT(read(amax(u, 0) - amax(abs(u), 0)), Each(0.0)) << "signs";
    const linalg::Svd full = linalg::svd(a);
    EXPECT_LE(distance(full.s, s), allowed());
    EXPECT_LE(distance(matmul(full.u, full.u, {.trans_a = true}), unit(full.u)), allowed());
    EXPECT_LE(distance(matmul(full.vh, full.vh, {.trans_b = true}), unit(full.vh)), allowed());
    EXPECT_LE(distance(matmul(slice(full.u, 1, 0, k) * unsqueeze(full.s, 0), slice(full.vh, 0, 0, k)), a),
              allowed());
    const Tensor y = linalg::pinv(a);
    const double much = 3000 * allowed();
    EXPECT_LE(distance(matmul(matmul(a, y), a), a), much);
    EXPECT_LE(distance(matmul(matmul(y, a), y), y), much);
    EXPECT_LE(distance(matmul(a, y), turned(matmul(a, y))), much);
    EXPECT_LE(distance(matmul(y, a), turned(matmul(y, a))), much);
    EXPECT_EQ(linalg::matrix_rank(a).item<std::int64_t>(), k);
  }
}

TEST_P(Factors, Eigh) {
  const Tensor half = random({n(), n()}), a = half + turned(half);
  const auto [w, v] = linalg::eigh(a);
  EXPECT_LE(distance(matmul(v * unsqueeze(w, 0), v, {.trans_b = true}), a), allowed());
  EXPECT_LE(distance(matmul(v, v, {.trans_a = true}), unit(a)), allowed());
  const auto values = read(w);
  EXPECT_TRUE(std::is_sorted(values.begin(), values.end()));
  EXPECT_LE(distance(linalg::eigvalsh(a), w), allowed());
  EXPECT_THAT(read(amax(v, 0) - amax(abs(v), 0)), Each(0.0)) << "signs";
  EXPECT_EQ(distance(linalg::eigh(tril(a), "L").eigenvalues, w), 0);
  EXPECT_EQ(distance(linalg::eigh(triu(a), "U").eigenvectors, v), 0);
}

TEST_P(Factors, Determinants) {
  const Tensor a = random({n(), n()}) * (1 / std::sqrt(static_cast<double>(n())));
  const auto [sign, log] = linalg::slogdet(a);
  const double by_values = sum(gradus::log(linalg::svdvals(a))).item();
  EXPECT_NEAR(log.item(), by_values, 100 * allowed());
  EXPECT_NEAR(linalg::det(a).item(), sign.item() * std::exp(log.item()), 100 * allowed());
  const auto scaled = linalg::slogdet(a * 1e30);
  EXPECT_NEAR(scaled.logabsdet.item() / (log.item() + static_cast<double>(n()) * std::log(1e30)), 1,
              100 * allowed())
      << "where the determinant itself overflows";
  if (n() == 1) return;
  const Tensor swapped = concat({slice(a, 0, 1, 2), slice(a, 0, 0, 1), slice(a, 0, 2)}, 0);
  EXPECT_EQ(linalg::slogdet(swapped).sign.item(), -sign.item());
}

INSTANTIATE_TEST_SUITE_P(Sizes, Factors,
                         testing::Values(Case{1, kF64}, Case{2, kF64}, Case{5, kF64}, Case{33, kF64},
                                         Case{130, kF64}, Case{200, kF64}, Case{3, DType::f32},
                                         Case{70, DType::f32}, Case{200, DType::f32}));

TEST(Linalg, GoldenValues) {
  const Tensor a = tensor<double>({{4, 2}, {2, 5}});
  EXPECT_THAT(read(linalg::cholesky(a)), ElementsAre(2, 0, 1, 2));
  EXPECT_THAT(read(linalg::cholesky(a, true)), ElementsAre(2, 1, 0, 2));
  EXPECT_NEAR(linalg::det(a).item(), 16, 1e-13);
  EXPECT_THAT(read(linalg::inv(a)), Pointwise(DoubleNear(1e-15), {0.3125, -0.125, -0.125, 0.25}));
  const auto [q, r] = linalg::qr(tensor<double>({{3, 1}, {4, 2}}));
  EXPECT_THAT(read(r), Pointwise(DoubleNear(1e-15), {-5.0, -2.2, 0.0, 0.4}));
  EXPECT_THAT(read(q), Pointwise(DoubleNear(1e-15), {-0.6, -0.8, -0.8, 0.6}));
  const auto [w, v] = linalg::eigh(tensor<double>({{2, 1}, {1, 2}}));
  EXPECT_THAT(read(w), Pointwise(DoubleNear(1e-15), {1.0, 3.0}));
  EXPECT_THAT(read(linalg::svdvals(tensor<double>({{3, 0}, {4, 5}}))),
              Pointwise(DoubleNear(1e-14), {std::sqrt(45.0), std::sqrt(5.0)}));
  const linalg::LuFactors f = linalg::lu_factor(tensor<double>({{1, 2}, {4, 2}}));
  EXPECT_THAT(read(f.lu), ElementsAre(4, 2, 0.25, 1.5));
  EXPECT_THAT(f.pivots.to_vector<std::int32_t>(), ElementsAre(2, 2));
}

TEST(Linalg, SolveTellsVectorsFromMatrices) {
  manual_seed(1);
  const Tensor a = random({2, 3, 3}) + eye(3, {.dtype = kF64}) * 4;
  const Tensor one = select(a, 0, 0), b = random({3});
  EXPECT_LE(distance(mv(one, linalg::solve(one, b)), b), 1e-13);
  EXPECT_LE(distance(mv(turned(one), linalg::solve(one, b, false)), b), 1e-13);
  EXPECT_EQ(linalg::solve(a, random({2, 3})).shape(), (Shape{2, 3})) << "a vector for each matrix";
  EXPECT_EQ(linalg::solve(a, b).shape(), (Shape{2, 3})) << "one vector for all";
  EXPECT_EQ(linalg::solve(a, random({3, 4})).shape(), (Shape{2, 3, 4}));
  EXPECT_EQ(linalg::solve(a, random({5, 1, 4, 3}), false).shape(), (Shape{5, 2, 4, 3}));
  expect_gradients([](const Tensor& m, const Tensor& x) { return linalg::solve(m, x, false); },
                   {a, random({2, 3})}, "vectors from the right");
  expect_gradients([](const Tensor& m, const Tensor& x) { return linalg::solve(m, x); }, {a, b},
                   "one vector");
}

TEST(Linalg, DetOfSingularMatricesHasItsGradient) {
  // d det = cofactors: here of rank n - 1 and n - 2.
  Tensor a = tensor<double>({{1, 2}, {2, 4}});
  a.requires_grad(true);
  linalg::det(a).backward();
  EXPECT_THAT(read(a.grad()), Pointwise(DoubleNear(1e-14), {4.0, -2.0, -2.0, 1.0}));
  Tensor b = tensor<double>({{1, 2, 3}, {2, 4, 6}, {1, 2, 3}});
  b.requires_grad(true);
  linalg::det(b).backward();
  EXPECT_THAT(read(b.grad()), Each(DoubleNear(0, 1e-14)));
  // The second derivative is there for every rank: det(t x + y) of order 3 at a matrix of zeros is 0, of
  // order 2 it is not.
  Tensor c = zeros({2, 2}, TensorOptions{.dtype = kF64, .requires_grad = true});
  const Tensor direction = tensor<double>({{1, 0}, {0, 0}});
  const std::vector<Tensor> first = grad(linalg::det(c), {c}, {.create_graph = true});
  const std::vector<Tensor> second = grad(sum(first[0] * direction), {c});
  EXPECT_THAT(read(second[0]), Pointwise(DoubleNear(1e-15), {0.0, 0.0, 0.0, 1.0}));
}

TEST(Linalg, SlogdetOfSingularMatrices) {
  Tensor a = tensor<double>({{{1, 2}, {2, 4}}, {{2, 0}, {0, -4}}});
  a.requires_grad(true);
  const auto [sign, log] = linalg::slogdet(a);
  EXPECT_THAT(read(sign), ElementsAre(0, -1));
  EXPECT_EQ(read(log)[0], -HUGE_VAL);
  EXPECT_NEAR(read(log)[1], std::log(8), 1e-15);
  // What where() cuts off does not leak NaN.
  sum(where(eq(sign, 0), 0, log)).backward();
  EXPECT_THAT(read(a.grad()), ElementsAre(0, 0, 0, 0, 0.5, 0, 0, -0.25));
  a.clear_grad();
  sum(linalg::slogdet(a).logabsdet).backward();
  EXPECT_TRUE(std::isnan(read(a.grad())[0]));
  EXPECT_EQ(read(a.grad())[4], 0.5);
}

TEST(Linalg, SymmetricOperandsShareTheGradient) {
  Tensor a = tensor<double>({{4, 2}, {2, 5}});
  a.requires_grad(true);
  sum(linalg::cholesky(a)).backward();
  // L = [[2, 0], [1, 2]]; by a[0, 0]: 1/4 - 1/8 + 1/16, by both a[0, 1] and a[1, 0]: 1/2 - 1/4.
  EXPECT_THAT(read(a.grad()), Pointwise(DoubleNear(1e-15), {0.1875, 0.125, 0.125, 0.25}));
  for (const auto& [uplo, other] : {std::pair("L", 1), std::pair("U", 2)}) {
    a.clear_grad();
    sum(linalg::eigh(a, uplo).eigenvectors).backward();
    EXPECT_EQ(read(a.grad())[static_cast<std::size_t>(other)], 0) << uplo;
  }
  // Rounding does not make a matrix asymmetric, another number does.
  EXPECT_NO_THROW(linalg::cholesky(tensor<double>({{4, 2.0001}, {2, 5}})));
  EXPECT_THROW(linalg::cholesky(tensor<double>({{4, 2.1}, {2, 5}})), ValueError);
}

TEST(Linalg, EqualEigenvaluesHaveDerivativesButNotTheirVectors) {
  const Tensor a = eye(3, {.dtype = kF64}) * 2;
  EXPECT_TRUE(gradcheck([](const Tensor& x) { return sum(square(linalg::svdvals(x))); }, {a}));
  EXPECT_TRUE(gradcheck([](const Tensor& x) { return sum(linalg::eigvalsh(x)); }, {a}));
  Tensor x = a.clone_detached();
  x.requires_grad(true);
  sum(linalg::eigh(x).eigenvalues).backward();
  EXPECT_THAT(read(x.grad()), Pointwise(DoubleNear(1e-15), {1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0}));
  x.clear_grad();
  sum(matmul(linalg::eigh(x).eigenvectors, random({3, 1}))).backward();
  EXPECT_FALSE(std::isfinite(sum(x.grad()).item()));
}

TEST(Linalg, GradientsOfPartsThatExist) {
  manual_seed(2);
  const Tensor tall = random({4, 2}) + eye(4, 2, {.dtype = kF64}) * 3, wide = turned(tall);
  const auto svd_parts = [](std::int64_t k) {
    return [k](const Tensor& x) {
      const linalg::Svd f = linalg::svd(x);
      return std::vector<Tensor>{slice(f.u, -1, 0, k), f.s, slice(f.vh, -2, 0, k)};
    };
  };
  expect_gradients(svd_parts(2), {tall}, "svd, full, tall");
  expect_gradients(svd_parts(2), {wide}, "svd, full, wide");
  expect_gradients([](const Tensor& x) { return linalg::svd(x).s; }, {tall}, "svd, values only");
  expect_gradients(
      [](const Tensor& x) {
        const linalg::Qr f = linalg::qr(x, "complete");
        return std::vector<Tensor>{slice(f.q, -1, 0, 2), f.r};
      },
      {tall}, "qr, complete, tall");
  Tensor x = tall.clone_detached();
  x.requires_grad(true);
  EXPECT_THAT(message_of<GraphError>([&] { sum(linalg::svd(x).u).backward(); }),
              HasSubstr("backward of linalg_svd: the columns of u or rows of vh beyond min(m, n) have no "
                        "derivative"));
  EXPECT_THAT(message_of<GraphError>([&] { sum(linalg::qr(x, "complete").q).backward(); }),
              HasSubstr("backward of linalg_qr: the columns of q beyond 2 have no derivative"));
}

TEST(Linalg, GradientsOfCompositions) {
  manual_seed(3);
  const Tensor a = random({3, 3}) + eye(3, {.dtype = kF64}) * 4, spd = positive_definite({3, 3});
  expect_gradients(
      [](const Tensor& b, const Tensor& m) { return linalg::cholesky_solve(b, linalg::cholesky(m)); },
      {random({2, 3, 2}), spd}, "cholesky_solve");
  expect_gradients([](const Tensor& b,
                      const Tensor& m) { return linalg::cholesky_solve(b, linalg::cholesky(m, true), true); },
                   {random({3, 1}), spd}, "cholesky_solve, upper");
  expect_gradients(
      [](const Tensor& m, const Tensor& b) {
        const linalg::LuFactors f = linalg::lu_factor(m);
        return linalg::lu_solve(f.lu, f.pivots, b, {.left = false});
      },
      {random({3, 3}), random({2, 3})}, "lu_solve");
  expect_gradients([](const Tensor& m) { return linalg::matrix_power(m, 5); }, {a * 0.2}, "a^5");
  expect_gradients([](const Tensor& m) { return linalg::matrix_power(m, -2); }, {a}, "a^-2");
  expect_gradients([](const Tensor& m) { return linalg::matrix_exp(m); }, {random({2, 3, 3}) * 0.1},
                   "small exp");
  expect_gradients([](const Tensor& m) { return linalg::matrix_exp(m); }, {random({3, 3})}, "exp");
  expect_gradients([](const Tensor& m) { return linalg::matrix_exp(m); },
                   {concat({random({1, 2, 2}), random({1, 2, 2}) * 0.01 + eye(2, {.dtype = kF64}) * 6})},
                   "exp with squarings");
  expect_gradients(
      [](const Tensor& m, const Tensor& b) {
        const linalg::Lstsq f = linalg::lstsq(m, b);
        return std::vector<Tensor>{f.solution, f.residuals};
      },
      {random({4, 2}) + eye(4, 2, {.dtype = kF64}) * 3, random({4, 2})}, "lstsq, tall");
  expect_gradients([](const Tensor& m, const Tensor& b) { return linalg::lstsq(m, b).solution; },
                   {random({2, 4}) + eye(2, 4, {.dtype = kF64}) * 3, random({3, 2, 1})}, "lstsq, wide");
  for (const double ord : {1.0, -1.0, 2.0, -2.0, HUGE_VAL, -HUGE_VAL}) {
    expect_gradients([ord](const Tensor& m) { return linalg::matrix_norm(m, ord); }, {a}, "matrix_norm");
    expect_gradients([ord](const Tensor& m) { return linalg::cond(m, ord); }, {a}, "cond");
  }
  for (const char* ord : {"fro", "nuc"}) {
    expect_gradients(
        [ord](const Tensor& m) {
          return linalg::matrix_norm(m, ord, {0, 2});
        },
        {random({3, 2, 2})}, ord);
    expect_gradients([ord](const Tensor& m) { return linalg::cond(m, ord); }, {a}, ord);
  }
}

TEST(Linalg, MatrixExp) {
  const Tensor zero = zeros({3, 3}, kF64);
  EXPECT_LE(distance(linalg::matrix_exp(zero), unit(zero)), 1e-15);
  const double t = 30;  // a rotation by 30
  const Tensor turn = linalg::matrix_exp(tensor<double>({{0, -t}, {t, 0}}));
  EXPECT_THAT(read(turn),
              Pointwise(DoubleNear(1e-13), {std::cos(t), -std::sin(t), std::sin(t), std::cos(t)}));
  EXPECT_THAT(read(linalg::matrix_exp(tensor<double>({{0, 5}, {0, 0}}))),
              Pointwise(DoubleNear(1e-14), {1.0, 5.0, 0.0, 1.0}));
  manual_seed(4);
  const Tensor a = random({20, 20});
  EXPECT_LE(distance(matmul(linalg::matrix_exp(a), linalg::matrix_exp(-a)), unit(a)), 1e-10);
  // By the spectrum.
  const Tensor s = a + turned(a);
  const auto [w, v] = linalg::eigh(s);
  EXPECT_LE(distance(linalg::matrix_exp(s), matmul(v * unsqueeze(exp(w), 0), v, {.trans_b = true})), 1e-12);
  const Tensor small = astype(s * 0.2, DType::f32);
  EXPECT_LE(distance(astype(linalg::matrix_exp(small), kF64), linalg::matrix_exp(astype(small, kF64))), 1e-5);
  // Each matrix has its own scaling.
  const Tensor pair = stack({a * 10, a * 1e-3});
  EXPECT_LE(distance(select(linalg::matrix_exp(pair), 0, 1), linalg::matrix_exp(a * 1e-3)), 4e-15);
  EXPECT_EQ(linalg::matrix_exp(zeros({2, 0, 0})).shape(), (Shape{2, 0, 0}));
  EXPECT_THAT(message_of<ValueError>([] {
                linalg::matrix_exp(full({2, 2}, INFINITY));
              }),
              HasSubstr("linalg_matrix_exp: an element or a sum of a column is not finite: a [2, 2] f32"));
}

TEST(Linalg, MatrixExpOfHalvesComputesInF32) {
  const Tensor a = tensor<double>({{0.5, 0.25}, {-1, 2}});
  for (const DType dtype : {DType::f16, DType::bf16}) {
    const Tensor y = linalg::matrix_exp(astype(a, dtype));
    EXPECT_EQ(y.dtype(), dtype);
    EXPECT_LE(distance(astype(y, kF64), linalg::matrix_exp(a)), dtype == DType::f16 ? 1e-3 : 8e-3);
  }
}

TEST(Linalg, MatrixPower) {
  Tensor a = tensor<double>({{1, 1}, {1, 0}});
  EXPECT_THAT(read(linalg::matrix_power(a, 10)), ElementsAre(89, 55, 55, 34));
  EXPECT_THAT(read(linalg::matrix_power(a, 1)), ElementsAre(1, 1, 1, 0));
  EXPECT_THAT(read(linalg::matrix_power(a, -3)), Pointwise(DoubleNear(1e-14), {-1.0, 2.0, 2.0, -3.0}));
  a.requires_grad(true);
  const Tensor one = linalg::matrix_power(a, 0);
  EXPECT_THAT(read(one), ElementsAre(1, 0, 0, 1));
  sum(one).backward();
  EXPECT_THAT(read(a.grad()), Each(0.0));
  EXPECT_THROW(linalg::matrix_power(zeros({2, 2}), -1), ValueError);
}

TEST(Linalg, LeastSquares) {
  manual_seed(5);
  const Tensor tall = random({3, 20, 4}), b = random({3, 20, 2});
  const auto [x, residuals] = linalg::lstsq(tall, b);
  // The normal equations.
  EXPECT_LE(amax(abs(matmul(tall, matmul(tall, x) - b, {.trans_a = true}))).item(), 1e-12);
  EXPECT_LE(distance(residuals, sum(square(matmul(tall, x) - b), 1)), 1e-13);
  const Tensor wide = random({4, 20}), c = random({4, 2});
  EXPECT_LE(distance(linalg::lstsq(wide, c).solution, matmul(linalg::pinv(wide), c)), 1e-12);
  EXPECT_EQ(linalg::lstsq(wide, c).residuals.shape(), (Shape{0}));
  EXPECT_THAT(message_of<ValueError>([&] {
                linalg::lstsq(tensor<double>({{1, 2}, {2, 4}, {3, 6}}), ones({3, 1}, kF64));
              }),
              HasSubstr("linalg_lstsq: the rank of a [3, 2] f64 is not full"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                linalg::lstsq(wide, random({3, 2}));
              }),
              HasSubstr("linalg_lstsq: sizes differ: a [4, 20] f64 has 4 rows, b [3, 2] f64 has 3 rows"));
  EXPECT_THAT(message_of<ShapeError>([&] { linalg::lstsq(wide, random({4})); }),
              HasSubstr("linalg_lstsq: takes matrices, at least two axes: b [4] f64"));
}

TEST(Linalg, RankAndTolerance) {
  const Tensor a = tensor<double>({{{1, 2}, {2, 4}}, {{1, 0}, {0, 1e-3}}, {{0, 0}, {0, 0}}});
  EXPECT_THAT(linalg::matrix_rank(a).to_vector<std::int64_t>(), ElementsAre(1, 2, 0));
  EXPECT_THAT(linalg::matrix_rank(a, {.rtol = 0.01}).to_vector<std::int64_t>(), ElementsAre(1, 1, 0));
  EXPECT_THAT(linalg::matrix_rank(a, {.atol = 6.0}).to_vector<std::int64_t>(), ElementsAre(0, 0, 0));
  EXPECT_EQ(linalg::matrix_rank(zeros({3, 0})).item<std::int64_t>(), 0);
  EXPECT_THAT(read(linalg::pinv(select(a, 0, 0))), Pointwise(DoubleNear(1e-15), {0.04, 0.08, 0.08, 0.16}));
  EXPECT_THAT(message_of<ValueError>([&] { linalg::pinv(a, {.rtol = -1.0}); }),
              HasSubstr("linalg_pinv: rtol is -1; a tolerance is not negative"));
}

TEST(Linalg, Norms) {
  const Tensor a = tensor<double>({{1, -2}, {3, 4}});
  EXPECT_NEAR(linalg::matrix_norm(a).item(), std::sqrt(30), 1e-14);
  EXPECT_EQ(linalg::matrix_norm(a, 1).item(), 6);
  EXPECT_EQ(linalg::matrix_norm(a, -1).item(), 4);
  EXPECT_EQ(linalg::matrix_norm(a, HUGE_VAL).item(), 7);
  EXPECT_EQ(linalg::matrix_norm(a, -HUGE_VAL).item(), 3);
  const auto s = read(linalg::svdvals(a));
  EXPECT_NEAR(linalg::matrix_norm(a, 2).item(), s[0], 1e-14);
  EXPECT_NEAR(linalg::matrix_norm(a, -2).item(), s[1], 1e-14);
  EXPECT_NEAR(linalg::matrix_norm(a, "nuc").item(), s[0] + s[1], 1e-14);
  EXPECT_EQ(linalg::vector_norm(a, 1).item(), 10);
  EXPECT_NEAR(linalg::cond(a).item(), s[0] / s[1], 1e-13);
  EXPECT_NEAR(linalg::cond(a, 1).item(), 6 * 0.7, 1e-14);
  EXPECT_EQ(linalg::cond(ones({2, 2}), 1).item(), HUGE_VAL);
  EXPECT_EQ(linalg::cond(zeros({2, 2})).item(), HUGE_VAL);
  const Tensor x = ones({2, 3, 4}, kF64);
  EXPECT_EQ(linalg::matrix_norm(x, 1, {0, 2}).shape(), (Shape{3}));
  EXPECT_EQ(linalg::matrix_norm(x, 2, {2, 0}, true).shape(), (Shape{1, 3, 1}));
  EXPECT_EQ(linalg::matrix_norm(x, "fro", {0, 1}, true).shape(), (Shape{1, 1, 4}));
  EXPECT_EQ(linalg::matrix_norm(x, 1, {0, 2}).to_vector<double>()[0], 2);
  EXPECT_EQ(linalg::matrix_norm(x, 1, {2, 0}).to_vector<double>()[0], 4);
}

TEST(Linalg, BatchesAreTheirMatrices) {
  manual_seed(6);
  const Tensor a = random({150, 4, 4}) + eye(4, {.dtype = kF64}) * 3;
  const Tensor y = linalg::inv(a), d = linalg::det(a), s = linalg::svdvals(a);
  for (const std::int64_t i : {0, 77, 149}) {
    EXPECT_EQ(read(select(y, 0, i)), read(linalg::inv(select(a, 0, i))));
    EXPECT_EQ(read(select(d, 0, i)), read(linalg::det(select(a, 0, i))));
    EXPECT_EQ(read(select(s, 0, i)), read(linalg::svdvals(select(a, 0, i))));
  }
  const int before = threads();
  const Tensor large = positive_definite({40, 24, 24});
  std::vector<std::vector<double>> got[2];
  for (const int n : {1, 2}) {
    set_threads(n);
    got[n - 1] = {read(linalg::inv(large)), read(linalg::cholesky(large)),
                  read(linalg::eigh(large).eigenvectors), read(linalg::qr(large).q),
                  read(linalg::svd(large).u)};
  }
  set_threads(before);
  EXPECT_EQ(got[0], got[1]);
}

TEST(Linalg, LargeMatricesAreSharedOut) {
  manual_seed(7);
  const int before = threads();
  const Tensor a = random({400, 400}), spd = positive_definite({400, 400}), b = random({400, 2});
  for (const int n : {1, 2}) {
    set_threads(n);
    EXPECT_LE(distance(matmul(a, linalg::inv(a)), unit(a)), 1e-9);
    EXPECT_LE(distance(matmul(a, linalg::solve(a, b)), b), 1e-9);
    const Tensor l = linalg::cholesky(spd);
    EXPECT_LE(distance(matmul(l, l, {.trans_b = true}), spd), 1e-12);
  }
  set_threads(before);
}

TEST(Linalg, WhatIsRefused) {
  const Tensor a = ones({2, 2}, kF64);
  EXPECT_THAT(message_of<ValueError>([&] { linalg::qr(a, "full"); }),
              HasSubstr("linalg_qr: mode is \"full\"; it must be \"reduced\", \"complete\" or \"r\""));
  EXPECT_THAT(message_of<ValueError>([&] { linalg::eigh(a, "X"); }),
              HasSubstr("linalg_eigh: uplo is \"X\"; it must be \"L\", \"U\" or empty"));
  EXPECT_THAT(message_of<ValueError>([&] { linalg::matrix_norm(a, 3); }),
              HasSubstr("linalg_matrix_norm: ord is 3; it must be 1, 2, inf, or one of them negative"));
  EXPECT_THAT(message_of<ValueError>([&] { linalg::matrix_norm(a, "two"); }),
              HasSubstr("linalg_matrix_norm: ord is \"two\"; it must be \"fro\", \"nuc\" or a number"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                linalg::matrix_norm(a, 1, {0, 0});
              }),
              HasSubstr("linalg_matrix_norm: axis 0 is named twice: a [2, 2] f64"));
  EXPECT_THAT(message_of<ShapeError>([&] { linalg::matrix_norm(a, 1, {0}); }),
              HasSubstr("linalg_matrix_norm: takes two axes, those of rows and columns, not 1"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                linalg::matrix_norm(a, 1, {0, 2});
              }),
              HasSubstr("linalg_matrix_norm: axis 2 is out of range: a [2, 2] f64 has the axes -2..1"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                linalg::matrix_power(ones({2, 3}), 2);
              }),
              HasSubstr("linalg_matrix_power: takes square matrices: a [2, 3] f32"));
  EXPECT_THAT(message_of<DtypeError>([&] {
                linalg::matrix_exp(ones({2, 2}, DType::i64));
              }),
              HasSubstr("linalg_matrix_exp: takes floating-point numbers: a [2, 2] i64"));
  EXPECT_THAT(message_of<ShapeError>([&] { linalg::solve(a, ones({}, kF64)); }),
              HasSubstr("linalg_solve: takes vectors and matrices: b [] f64 is a scalar"));
  EXPECT_THAT(message_of<ShapeError>([&] { linalg::solve(ones({2}, kF64), a, false); }),
              HasSubstr("linalg_solve: takes matrices, at least two axes: a [2] f64"));
  EXPECT_THAT(message_of<ValueError>([&] { linalg::solve(a, ones({2}, kF64)); }),
              HasSubstr("linalg_test.cc:"));
}

TEST(Linalg, NanGoesThroughWhereNothingIsDecided) {
  const Tensor a = tensor<double>({{1, NAN}, {2, 3}});
  EXPECT_TRUE(std::isnan(linalg::det(a).item()));
  EXPECT_TRUE(std::isnan(read(linalg::inv(a))[0]));
  EXPECT_TRUE(std::isnan(read(linalg::solve(a, ones({2}, kF64)))[0]));
  EXPECT_THROW(linalg::cholesky(full({2, 2}, NAN, kF64)), ValueError);
  EXPECT_THROW(linalg::eigh(full({2, 2}, NAN, kF64)), ValueError);
}

}  // namespace
}  // namespace gradus
