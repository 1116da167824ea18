#include "gradus/data/sampler.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include "gradus/base/format.h"
#include "gradus/base/random.h"

namespace gradus::data {
namespace {

// Every epoch draws from blocks of its own, 2^40 of them.
RandomStream stream_of(std::uint64_t seed, std::uint64_t epoch) { return {seed, epoch << 40}; }

// Uniform in [0, 1), a multiple of 2^-53.
double unit(const RandomStream& stream, std::uint64_t i) {
  const auto block = random_block(stream, i);
  return static_cast<double>((std::uint64_t{block[1]} << 32 | block[0]) >> 11) * 0x1p-53;
}

}  // namespace

std::vector<std::int64_t> ordered_indices(std::int64_t n) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(n));
  std::iota(indices.begin(), indices.end(), std::int64_t{0});
  return indices;
}

std::vector<std::int64_t> shuffled_indices(std::int64_t n, std::uint64_t seed, std::uint64_t epoch) {
  std::vector<std::int64_t> indices = ordered_indices(n);
  const RandomStream stream = stream_of(seed, epoch);
  // Fisher and Yates; Knuth: "The art of computer programming", volume 2, algorithm P.
  for (std::size_t i = indices.size(); i > 1; --i) {
    const std::uint64_t j = random_below(stream, i, i);
    std::swap(indices[i - 1], indices[static_cast<std::size_t>(j)]);
  }
  return indices;
}

WeightedSampler::WeightedSampler(std::span<const double> weights, std::int64_t count, Location where)
    : count_(count) {
  if (count < 0)
    throw_error<ValueError>(where, "WeightedSampler", "count is {}; it is a number of samples", count);
  double sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (!(weights[i] >= 0) || !std::isfinite(weights[i])) {
      throw_error<ValueError>(where, "WeightedSampler",
                              "weight {} is {}; weights are finite and not negative", i, weights[i]);
    }
    sums_.push_back(sum += weights[i]);
  }
  if (!(sum > 0) || !std::isfinite(sum)) {
    throw_error<ValueError>(where, "WeightedSampler",
                            "the sum of the {} weights is {}; it must be finite and above 0", weights.size(),
                            sum);
  }
}

std::vector<std::int64_t> WeightedSampler::indices(std::uint64_t seed, std::uint64_t epoch) const {
  const RandomStream stream = stream_of(seed, epoch);
  std::vector<std::int64_t> out(static_cast<std::size_t>(count_));
  for (std::size_t i = 0; i < out.size(); ++i) {
    // The first sum above the draw: an index of weight 0 has the sum of the one before it and is never first.
    // A draw that rounds up to the whole sum belongs to the last index with a weight.
    const double at = std::min(unit(stream, i) * sums_.back(), std::nextafter(sums_.back(), 0.0));
    out[i] = std::upper_bound(sums_.begin(), sums_.end(), at) - sums_.begin();
  }
  return out;
}

StratifiedSampler::StratifiedSampler(std::span<const std::int64_t> labels)
    : labels_(labels.begin(), labels.end()) {}

std::vector<std::int64_t> StratifiedSampler::indices(std::uint64_t seed, std::uint64_t epoch) const {
  std::map<std::int64_t, std::int64_t> counts, seen;
  for (const std::int64_t label : labels_) ++counts[label];
  // The k-th of the n samples of a class, in an order of its own, lies somewhere in [k / n, (k + 1) / n).
  const RandomStream stream = stream_of(seed, ~epoch);
  std::vector<std::pair<double, std::int64_t>> places;
  for (const std::int64_t i : shuffled_indices(size(), seed, epoch)) {
    const std::int64_t label = labels_[static_cast<std::size_t>(i)];
    const double k = static_cast<double>(seen[label]++) + unit(stream, static_cast<std::uint64_t>(i));
    places.emplace_back(k / static_cast<double>(counts[label]), i);
  }
  std::sort(places.begin(), places.end());
  std::vector<std::int64_t> out;
  out.reserve(places.size());
  for (const auto& [place, i] : places) out.push_back(i);
  return out;
}

}  // namespace gradus::data
