// Model, loader, loss and optimizer together on the real data. The whole run of ten epochs is `gradus train`;
// here one epoch, which already separates the classes well, and the same seed twice, which must give the same
// bytes, with prefetching as without.
#include "gradus/data/fashion_mnist.h"

#include <gtest/gtest.h>

#include <cstring>

#include "gradus/base/parallel.h"
#include "gradus/base/random.h"
#include "gradus/data/data_loader.h"
#include "gradus/data/tensor_dataset.h"
#include "gradus/graph/recording.h"
#include "gradus/nn/nn.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/loss.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"
#include "gradus/optim/optim.h"

namespace gradus {
namespace {

struct Mlp : nn::Module {
  nn::Linear fc1{784, 256};
  nn::Linear fc2{256, 128};
  nn::Linear fc3{128, 10};
  GRADUS_MEMBERS(fc1, fc2, fc3)

  Tensor operator()(const Tensor& x) const { return fc3(relu(fc2(relu(fc1(x))))); }
};

double accuracy(const Mlp& model, const data::FashionMnist& test) {
  const NoGrad guard;
  const Tensor predicted = argmax(model(test.images), 1);
  std::int64_t right = 0;
  const auto p = predicted.span<std::int64_t>(), y = test.labels.span<std::int64_t>();
  for (std::size_t i = 0; i < y.size(); ++i) right += p[i] == y[i] ? 1 : 0;
  return static_cast<double>(right) / static_cast<double>(y.size());
}

Mlp train(const data::FashionMnist& d, std::int64_t rows, int epochs, std::int64_t prefetch) {
  manual_seed(1);
  Mlp model;
  optim::Adam opt(model.parameters(), {.lr = 1e-3});
  data::DataLoader loader(data::TensorDataset({slice(d.images, 0, 0, rows), slice(d.labels, 0, 0, rows)}),
                          {.batch_size = 64, .shuffle = true, .seed = 1, .prefetch = prefetch});
  for (int epoch = 0; epoch < epochs; ++epoch) {
    for (auto [x, y] : loader) {
      const Tensor loss = cross_entropy(model(x), y);
      opt.zero_grad();
      loss.backward();
      opt.step();
    }
  }
  return model;
}

std::vector<float> weights(const Mlp& model) {
  std::vector<float> all;
  for (const Tensor& p : model.parameters()) {
    const auto v = p.span<float>();
    all.insert(all.end(), v.begin(), v.end());
  }
  return all;
}

TEST(Training, OneEpochLearnsFashionMnist) {
  const auto d = data::load_fashion_mnist(data::Split::train),
             test = data::load_fashion_mnist(data::Split::test);
  ASSERT_TRUE(d.ok()) << d.status();
  ASSERT_TRUE(test.ok()) << test.status();
  EXPECT_GT(accuracy(train(*d, 60000, 1, 2), *test), 0.80);
}

TEST(Training, TheSameSeedGivesTheSameBytes) {
  const auto d = data::load_fashion_mnist(data::Split::test);
  ASSERT_TRUE(d.ok()) << d.status();
  const std::vector<float> first = weights(train(*d, 5000, 2, 0));
  const std::vector<float> again = weights(train(*d, 5000, 2, 0));
  const std::vector<float> prefetched = weights(train(*d, 5000, 2, 3));
  ASSERT_EQ(first.size(), again.size());
  EXPECT_EQ(std::memcmp(first.data(), again.data(), first.size() * sizeof(float)), 0);
  EXPECT_EQ(std::memcmp(first.data(), prefetched.data(), first.size() * sizeof(float)), 0);
}

}  // namespace
}  // namespace gradus
