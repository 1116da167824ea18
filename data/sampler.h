// The order in which an epoch visits the samples: a pure function of (seed, epoch), so that a run can go on
// where it stopped, and any number of threads makes the same batches.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gradus/base/location.h"

namespace gradus::data {

// 0..n-1 in an order in which each permutation is as likely as any other; another one each epoch.
std::vector<std::int64_t> shuffled_indices(std::int64_t n, std::uint64_t seed, std::uint64_t epoch);

std::vector<std::int64_t> ordered_indices(std::int64_t n);

// An order of one's own for a DataLoader. Immutable, so that loaders and threads may share one.
class Sampler {
 public:
  virtual ~Sampler() = default;
  // Indices an epoch.
  virtual std::int64_t size() const = 0;
  virtual std::vector<std::int64_t> indices(std::uint64_t seed, std::uint64_t epoch) const = 0;
};

// Draws `count` indices with replacement, index i with probability weights[i] / sum(weights): for classes of
// unequal size, the inverse of its class's size for each sample.
class WeightedSampler : public Sampler {
 public:
  // Errors: ValueError for no weight, a negative or non-finite one, a sum of 0, a negative count.
  WeightedSampler(std::span<const double> weights, std::int64_t count, Location where = Location::current());
  std::int64_t size() const override { return count_; }
  std::vector<std::int64_t> indices(std::uint64_t seed, std::uint64_t epoch) const override;

 private:
  std::vector<double> sums_;  // of the weights up to each one
  std::int64_t count_;
};

// Every index once, shuffled, with the samples of each class spread evenly over the epoch: any stretch has
// the classes in nearly the proportion of the whole.
class StratifiedSampler : public Sampler {
 public:
  // The class of each sample; any numbers.
  explicit StratifiedSampler(std::span<const std::int64_t> labels);
  std::int64_t size() const override { return static_cast<std::int64_t>(labels_.size()); }
  std::vector<std::int64_t> indices(std::uint64_t seed, std::uint64_t epoch) const override;

 private:
  std::vector<std::int64_t> labels_;
};

}  // namespace gradus::data
