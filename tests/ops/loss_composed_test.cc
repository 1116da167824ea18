// The losses beside cross entropy and the squared error: values from plain loops by PyTorch's definitions,
// derivatives of first and second order, kinks, and what they refuse.
#include <cmath>
#include <functional>
#include <limits>

#include "gmock/gmock.h"
#include "gradus/graph/backward.h"
#include "gradus/graph/gradcheck.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/loss.h"
#include "gradus/ops/reduction.h"
#include "gradus/tests/graph/message.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

using test_ops::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr double kInf = std::numeric_limits<double>::infinity();

Tensor values(const Shape& shape, double lo, double hi, double start = 0.3) {
  Tensor x = empty(shape, DType::f64);
  for (double& e : x.mutable_span<double>()) e = lo + (hi - lo) * (0.5 + 0.5 * std::sin(start += 1.7));
  return x;
}

Tensor ones_and_minus_ones(const Shape& shape) {
  Tensor x = empty(shape, DType::i64);
  int i = 0;
  for (std::int64_t& e : x.mutable_span<std::int64_t>()) e = i++ % 3 == 0 ? -1 : 1;
  return x;
}

using Loss = std::function<Tensor(Reduction)>;

// The three reductions of what `expected` gives for element i.
void expect_losses(const Loss& loss, std::size_t n, const std::function<double(std::size_t)>& expected) {
  const auto got = loss(Reduction::none).to_vector<double>();
  ASSERT_EQ(got.size(), n);
  double total = 0;
  for (std::size_t i = 0; i < n; ++i) {
    EXPECT_NEAR(got[i], expected(i), 1e-12) << "element " << i;
    total += expected(i);
  }
  EXPECT_NEAR(loss(Reduction::sum).item(), total, 1e-11);
  EXPECT_NEAR(loss(Reduction::mean).item(), total / static_cast<double>(n), 1e-11);
}

template <class F>
void expect_derivatives(F f, std::initializer_list<Tensor> inputs) {
  const GradcheckResult first = gradcheck(f, inputs);
  EXPECT_TRUE(first) << first.message;
  const GradcheckResult second = gradgradcheck(f, inputs);
  EXPECT_TRUE(second) << second.message;
}

template <class F>
std::vector<double> gradient(F f, const Tensor& at) {
  Tensor x = at.clone_detached();
  x.requires_grad(true);
  return grad(sum(f(x)), {x})[0].template to_vector<double>();
}

TEST(L1AndHuber, Values) {
  const Tensor x = values({3, 4}, -3, 3), t = values({3, 4}, -1, 1, 2);
  const auto a = x.to_vector<double>(), b = t.to_vector<double>();
  const auto huber = [&](std::size_t i, double delta) {
    const double d = std::fabs(a[i] - b[i]);
    return d < delta ? d * d / 2 : delta * (d - delta / 2);
  };
  expect_losses([&](Reduction r) { return l1_loss(x, t, r); }, 12,
                [&](std::size_t i) { return std::fabs(a[i] - b[i]); });
  expect_losses([&](Reduction r) { return smooth_l1_loss(x, t, r, 0); }, 12,
                [&](std::size_t i) { return std::fabs(a[i] - b[i]); });
  for (const double delta : {0.5, 1.0, 2.5}) {
    expect_losses([&](Reduction r) { return huber_loss(x, t, r, delta); }, 12,
                  [&](std::size_t i) { return huber(i, delta); });
    expect_losses([&](Reduction r) { return smooth_l1_loss(x, t, r, delta); }, 12,
                  [&](std::size_t i) { return huber(i, delta) / delta; });
  }
  EXPECT_NEAR(huber_loss(x, t).item(), smooth_l1_loss(x, t).item(), 1e-15);
  expect_derivatives([](const Tensor& p, const Tensor& q) { return l1_loss(p, q); }, {x, t});
  expect_derivatives([](const Tensor& p, const Tensor& q) { return huber_loss(p, q); }, {x, t});
  expect_derivatives(
      [](const Tensor& p, const Tensor& q) { return smooth_l1_loss(p, q, Reduction::none, 0.5); }, {x, t});
}

TEST(L1AndHuber, KinksAndInfinities) {
  const Tensor x = tensor<double>({0, 1, -1, 3, kInf, -kInf}), zero = zeros({6}, DType::f64);
  EXPECT_THAT(gradient([&](const Tensor& p) { return l1_loss(p, zero, Reduction::sum); }, x),
              ElementsAre(0, 1, -1, 1, 1, -1));
  EXPECT_THAT(gradient([&](const Tensor& p) { return huber_loss(p, zero, Reduction::sum); }, x),
              ElementsAre(0, 1, -1, 1, 1, -1));
  EXPECT_EQ(huber_loss(x, zero).item(), kInf);
  EXPECT_TRUE(std::isnan(l1_loss(zeros({0}), zeros({0})).item()));
  EXPECT_EQ(huber_loss(zeros({0}), zeros({0}), Reduction::sum).item(), 0);
}

TEST(BinaryCrossEntropy, Values) {
  const Tensor x = values({3, 4}, 0.05, 0.95), t = values({3, 4}, 0, 1, 2), w = values({4}, 0.5, 2);
  const auto a = x.to_vector<double>(), b = t.to_vector<double>(), c = w.to_vector<double>();
  const auto loss = [&](std::size_t i) { return -(b[i] * std::log(a[i]) + (1 - b[i]) * std::log1p(-a[i])); };
  expect_losses([&](Reduction r) { return binary_cross_entropy(x, t, {.reduction = r}); }, 12, loss);
  expect_losses([&](Reduction r) { return binary_cross_entropy(x, t, {.weight = w, .reduction = r}); }, 12,
                [&](std::size_t i) { return c[i % 4] * loss(i); });
  expect_derivatives([](const Tensor& p, const Tensor& q,
                        const Tensor& f) { return binary_cross_entropy(p, q, {.weight = f}); },
                     {x, t, w});
}

TEST(BinaryCrossEntropy, ProbabilitiesZeroAndOne) {
  const Tensor t = tensor<double>({0, 1, 0, 1});
  const auto f = [&](const Tensor& p) { return binary_cross_entropy(p, t, {.reduction = Reduction::none}); };
  const Tensor x = tensor<double>({0, 0, 1, 1});
  EXPECT_THAT(f(x).to_vector<double>(), ElementsAre(0, 100, 100, 0));
  EXPECT_THAT(gradient(f, x), ElementsAre(0, -1e12, 1e12, 0));
  EXPECT_THAT(
      message_of<ValueError>([&] {
        binary_cross_entropy(tensor<double>({0, 0.5, 1.5, 1}), t);
      }),
      HasSubstr("binary_cross_entropy: 1.5 at [2] of input is no probability in 0..1; for scores there is "
                "binary_cross_entropy_with_logits"));
  EXPECT_THAT(message_of<ValueError>([&] {
                binary_cross_entropy(tensor<double>({0, NAN, 1, 1}), t);
              }),
              HasSubstr("nan at [1] of input"));
  EXPECT_THAT(
      message_of<ShapeError>([&] {
        binary_cross_entropy(zeros({4, 1}, DType::f64), t);
      }),
      HasSubstr("binary_cross_entropy: shapes differ: input [4, 1] f64, target [4] f64; a loss does not "
                "broadcast: reshape() or expand() one of them"));
  EXPECT_THAT(message_of<ShapeError>([&] { binary_cross_entropy(x, t, {.weight = ones({3}, DType::f64)}); }),
              HasSubstr("weight does not broadcast to input: input [4] f64, weight [3] f64"));
}

TEST(BinaryCrossEntropyWithLogits, Values) {
  const Tensor x = values({3, 4}, -5, 5), t = values({3, 4}, 0, 1, 2), w = values({3, 1}, 0.5, 2),
               pos = values({4}, 0.5, 3);
  const auto a = x.to_vector<double>(), b = t.to_vector<double>(), c = w.to_vector<double>(),
             d = pos.to_vector<double>();
  const auto loss = [&](std::size_t i, double factor) {
    return (1 - b[i]) * std::log1p(std::exp(a[i])) + factor * b[i] * std::log1p(std::exp(-a[i]));
  };
  expect_losses([&](Reduction r) { return binary_cross_entropy_with_logits(x, t, {.reduction = r}); }, 12,
                [&](std::size_t i) { return loss(i, 1); });
  expect_losses(
      [&](Reduction r) {
        return binary_cross_entropy_with_logits(x, t, {.weight = w, .reduction = r, .pos_weight = pos});
      },
      12, [&](std::size_t i) { return c[i / 4] * loss(i, d[i % 4]); });
  expect_derivatives([](const Tensor& p, const Tensor& q) { return binary_cross_entropy_with_logits(p, q); },
                     {x, t});
  expect_derivatives(
      [](const Tensor& p, const Tensor& q, const Tensor& f, const Tensor& g) {
        return binary_cross_entropy_with_logits(p, q, {.weight = f, .pos_weight = g});
      },
      {x, t, w, pos});
}

TEST(BinaryCrossEntropyWithLogits, SmallLossesKeepTheirDigits) {
  const Tensor x = tensor<float>({40, -40, 200, -200}), t = tensor<float>({1, 0, 0, 1});
  for (const bool weighted : {false, true}) {
    BceWithLogitsOptions o{.reduction = Reduction::none};
    if (weighted) o.pos_weight = ones({4});
    const auto y = binary_cross_entropy_with_logits(x, t, o).to_vector<float>();
    EXPECT_NEAR(y[0] / std::exp(-40.0), 1, 1e-6);
    EXPECT_NEAR(y[1] / std::exp(-40.0), 1, 1e-6);
    EXPECT_EQ(y[2], 200);
    EXPECT_EQ(y[3], 200);
  }
  EXPECT_THAT(message_of<DtypeError>([&] { binary_cross_entropy_with_logits(x, zeros({4}, DType::f64)); }),
              HasSubstr("dtypes differ: input [4] f32, target [4] f64"));
}

TEST(KlDiv, Values) {
  const Tensor x = values({3, 4}, -3, 0), t = values({3, 4}, 0.1, 1, 2), log_t = log(t);
  const auto a = x.to_vector<double>(), b = t.to_vector<double>();
  const auto loss = [&](std::size_t i) { return b[i] * (std::log(b[i]) - a[i]); };
  expect_losses([&](Reduction r) { return kl_div(x, t, r); }, 12, loss);
  expect_losses([&](Reduction r) { return kl_div(x, log_t, r, true); }, 12, loss);
  expect_derivatives([](const Tensor& p, const Tensor& q) { return kl_div(p, q, Reduction::sum); }, {x, t});
  expect_derivatives([](const Tensor& p, const Tensor& q) { return kl_div(p, q, Reduction::mean, true); },
                     {x, log_t});
  const Tensor one = tensor<double>({0, 1});
  EXPECT_EQ(kl_div(tensor<double>({-2, -1}), one, Reduction::sum).item(), 1);
  EXPECT_THAT(
      gradient([&](const Tensor& p) { return kl_div(p, one, Reduction::sum); }, tensor<double>({-2, -1})),
      ElementsAre(0, -1));
}

TEST(PoissonNll, Values) {
  const Tensor x = values({3, 4}, 0.1, 2), t = values({3, 4}, 0, 5, 2);
  const auto a = x.to_vector<double>(), b = t.to_vector<double>();
  const auto stirling = [&](std::size_t i) {
    return b[i] > 1 ? b[i] * std::log(b[i]) - b[i] + 0.5 * std::log(2 * std::acos(-1.0) * b[i]) : 0;
  };
  for (const bool full : {false, true}) {
    expect_losses([&](Reduction r) { return poisson_nll_loss(x, t, {.full = full, .reduction = r}); }, 12,
                  [&](std::size_t i) { return std::exp(a[i]) - b[i] * a[i] + (full ? stirling(i) : 0); });
    expect_losses(
        [&](Reduction r) {
          return poisson_nll_loss(x, t, {.log_input = false, .full = full, .eps = 0.1, .reduction = r});
        },
        12, [&](std::size_t i) { return a[i] - b[i] * std::log(a[i] + 0.1) + (full ? stirling(i) : 0); });
    expect_derivatives(
        [&](const Tensor& p, const Tensor& q) { return poisson_nll_loss(p, q, {.full = full}); }, {x, t});
  }
}

TEST(GaussianNll, Values) {
  const Tensor x = values({3, 4}, -2, 2), t = values({3, 4}, -2, 2, 2);
  const auto a = x.to_vector<double>(), b = t.to_vector<double>();
  for (const Shape& shape : {Shape{3, 4}, Shape{3, 1}, Shape{3}}) {
    const Tensor var = values(shape, 0.2, 2, 5);
    const auto v = var.to_vector<double>();
    expect_losses(
        [&](Reduction r) { return gaussian_nll_loss(x, t, var, {.full = true, .reduction = r}); }, 12,
        [&](std::size_t i) {
          const double s = v[v.size() == 12 ? i : i / 4];
          return 0.5 * (std::log(s) + (a[i] - b[i]) * (a[i] - b[i]) / s + std::log(2 * std::acos(-1.0)));
        });
    expect_derivatives(
        [](const Tensor& p, const Tensor& q, const Tensor& s) { return gaussian_nll_loss(p, q, s); },
        {x, t, var});
  }
  // A variance below eps counts as eps, and its gradient is that at eps.
  const Tensor one = tensor<double>({1}), zero = tensor<double>({0});
  EXPECT_NEAR(gaussian_nll_loss(one, zero, zero, {.eps = 0.5}).item(), 0.5 * (std::log(0.5) + 2), 1e-15);
  EXPECT_NEAR(
      gradient([&](const Tensor& s) { return gaussian_nll_loss(one, zero, s, {.eps = 0.5}); }, zero)[0],
      0.5 * (2 - 4), 1e-14);
  EXPECT_THAT(message_of<ValueError>([&] { gaussian_nll_loss(one, zero, tensor<double>({-1})); }),
              HasSubstr("gaussian_nll_loss: -1 at [0] of var is negative"));
  EXPECT_THAT(
      message_of<ShapeError>([&] { gaussian_nll_loss(x, t, ones({4}, DType::f64)); }),
      HasSubstr("gaussian_nll_loss: var has neither input's shape nor this without the last axis: input "
                "[3, 4] f64, var [4] f64"));
}

TEST(EmbeddingLosses, Hinge) {
  const Tensor x = values({3, 4}, 0, 2), t = ones_and_minus_ones({3, 4});
  const auto a = x.to_vector<double>();
  const auto s = t.to_vector<std::int64_t>();
  for (const double margin : {1.0, 0.5}) {
    expect_losses([&](Reduction r) { return hinge_embedding_loss(x, t, margin, r); }, 12,
                  [&](std::size_t i) { return s[i] == 1 ? a[i] : std::fmax(0, margin - a[i]); });
  }
  expect_derivatives([&](const Tensor& p) { return hinge_embedding_loss(p, t); }, {x});
  EXPECT_THAT(message_of<ValueError>([&] {
                hinge_embedding_loss(x, zeros({3, 4}, DType::f64));
              }),
              HasSubstr("hinge_embedding_loss: 0 at [0, 0] of target is neither 1 nor -1"));
}

TEST(EmbeddingLosses, Cosine) {
  const Tensor x = values({5, 4}, -2, 2), y = values({5, 4}, -2, 2, 2), t = ones_and_minus_ones({5});
  const auto a = x.to_vector<double>(), b = y.to_vector<double>();
  const auto s = t.to_vector<std::int64_t>();
  const auto cosine = [&](std::size_t i) {
    double ab = 0, aa = 0, bb = 0;
    for (std::size_t k = i * 4; k < i * 4 + 4; ++k) ab += a[k] * b[k], aa += a[k] * a[k], bb += b[k] * b[k];
    return ab / std::sqrt(aa * bb);
  };
  expect_losses([&](Reduction r) { return cosine_embedding_loss(x, y, t, 0.1, r); }, 5,
                [&](std::size_t i) { return s[i] == 1 ? 1 - cosine(i) : std::fmax(0, cosine(i) - 0.1); });
  expect_derivatives([&](const Tensor& p, const Tensor& q) { return cosine_embedding_loss(p, q, t, -0.9); },
                     {x, y});
  EXPECT_NEAR(
      cosine_embedding_loss(tensor<double>({1, 0}), tensor<double>({1, 1}), tensor(1, DType::i64)).item(),
      1 - std::sqrt(0.5), 1e-11);
  EXPECT_THAT(
      message_of<ShapeError>([&] {
        cosine_embedding_loss(x, y, ones({5, 1}, DType::f64));
      }),
      HasSubstr("cosine_embedding_loss: takes pairs of vectors [D] with a target [] or [N, D] with [N]: "
                "input1 [5, 4] f64, target [5, 1] f64"));
}

TEST(CosineSimilarity, Values) {
  const Tensor x = values({3, 4}, -2, 2), y = values({3, 4}, -2, 2, 2);
  const auto a = x.to_vector<double>(), b = y.to_vector<double>();
  for (const std::int64_t dim : {0, 1, -1}) {
    const auto got = cosine_similarity(x, y, dim).to_vector<double>();
    ASSERT_EQ(got.size(), dim == 0 ? 4U : 3U);
    for (std::size_t i = 0; i < got.size(); ++i) {
      double ab = 0, aa = 0, bb = 0;
      for (std::size_t k = 0; k < 12; ++k) {
        if ((dim == 0 ? k % 4 : k / 4) != i) continue;
        ab += a[k] * b[k], aa += a[k] * a[k], bb += b[k] * b[k];
      }
      EXPECT_NEAR(got[i], ab / std::sqrt(aa * bb), 1e-14);
    }
  }
  expect_derivatives([](const Tensor& p, const Tensor& q) { return cosine_similarity(p, q); }, {x, y});
  expect_derivatives([](const Tensor& p, const Tensor& q) { return cosine_similarity(p, q, -1); },
                     {x, values({4}, -2, 2, 3)});
  // Zeros: similar to nothing, and no NaN comes back.
  const Tensor zero = zeros({1, 2}, DType::f64), some = tensor<double>({{3, 4}});
  EXPECT_EQ(cosine_similarity(zero, some).item(), 0);
  EXPECT_THAT(gradient([&](const Tensor& q) { return cosine_similarity(zero, q); }, some), ElementsAre(0, 0));
  EXPECT_NEAR(gradient([&](const Tensor& p) { return cosine_similarity(p, some, 1, 0.5); }, zero)[0], 1.2,
              1e-12);
  EXPECT_THAT(message_of<ShapeError>([&] {
                cosine_similarity(tensor({1, 2}), tensor({1, 2}));
              }),
              HasSubstr("cosine_similarity: axis 1 is out of range: the product [2] f32 has the axes -1..0"));
}

TEST(TripletMargin, Values) {
  const Tensor a = values({5, 3}, -1, 1), p = values({5, 3}, -1, 1, 2), n = values({5, 3}, -1, 1, 4);
  const auto va = a.to_vector<double>(), vp = p.to_vector<double>(), vn = n.to_vector<double>();
  for (const double norm : {2.0, 1.0, 3.0, kInf}) {
    const auto distance = [&](const std::vector<double>& x, const std::vector<double>& y, std::size_t i) {
      double s = 0;
      for (std::size_t k = i * 3; k < i * 3 + 3; ++k) {
        const double d = std::fabs(x[k] - y[k] + 1e-6);
        s = std::isinf(norm) ? std::fmax(s, d) : s + std::pow(d, norm);
      }
      return std::isinf(norm) ? s : std::pow(s, 1 / norm);
    };
    const auto got = pairwise_distance(a, p, norm).to_vector<double>();
    for (std::size_t i = 0; i < 5; ++i) EXPECT_NEAR(got[i], distance(va, vp, i), 1e-13);
    for (const bool swap : {false, true}) {
      expect_losses(
          [&](Reduction r) {
            return triplet_margin_loss(a, p, n, {.p = norm, .swap = swap, .reduction = r});
          },
          5,
          [&](std::size_t i) {
            const double far =
                swap ? std::fmin(distance(va, vn, i), distance(vp, vn, i)) : distance(va, vn, i);
            return std::fmax(0, distance(va, vp, i) - far + 1);
          });
      expect_derivatives(
          [&](const Tensor& x, const Tensor& y, const Tensor& z) {
            return triplet_margin_loss(x, y, z, {.margin = 3, .p = norm, .swap = swap});
          },
          {a, p, n});
    }
  }
  EXPECT_EQ(pairwise_distance(a, p, 2, 1e-6, true).shape(), (Shape{5, 1}));
  const Tensor zero = zeros({1, 2}, DType::f64);
  for (const double norm : {2.0, 3.0}) {
    EXPECT_THAT(gradient([&](const Tensor& x) { return pairwise_distance(x, zero, norm, 0); }, zero),
                ElementsAre(0, 0));
  }
  EXPECT_THAT(message_of<ShapeError>([&] {
                triplet_margin_loss(a, p, values({1, 3}, 0, 1));
              }),
              HasSubstr("triplet_margin_loss: shapes differ: anchor [5, 3] f64, negative [1, 3] f64"));
  EXPECT_THAT(message_of<ValueError>([&] { triplet_margin_loss(a, p, n, {.p = 0}); }),
              HasSubstr("triplet_margin_loss: p is 0; it must be above 0"));
}

TEST(MarginLosses, RankingAndSoft) {
  const Tensor x = values({3, 4}, -2, 2), y = values({3, 4}, -2, 2, 2), t = ones_and_minus_ones({3, 4});
  const auto a = x.to_vector<double>(), b = y.to_vector<double>();
  const auto s = t.to_vector<std::int64_t>();
  expect_losses([&](Reduction r) { return margin_ranking_loss(x, y, t, 0.3, r); }, 12,
                [&](std::size_t i) { return std::fmax(0, 0.3 - static_cast<double>(s[i]) * (a[i] - b[i])); });
  expect_losses([&](Reduction r) { return soft_margin_loss(x, t, r); }, 12,
                [&](std::size_t i) { return std::log1p(std::exp(-static_cast<double>(s[i]) * a[i])); });
  expect_derivatives([&](const Tensor& p, const Tensor& q) { return margin_ranking_loss(p, q, t); }, {x, y});
  expect_derivatives([&](const Tensor& p) { return soft_margin_loss(p, t); }, {x});
  EXPECT_EQ(soft_margin_loss(tensor<double>({-1000}), tensor<double>({1})).item(), 1000);
  EXPECT_THAT(message_of<ValueError>([&] {
                soft_margin_loss(x, zeros({3, 4}));
              }),
              HasSubstr("neither 1 nor -1"));
  EXPECT_THAT(message_of<ShapeError>([&] { margin_ranking_loss(x, y, ones({4}, DType::f64)); }),
              HasSubstr("margin_ranking_loss: shapes differ: input1 [3, 4] f64, target [4] f64"));
}

TEST(MarginLosses, MultiMargin) {
  const Tensor x = values({5, 3}, -2, 2), w = values({3}, 0.5, 2);
  const Tensor t = tensor({2, 0, 1, 1, 2}, DType::i64);
  const auto a = x.to_vector<double>(), c = w.to_vector<double>();
  const auto label = t.to_vector<std::int64_t>();
  for (const std::int64_t p : {1, 2}) {
    const auto loss = [&](std::size_t i, double margin) {
      double s = 0;
      const auto y = static_cast<std::size_t>(label[i]);
      for (std::size_t j = 0; j < 3; ++j) {
        if (j != y) s += std::pow(std::fmax(0, margin - a[i * 3 + y] + a[i * 3 + j]), static_cast<double>(p));
      }
      return s / 3;
    };
    expect_losses([&](Reduction r) { return multi_margin_loss(x, t, {.p = p, .reduction = r}); }, 5,
                  [&](std::size_t i) { return loss(i, 1); });
    expect_losses(
        [&](Reduction r) {
          return multi_margin_loss(x, t, {.p = p, .margin = 0.4, .weight = w, .reduction = r});
        },
        5, [&](std::size_t i) { return c[static_cast<std::size_t>(label[i])] * loss(i, 0.4); });
    expect_derivatives(
        [&](const Tensor& q, const Tensor& f) { return multi_margin_loss(q, t, {.p = p, .weight = f}); },
        {x, w});
  }
  EXPECT_NEAR(multi_margin_loss(tensor<double>({0.1, 0.2, 0.4}), tensor(2, DType::i64)).item(),
              (0.7 + 0.8) / 3, 1e-15);
  EXPECT_THAT(message_of<ValueError>([&] {
                multi_margin_loss(x, tensor({2, 0, 3, 1, 2}, DType::i64));
              }),
              HasSubstr("multi_margin_loss: 3 at [2] of target is out of range"));
  EXPECT_THAT(message_of<ValueError>([&] { multi_margin_loss(x, t, {.p = 3}); }),
              HasSubstr("multi_margin_loss: p is 3; it must be 1 or 2"));
}

// Every path of classes, summed up where it collapses to the target.
double ctc_by_enumeration(const std::vector<double>& log_p, std::size_t steps, std::size_t classes,
                          const std::vector<std::int64_t>& target, std::int64_t blank) {
  std::size_t paths = 1;
  for (std::size_t t = 0; t < steps; ++t) paths *= classes;
  double total = 0;
  for (std::size_t path = 0; path < paths; ++path) {
    std::vector<std::int64_t> collapsed;
    double log_path = 0;
    std::int64_t last = -1;
    for (std::size_t t = 0, rest = path; t < steps; ++t, rest /= classes) {
      const auto c = static_cast<std::int64_t>(rest % classes);
      log_path += log_p[t * classes + rest % classes];
      if (c != last && c != blank) collapsed.push_back(c);
      last = c;
    }
    if (collapsed == target) total += std::exp(log_path);
  }
  return -std::log(total);
}

TEST(CtcLoss, SumsAllAlignments) {
  const std::size_t steps = 5, classes = 3;
  const Tensor x = values({5, 4, 3}, -3, 0);
  const auto v = x.to_vector<double>();
  const std::vector<std::vector<std::int64_t>> target{{1, 2}, {2, 2}, {}, {1}};
  const std::vector<std::int64_t> length{5, 4, 3, 1};
  const Tensor padded = tensor({{1, 2}, {2, 2}, {0, 0}, {1, 0}}, DType::i64);
  const Tensor input_lengths = tensor({5, 4, 3, 1}, DType::i64),
               target_lengths = tensor({2, 2, 0, 1}, DType::i64);
  std::vector<double> expected;
  for (std::size_t n = 0; n < 4; ++n) {
    std::vector<double> own;
    for (std::size_t t = 0; t < steps; ++t) {
      for (std::size_t c = 0; c < classes; ++c) own.push_back(v[(t * 4 + n) * classes + c]);
    }
    expected.push_back(ctc_by_enumeration(own, static_cast<std::size_t>(length[n]), classes, target[n], 0));
  }
  const auto loss = [&](const Tensor& p, Reduction r) {
    return ctc_loss(p, padded, input_lengths, target_lengths, {.reduction = r});
  };
  const auto got = loss(x, Reduction::none).to_vector<double>();
  for (std::size_t n = 0; n < 4; ++n) EXPECT_NEAR(got[n], expected[n], 1e-12);
  EXPECT_NEAR(loss(x, Reduction::sum).item(), expected[0] + expected[1] + expected[2] + expected[3], 1e-11);
  EXPECT_NEAR(loss(x, Reduction::mean).item(),
              (expected[0] / 2 + expected[1] / 2 + expected[2] + expected[3]) / 4, 1e-12);
  const Tensor chained = tensor({1, 2, 2, 2, 1}, DType::i64);
  EXPECT_EQ(ctc_loss(x, chained, input_lengths, target_lengths).item(), loss(x, Reduction::mean).item());
  expect_derivatives([&](const Tensor& p) { return loss(p, Reduction::none); }, {x});

  const Tensor one = values({4, 3}, -3, 0);
  const Tensor alone = ctc_loss(one, tensor({0, 1}, DType::i64), tensor(4, DType::i64), tensor(2, DType::i64),
                                {.blank = 2, .reduction = Reduction::none});
  EXPECT_EQ(alone.rank(), 0);
  EXPECT_NEAR(alone.item(), ctc_by_enumeration(one.to_vector<double>(), 4, 3, {0, 1}, 2), 1e-12);
}

TEST(CtcLoss, WhatNoAlignmentFits) {
  const Tensor x = values({2, 1, 3}, -3, 0), t = tensor({{1, 1}}, DType::i64), n = tensor({2}, DType::i64);
  EXPECT_EQ(ctc_loss(x, t, n, n).item(), kInf);  // a blank between the two is missing
  EXPECT_EQ(ctc_loss(x, t, n, n, {.zero_infinity = true}).item(), 0);
  EXPECT_THAT(gradient([&](const Tensor& p) { return ctc_loss(p, t, n, n, {.zero_infinity = true}); }, x),
              ElementsAre(0, 0, 0, 0, 0, 0));
  EXPECT_THAT(
      message_of<ValueError>([&] {
        ctc_loss(x, tensor({{1, 0}}, DType::i64), n, n);
      }),
      HasSubstr("ctc_loss: label 0 of sequence 0 is out of range: there are the classes 0..2 without the "
                "blank 0"));
  EXPECT_THAT(message_of<ValueError>([&] { ctc_loss(x, t, tensor({3}, DType::i64), n); }),
              HasSubstr("ctc_loss: the length 3 at [0] of input_lengths is outside 1..2"));
  EXPECT_THAT(message_of<ShapeError>([&] { ctc_loss(x, tensor({{1}}, DType::i64), n, n); }),
              HasSubstr("targets [1, 1] i64, 1 lengths, the longest 2, their sum 2"));
}

TEST(ComposedLosses, ErrorsNameTheCallersLine) {
  EXPECT_THAT(message_of<ShapeError>([&] { l1_loss(zeros({2}), zeros({3})); }),
              HasSubstr("loss_composed_test.cc:"));
  EXPECT_THAT(message_of<DtypeError>([&] { l1_loss(zeros({2}, DType::i64), zeros({2}, DType::i64)); }),
              HasSubstr("l1_loss: takes floating-point numbers: input [2] i64; convert it with astype(x, "
                        "DType::f32)"));
  EXPECT_THAT(message_of<ValueError>([&] { huber_loss(Tensor(), zeros({2})); }),
              HasSubstr("empty Tensor handle"));
  EXPECT_THAT(message_of<ValueError>([&] { huber_loss(zeros({2}), zeros({2}), Reduction::mean, 0); }),
              HasSubstr("huber_loss: delta is 0; it must be above 0"));
  EXPECT_THAT(message_of<ValueError>([&] { smooth_l1_loss(zeros({2}), zeros({2}), Reduction::mean, -1); }),
              HasSubstr("smooth_l1_loss: beta is -1; it must not be negative"));
}

}  // namespace
}  // namespace gradus
