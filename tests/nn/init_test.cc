// Initial values: bounds, moments, fans, reproducibility.
#include "gradus/nn/init.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "gradus/base/parallel.h"
#include "gradus/nn/linear.h"
#include "gradus/nn/lsuv.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/view.h"

namespace gradus::nn::init {
namespace {

struct Moments {
  double mean = 0, std = 0, low = 1e300, high = -1e300;
};

Moments moments(const Tensor& t) {
  Moments m;
  const std::vector<double> v = t.dtype() == DType::f64 ? t.to_vector<double>() : [&] {
    const std::vector<float> f = t.to_vector<float>();
    return std::vector<double>(f.begin(), f.end());
  }();
  for (const double x : v) {
    m.mean += x / static_cast<double>(v.size());
    m.low = std::min(m.low, x);
    m.high = std::max(m.high, x);
  }
  for (const double x : v) m.std += (x - m.mean) * (x - m.mean) / static_cast<double>(v.size());
  m.std = std::sqrt(m.std);
  return m;
}

TEST(Init, Uniform) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Moments m = moments(uniform_(empty({100, 1000}, dtype), -2.0, 6.0));
    EXPECT_NEAR(m.mean, 2.0, 0.05);
    EXPECT_NEAR(m.std, 8.0 / std::sqrt(12.0), 0.03);
    EXPECT_GE(m.low, -2.0);
    EXPECT_LE(m.high, 6.0);
    EXPECT_GT(m.high, 5.9);
  }
}

TEST(Init, Normal) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Moments m = moments(normal_(empty({100, 1000}, dtype), 3.0, 0.5));
    EXPECT_NEAR(m.mean, 3.0, 0.01);
    EXPECT_NEAR(m.std, 0.5, 0.01);
    EXPECT_GT(m.high, 4.5);
  }
}

TEST(Init, Constants) {
  EXPECT_EQ(constant_(empty({3}), 2.5).to_vector<float>(), (std::vector<float>{2.5F, 2.5F, 2.5F}));
  EXPECT_EQ(zeros_(empty({2}, DType::f64)).to_vector<double>(), (std::vector<double>{0, 0}));
  EXPECT_EQ(ones_(empty({2})).to_vector<float>(), (std::vector<float>{1, 1}));
}

TEST(Init, FansOfConvolutions) {
  const Fans f = calculate_fans(empty({8, 4, 3, 5}));
  EXPECT_EQ(f.in, 60);
  EXPECT_EQ(f.out, 120);
  EXPECT_THROW(calculate_fans(empty({3})), ShapeError);
}

TEST(Init, Gains) {
  EXPECT_EQ(calculate_gain(Nonlinearity::linear), 1.0);
  EXPECT_EQ(calculate_gain(Nonlinearity::tanh), 5.0 / 3.0);
  EXPECT_EQ(calculate_gain(Nonlinearity::relu), std::sqrt(2.0));
  EXPECT_EQ(calculate_gain(Nonlinearity::leaky_relu, 1.0), 1.0);
  EXPECT_EQ(calculate_gain(Nonlinearity::selu), 0.75);
}

TEST(Init, Xavier) {
  const double std = 2.0 * std::sqrt(2.0 / (300 + 200));
  Moments m = moments(xavier_uniform_(empty({200, 300}), 2.0));
  EXPECT_NEAR(m.std, std, 0.02 * std);
  EXPECT_LE(m.high, std::sqrt(3.0) * std * (1 + 1e-6));
  EXPECT_GT(m.high, 0.99 * std::sqrt(3.0) * std);
  m = moments(xavier_normal_(empty({200, 300}), 2.0));
  EXPECT_NEAR(m.std, std, 0.02 * std);
  EXPECT_GT(m.high, 2.5 * std);
}

TEST(Init, Kaiming) {
  const KaimingOptions in{.nonlinearity = Nonlinearity::relu};
  const KaimingOptions out{.mode = Mode::fan_out, .nonlinearity = Nonlinearity::tanh};
  const double std_in = std::sqrt(2.0 / 300), std_out = 5.0 / 3.0 / std::sqrt(200.0);
  EXPECT_NEAR(moments(kaiming_normal_(empty({200, 300}), in)).std, std_in, 0.02 * std_in);
  EXPECT_NEAR(moments(kaiming_uniform_(empty({200, 300}), in)).std, std_in, 0.02 * std_in);
  EXPECT_NEAR(moments(kaiming_normal_(empty({200, 300}), out)).std, std_out, 0.02 * std_out);
  // a = sqrt(5): the start of Linear.
  const Moments m = moments(kaiming_uniform_(empty({200, 300}), {.a = std::sqrt(5.0)}));
  EXPECT_NEAR(m.high, 1.0 / std::sqrt(300.0), 0.01 / std::sqrt(300.0));
  // Without elements there is nothing to divide by.
  EXPECT_EQ(kaiming_uniform_(empty({4, 0})).numel(), 0);
}

TEST(Init, AGeneratorMakesItReproducible) {
  const auto draw = [] {
    Generator g{.seed = 3};
    const auto a = uniform_(empty({50'001}), 0, 1, &g).to_vector<float>();
    auto b = normal_(empty({50'001}), 0, 1, &g).to_vector<float>();
    b.insert(b.end(), a.begin(), a.end());
    return b;
  };
  const int before = threads();
  set_threads(1);
  const auto one = draw();
  set_threads(2);
  EXPECT_EQ(one, draw());
  set_threads(before);
  Generator g{.seed = 3};
  const auto first = uniform_(empty({7}), 0, 1, &g).to_vector<float>();
  EXPECT_NE(first, uniform_(empty({7}), 0, 1, &g).to_vector<float>());
}

TEST(Init, ReachesParametersAndViews) {
  Tensor w = empty({3, 4});
  w.requires_grad(true);
  ones_(w);
  EXPECT_EQ(w.to_vector<float>(), std::vector<float>(12, 1.0F));
  Tensor base = zeros_(empty({3, 4}));
  uniform_(transpose(base, 0, 1), 1.0, 2.0);
  EXPECT_GE(moments(base).low, 1.0);
}

// Of `columns` vectors in q [rows, columns], the largest |<a, b> - gain^2 (a == b)|.
double worst_product(const std::vector<double>& q, std::size_t rows, std::size_t columns, bool by_rows,
                     double gain) {
  const std::size_t n = by_rows ? rows : columns, length = by_rows ? columns : rows;
  const auto at = [&](std::size_t v, std::size_t i) {
    return by_rows ? q[v * columns + i] : q[i * columns + v];
  };
  double worst = 0;
  for (std::size_t a = 0; a < n; ++a) {
    for (std::size_t b = 0; b < n; ++b) {
      double dot = 0;
      for (std::size_t i = 0; i < length; ++i) dot += at(a, i) * at(b, i);
      worst = std::max(worst, std::abs(dot - (a == b ? gain * gain : 0.0)));
    }
  }
  return worst;
}

TEST(Init, OrthogonalRowsOrColumns) {
  const Tensor wide = orthogonal_(empty({4, 3, 5}, DType::f64), 2.0);
  EXPECT_LT(worst_product(wide.to_vector<double>(), 4, 15, true, 2.0), 1e-12);
  const Tensor tall = orthogonal_(empty({20, 6}, DType::f64));
  EXPECT_LT(worst_product(tall.to_vector<double>(), 20, 6, false, 1.0), 1e-12);
  EXPECT_LT(worst_product(orthogonal_(empty({7, 7}, DType::f64)).to_vector<double>(), 7, 7, true, 1.0),
            1e-12);
  // Every sign as often: the mean of many is 0.
  double mean = 0;
  Generator g{.seed = 8};
  for (int i = 0; i < 400; ++i) mean += orthogonal_(empty({2, 2}), 1.0, &g).span<float>()[0] / 400.0;
  EXPECT_NEAR(mean, 0.0, 0.12);
  EXPECT_EQ(orthogonal_(empty({0, 3})).numel(), 0);
  EXPECT_EQ(orthogonal_(empty({3, 3}, DType::f16)).dtype(), DType::f16);
  EXPECT_THROW(orthogonal_(empty({3})), ShapeError);
  EXPECT_THROW(orthogonal_(empty({3, 3}), NAN), ValueError);
}

TEST(Init, TruncatedNormal) {
  Generator g{.seed = 2};
  Moments m = moments(trunc_normal_(empty({100, 1000}, DType::f64), {.generator = &g}));
  EXPECT_GE(m.low, -2.0);
  EXPECT_LE(m.high, 2.0);
  EXPECT_GT(m.high, 1.99);
  EXPECT_NEAR(m.mean, 0.0, 0.01);
  // 1 - 2 z phi(z) / (2 Phi(z) - 1) at z = 2.
  EXPECT_NEAR(m.std, std::sqrt(1 - 4 * 0.05399096651318806 / 0.9544997361036416), 0.005);
  m = moments(trunc_normal_(empty({100, 1000}), {.mean = 1, .std = 0.5, .a = 1, .b = 4, .generator = &g}));
  EXPECT_GE(m.low, 1.0);
  EXPECT_NEAR(m.mean, 1 + 0.5 * std::sqrt(2 / 3.14159265358979), 0.01);
  // Far from the bounds it is the normal distribution: the quantiles are exact.
  const std::vector<double> v = [&] {
    std::vector<double> x =
        trunc_normal_(empty({100'001}, DType::f64), {.a = -50, .b = 50, .generator = &g}).to_vector<double>();
    std::sort(x.begin(), x.end());
    return x;
  }();
  EXPECT_NEAR(v[50'000], 0.0, 0.02);
  EXPECT_NEAR(v[97'725], 2.0, 0.05);
  EXPECT_NEAR(v[135], -3.0, 0.15);
  EXPECT_THROW(trunc_normal_(empty({2}), {.a = 1, .b = 0}), ValueError);
  EXPECT_THROW(trunc_normal_(empty({2}), {.std = 0}), ValueError);
}

TEST(Init, Eye) {
  EXPECT_EQ(eye_(empty({2, 3})).to_vector<float>(), (std::vector<float>{1, 0, 0, 0, 1, 0}));
  EXPECT_THROW(eye_(empty({2, 3, 4})), ShapeError);
}

TEST(Init, DiracKeepsChannels) {
  const std::vector<float> w = dirac_(empty({4, 2, 3}), 2).to_vector<float>();
  for (std::size_t o = 0; o < 4; ++o) {
    for (std::size_t c = 0; c < 2; ++c) {
      for (std::size_t k = 0; k < 3; ++k)
        EXPECT_EQ(w[(o * 2 + c) * 3 + k], o % 2 == c && k == 1 ? 1.0F : 0.0F);
    }
  }
  EXPECT_EQ(dirac_(empty({1, 1, 3, 4, 2})).to_vector<float>()[8 + 4 + 1], 1.0F);
  EXPECT_THROW(dirac_(empty({4, 2})), ShapeError);
  EXPECT_THROW(dirac_(empty({4, 2, 3}), 3), ValueError);
}

TEST(Init, SparseColumns) {
  Generator g{.seed = 1};
  const std::vector<double> w = sparse_(empty({30, 200}, DType::f64), 0.34, 0.5, &g).to_vector<double>();
  double square = 0;
  std::vector<int> by_row(30, 0);
  for (std::size_t c = 0; c < 200; ++c) {
    int zeros = 0;
    for (std::size_t r = 0; r < 30; ++r) {
      square += w[r * 200 + c] * w[r * 200 + c];
      if (w[r * 200 + c] != 0.0) continue;
      ++zeros;
      ++by_row[r];
    }
    EXPECT_EQ(zeros, 11);
  }
  EXPECT_NEAR(square / (19 * 200), 0.25, 0.03);
  for (const int n : by_row) EXPECT_NEAR(n, 200 * 11 / 30.0, 30);
  EXPECT_THROW(sparse_(empty({4}), 0.5), ShapeError);
  EXPECT_THROW(sparse_(empty({4, 4}), 1.5), ValueError);
}

struct Deep : Module {
  Linear a{30, 50};
  Linear b{50, 40};
  Linear unused{3, 3};
  GRADUS_MEMBERS(b, a, unused)
  Tensor operator()(const Tensor& x) const { return b(relu(a(x)) * 3.0); }
};

TEST(Init, LsuvMakesTheVarianceOfEachLayerOne) {
  manual_seed(9);
  Deep model;
  const Tensor x = normal_(empty({200, 30}), 5.0, 4.0);
  const std::vector<float> unused = model.unused.weight.to_vector<float>();
  const std::vector<LsuvLayer> report = lsuv_(model, x, {.tolerance = 0.01});
  ASSERT_EQ(report.size(), 2U);
  EXPECT_EQ(report[0].name, "a");  // in the order of the calls
  EXPECT_EQ(report[1].name, "b");
  for (const LsuvLayer& l : report) EXPECT_NEAR(l.std, 1.0, 0.01);
  EXPECT_NEAR(moments(model(x)).std, 1.0, 0.01);
  EXPECT_NEAR(moments(model.a(x)).std, 1.0, 0.01);
  EXPECT_EQ(moments(model.a.bias).high, 0.0);
  EXPECT_EQ(model.unused.weight.to_vector<float>(), unused);
  EXPECT_TRUE(model.training());
  const double c = worst_product(
      [&] {
        const std::vector<float> w = model.a.weight.to_vector<float>();
        return std::vector<double>(w.begin(), w.end());
      }(),
      50, 30, false, std::sqrt(moments(model.a.weight).std * moments(model.a.weight).std * 50));
  EXPECT_LT(c, 0.02);
  try {
    lsuv_(model, zeros_(empty({4, 30})));
    FAIL();
  } catch (const ValueError& e) {
    EXPECT_THAT(e.what(),
                ::testing::HasSubstr(
                    "lsuv_: the output of \"a\" has the standard deviation 0, which no scale makes 1"));
  }
  EXPECT_THROW(lsuv_(model, x, {.tolerance = 0}), ValueError);
}

TEST(Init, RefusesWhatMakesNoSense) {
  EXPECT_THROW(uniform_(empty({2}), 2.0, 1.0), ValueError);
  EXPECT_THROW(uniform_(empty({2}), 0.0, INFINITY), ValueError);
  EXPECT_THROW(normal_(empty({2}), 0.0, -1.0), ValueError);
  EXPECT_THROW(normal_(empty({2}), NAN), ValueError);
  EXPECT_THROW(uniform_(empty({2}, DType::i64)), DtypeError);
  EXPECT_THROW(zeros_(empty({2}, DType::i64)), DtypeError);
  EXPECT_THROW(xavier_uniform_(empty({2})), ShapeError);
}

}  // namespace
}  // namespace gradus::nn::init
