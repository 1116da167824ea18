// Random numbers for single samples, as augmentation needs them: a pure function of (seed, epoch, index of
// the sample), so that any number of workers makes the same batches, and a run that goes on makes those of
// one that was not stopped.
#pragma once

#include <cstdint>
#include <span>

#include "gradus/base/random.h"

namespace gradus::data {

// What a DataLoader hands to a dataset that draws random numbers.
struct SampleRandom {
  std::uint64_t seed = 0;
  std::uint64_t epoch = 0;
  std::uint32_t level = 0;  // how many datasets that draw numbers too lie around this one

  // Where the numbers of one sample begin. They are none that a sampler or another sample draws.
  Generator generator(std::int64_t index) const;
  SampleRandom inner() const { return {seed, epoch, level + 1}; }
};

// A dataset whose batches depend on the epoch: beside batch(indices), which is that of seed 0 and epoch 0, it
// has
//   Batch batch(std::span<const std::int64_t> indices, const SampleRandom& random) const;
template <class D>
concept TakesRandom = requires(const D& d, std::span<const std::int64_t> indices,
                               const SampleRandom& random) {
  d.batch(indices, random);
};

}  // namespace gradus::data
