// What the parts of the lesson `learning-rate` share: one training, and the parts themselves.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "gradus/docs/examples/lecture/image_batches.h"

namespace gradus::lecture {

struct RateTraining {
  std::vector<double> losses;  // of each batch; infinite where training broke down, as is
  double last;                 // of all images at the end
};

constexpr std::int64_t kRateUnits = 64;  // of the net that these trainings train

// Plain gradient descent on random batches. The first weights and the batches follow from the seed alone.
inline RateTraining train_at_rate(const Images& images, std::int64_t batch, std::int64_t steps, double rate,
                                  const optim::Schedule& schedule, std::uint64_t seed) {
  const GeneratorScope scope({.seed = seed});
  const SmallNet net(kRateUnits);
  const auto number = [](const Tensor& loss) {
    const double value = loss.item<double>();
    return std::isfinite(value) ? value : HUGE_VAL;
  };
  optim::SGD optimizer(net.parameters(), {.lr = rate});
  optim::Scheduler scheduler(optimizer, schedule);
  RateTraining result{};
  for (std::int64_t i = 0; i < steps; ++i) {
    const Images picked = random_batch(images, batch);
    const Tensor loss = cross_entropy(net(picked.x), picked.y);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    scheduler.step();
    result.losses.push_back(number(loss));
  }
  const NoGrad no_grad;
  result.last = number(cross_entropy(net(images.x), images.y));
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
