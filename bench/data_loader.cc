// Claim: a DataLoader with one worker is never the bottleneck: more than 95 % of the time of a training epoch
// is compute. Trains a network of two convolutions on Fashion-MNIST in batches of 64 and prints, for each way
// to make the batches, the share of the time that was not spent in the loader: 1 - (start of the epoch +
// waits) / all. The first figure is without a thread, for comparison; the last is with a random shift of
// every image.
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "gradus/data/dataset.h"
#include "gradus/data/fashion_mnist.h"
#include "tensors.h"
#include "threads.h"

namespace bench {
namespace {

constexpr std::int64_t kBatch = 64;
constexpr std::int64_t kSteps = 200;
constexpr double kLeastShare = 0.95;

struct Cnn : gd::nn::Module {
  gd::nn::Conv2d conv1{1, 32, 3, {.padding = 1}};
  gd::nn::Conv2d conv2{32, 64, 3, {.padding = 1}};
  gd::nn::Linear fc{64 * 7 * 7, 10};
  GRADUS_MEMBERS(conv1, conv2, fc)

  gd::Tensor operator()(const gd::Tensor& x) const {
    const gd::Tensor h = max_pool2d(relu(conv1(x)), 2);
    return fc(flatten(max_pool2d(relu(conv2(h)), 2), 1));
  }
};

template <class Loader>
double share(Loader loader) {
  using Clock = std::chrono::steady_clock;
  gd::manual_seed(1);
  Cnn model;
  gd::optim::Adam optimizer(model.parameters(), {.lr = 1e-3});
  const auto step = [&](const auto& batch) {
    const gd::Tensor loss = cross_entropy(model(batch[0]), batch[1]);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
  };
  for (const auto& batch : loader) {  // libraries compile their kernels
    step(batch);
    break;
  }
  const Clock::time_point begin = Clock::now();
  auto it = loader.begin();
  Clock::duration waits = Clock::now() - begin;
  for (std::int64_t i = 0; i < kSteps && it != loader.end(); ++i, ++it) {
    const Clock::time_point before = Clock::now();
    const auto batch = *it;
    waits += Clock::now() - before;
    step(batch);
  }
  return 1 - std::chrono::duration<double>(waits) / std::chrono::duration<double>(Clock::now() - begin);
}

int run() {
  gd::set_threads(wanted_threads());
  const auto d = gd::data::load_fashion_mnist(gd::data::Split::train);
  if (!d.ok()) {
    std::fprintf(stderr, "%s\n", std::string(d.status().message()).c_str());
    return 2;
  }
  const gd::data::TensorDataset data(reshape(d->images, {-1, 1, 28, 28}), d->labels);
  const auto shifted = gd::data::map_samples(data, [](std::array<gd::Tensor, 2> s, gd::Generator& g) {
    const auto shift = [&] { return static_cast<std::int64_t>(gd::random_below(g.reserve(1), 0, 5)) - 2; };
    const std::int64_t down = shift(), right = shift();
    s[0] = roll(s[0], {down, right}, {1, 2});
    return s;
  });
  const auto options = [](std::int64_t workers) {
    return gd::data::DataLoaderOptions{.batch_size = kBatch, .shuffle = true, .seed = 1, .workers = workers};
  };
  std::printf("no worker %.4f\n", share(gd::data::DataLoader(data, options(0))));
  const double one = share(gd::data::DataLoader(data, options(1)));
  std::printf("1 worker %.4f\n", one);
  std::printf("1 worker, random shifts %.4f\n", share(gd::data::DataLoader(shifted, options(1))));
  return one > kLeastShare ? 0 : 1;
}

}  // namespace
}  // namespace bench

int main() { return bench::run(); }
