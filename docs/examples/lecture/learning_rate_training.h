// What the parts of the lesson `learning-rate` share: one training, and the parts themselves.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "gradus/docs/examples/lecture/image_batches.h"

namespace gradus::lecture {

struct Training {
  std::vector<double> losses;  // of each batch; infinite where training broke down, as is
  double last;                 // of all images at the end
};

// A net 784-64-10 with relu.
struct SmallNet {
  nn::Linear hidden{784, 64}, out{64, 10};

  Tensor loss(const Images& images) const { return cross_entropy(out(relu(hidden(images.x))), images.y); }
  std::vector<Tensor> parameters() const { return {hidden.weight, hidden.bias, out.weight, out.bias}; }
};

// Plain gradient descent on random batches. The first weights and the batches follow from the seed alone.
inline Training train(const Images& images, std::int64_t batch, std::int64_t steps, double rate,
                      const optim::Schedule& schedule, std::uint64_t seed) {
  const GeneratorScope scope({.seed = seed});
  const SmallNet net;
  const auto number = [](const Tensor& loss) {
    const double value = loss.item<double>();
    return std::isfinite(value) ? value : HUGE_VAL;
  };
  optim::SGD optimizer(net.parameters(), {.lr = rate});
  optim::Scheduler scheduler(optimizer, schedule);
  Training result{};
  for (std::int64_t i = 0; i < steps; ++i) {
    const Tensor loss = net.loss(random_batch(images, batch));
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    scheduler.step();
    result.losses.push_back(number(loss));
  }
  const NoGrad no_grad;
  result.last = number(net.loss(images));
  return result;
}

// The mean of each `block` values: a curve that can be read.
inline std::vector<double> block_means(const std::vector<double>& values, std::size_t block) {
  std::vector<double> means;
  for (std::size_t i = 0; i + block <= values.size(); i += block) {
    double sum = 0;
    for (std::size_t k = i; k < i + block; ++k) sum += values[k];
    means.push_back(sum / static_cast<double>(block));
  }
  return means;
}

// Five schedules against their formulas, and trained with; `done` of `total` trainings before it.
void schedules(Lab& lab, const Images& images, std::uint64_t seed, std::int64_t done, std::int64_t total);
std::int64_t schedule_trainings(const Lab& lab);  // that schedules() makes

}  // namespace gradus::lecture
