#include "gradus/data/sampler.h"

#include <numeric>
#include <utility>

#include "gradus/base/random.h"

namespace gradus::data {

std::vector<std::int64_t> ordered_indices(std::int64_t n) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(n));
  std::iota(indices.begin(), indices.end(), std::int64_t{0});
  return indices;
}

std::vector<std::int64_t> shuffled_indices(std::int64_t n, std::uint64_t seed, std::uint64_t epoch) {
  std::vector<std::int64_t> indices = ordered_indices(n);
  // Every epoch draws from blocks of its own, 2^40 of them.
  const RandomStream stream{seed, epoch << 40};
  // Fisher and Yates; Knuth: "The art of computer programming", volume 2, algorithm P.
  for (std::size_t i = indices.size(); i > 1; --i) {
    const std::uint64_t j = random_below(stream, i, i);
    std::swap(indices[i - 1], indices[static_cast<std::size_t>(j)]);
  }
  return indices;
}

}  // namespace gradus::data
