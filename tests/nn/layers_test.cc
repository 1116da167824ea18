// The layers themselves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "gradus/base/random.h"
#include "gradus/nn/nn.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/reduction.h"

namespace gradus::nn {
namespace {

using ::testing::HasSubstr;

Tensor range(const Shape& shape) {
  Tensor t = empty(shape);
  for (std::int64_t i = 0; i < t.numel(); ++i)
    t.mutable_span<float>()[static_cast<std::size_t>(i)] = 0.25F * static_cast<float>(i % 11) - 1.0F;
  return t;
}

TEST(Linear, ComputesXTimesTransposedWeightPlusBias) {
  for (const bool bias : {true, false}) {
    const Linear fc(3, 2, {.bias = bias, .dtype = DType::f64});
    Tensor x = empty({2, 5, 3}, DType::f64);
    for (int i = 0; i < 30; ++i) x.mutable_span<double>()[static_cast<std::size_t>(i)] = std::sin(i);
    const Tensor y = fc(x);
    EXPECT_TRUE((y.shape() == Shape{2, 5, 2}));
    for (std::size_t r = 0; r < 10; ++r) {
      for (std::size_t o = 0; o < 2; ++o) {
        double expected = bias ? fc.bias.span<double>()[o] : 0.0;
        for (std::size_t k = 0; k < 3; ++k)
          expected += x.span<double>()[3 * r + k] * fc.weight.span<double>()[3 * o + k];
        EXPECT_NEAR(y.span<double>()[2 * r + o], expected, 1e-14);
      }
    }
  }
}

TEST(Linear, StartsUniformWithinItsBound) {
  Generator g{.seed = 5};
  const Linear fc(400, 300, {.generator = &g});
  const double bound = 1.0 / 20.0;
  double square = 0.0, most = 0.0;
  for (const float w : fc.weight.span<float>()) {
    most = std::max(most, std::abs(static_cast<double>(w)));
    square += static_cast<double>(w) * w;
  }
  EXPECT_LE(most, bound * (1 + 1e-6));
  EXPECT_GT(most, 0.99 * bound);
  EXPECT_NEAR(square / 120000, bound * bound / 3, 0.02 * bound * bound / 3);
  for (const float b : fc.bias.span<float>()) EXPECT_LE(std::abs(b), bound * (1 + 1e-6));
}

TEST(Linear, SeedMakesItReproducible) {
  manual_seed(7);
  const Linear a(5, 6);
  const Linear other(5, 6);
  manual_seed(7);
  const Linear b(5, 6);
  EXPECT_EQ(a.weight.to_vector<float>(), b.weight.to_vector<float>());
  EXPECT_NE(a.weight.to_vector<float>(), other.weight.to_vector<float>());
}

TEST(Linear, BadInput) {
  EXPECT_THROW(Linear(-1, 2), ValueError);
  EXPECT_THROW(Linear(1, 2, {.dtype = DType::i64}), DtypeError);
  const Linear fc(3, 2);
  try {
    fc(range({4, 5}));
    FAIL();
  } catch (const ShapeError& e) {
    EXPECT_THAT(e.what(), HasSubstr("layers_test.cc:" + std::to_string(__LINE__ - 3)));
  }
  const Linear none(0, 2);
  EXPECT_EQ(none.bias.to_vector<float>(), (std::vector<float>{0, 0}));
}

TEST(Sequential, AppliesItsLayersInOrder) {
  Sequential model(Linear(3, 4), Tanh(), Linear(4, 2), Sigmoid());
  const Tensor x = range({5, 3});
  const Tensor expected = sigmoid(model.get<Linear>(2)(tanh(model.get<Linear>(0)(x))));
  EXPECT_EQ(model(x).to_vector<float>(), expected.to_vector<float>());
  EXPECT_EQ(model.size(), 4U);
  EXPECT_EQ(model.named_parameters()[2].name, "2.weight");
  EXPECT_THROW(model.get<Linear>(1), ValueError);
  EXPECT_THROW(model.get<Linear>(9), ValueError);
  EXPECT_THROW(model[4], ValueError);
  EXPECT_TRUE(Sequential()(x).is(x));
}

TEST(Sequential, CopiesAreDeepAndAssignmentKeepsParameters) {
  Sequential a(Linear(3, 4), ReLU());
  Sequential b = a;
  EXPECT_FALSE(b.parameters()[0].is(a.parameters()[0]));
  const Tensor kept = b.parameters()[0];
  Sequential c(Linear(3, 4), ReLU(), Linear(4, 1));
  b = c;
  EXPECT_TRUE(b.parameters()[0].is(kept));
  EXPECT_EQ(kept.to_vector<float>(), c.parameters()[0].to_vector<float>());
  EXPECT_EQ(b.size(), 3U);
  b = Sequential(Tanh());
  EXPECT_EQ(b.size(), 1U);
}

struct Residual : Module {
  Linear fc{3, 3};
  GRADUS_MEMBERS(fc)
  Tensor operator()(const Tensor& x) const { return x + fc(x); }
};

TEST(Sequential, TakesModulesOfTheUser) {
  Sequential model(Residual{}, Sequential(ReLU(), Linear(3, 1)));
  EXPECT_EQ(model.named_parameters()[0].name, "0.fc.weight");
  EXPECT_EQ(model.named_parameters()[2].name, "1.1.weight");
  EXPECT_TRUE((model(range({2, 3})).shape() == Shape{2, 1}));
  sum(model(range({2, 3}))).backward();
  for (const Tensor& p : model.parameters()) EXPECT_TRUE(p.grad().defined()) << p.name();
}

TEST(Dropout, ActsInTrainingOnly) {
  Dropout d(0.25);
  const Tensor x = init::ones_(empty({10000}));
  int zeros = 0;
  for (const float y : d(x).to_vector<float>()) {
    if (y == 0.0F)
      ++zeros;
    else
      EXPECT_FLOAT_EQ(y, 1.0F / 0.75F);
  }
  EXPECT_NEAR(zeros, 2500, 200);
  d.eval();
  EXPECT_TRUE(d(x).is(x));
  EXPECT_THROW(Dropout(-0.1), ValueError);
  EXPECT_THROW(Dropout(1.0), ValueError);
  EXPECT_THROW(Dropout(std::nan("")), ValueError);
}

TEST(Flatten, KeepsTheBatch) {
  EXPECT_TRUE((Flatten()(range({2, 3, 4})).shape() == Shape{2, 12}));
  EXPECT_TRUE((Flatten(0, 1)(range({2, 3, 4})).shape() == Shape{6, 4}));
  EXPECT_THROW(Flatten(5)(range({2, 3})), ShapeError);
}

TEST(Softmax, SumsToOne) {
  for (const float s : sum(Softmax(-1)(range({4, 7})), -1).to_vector<float>()) EXPECT_NEAR(s, 1.0F, 1e-6F);
}

}  // namespace
}  // namespace gradus::nn
