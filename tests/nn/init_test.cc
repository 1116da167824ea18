// Initial values: bounds, moments, fans, reproducibility.
#include "gradus/nn/init.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "gradus/base/parallel.h"
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
