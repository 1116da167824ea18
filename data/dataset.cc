#include "gradus/data/dataset.h"

#include <algorithm>
#include <cmath>

#include "gradus/base/format.h"

namespace gradus::data::dataset_internal {

void check_indices(std::span<const std::int64_t> indices, std::int64_t n, const char* what, Location where) {
  for (const std::int64_t i : indices) {
    if (i < 0 || i >= n)
      throw_error<ValueError>(where, what, "index {} is out of range for {} samples", i, n);
  }
}

std::vector<std::int64_t> split_bounds(std::int64_t n, std::span<const double> shares, Location where) {
  std::vector<std::int64_t> bounds{0};
  double sum = 0;
  for (const double share : shares) {
    if (!(share >= 0))
      throw_error<ValueError>(where, "random_split", "a share is {}; shares are not negative", share);
    sum += share;
    // Shares such as 0.8 + 0.1 + 0.1 miss 1 by a rounding.
    if (sum > 1 + 1e-9)
      throw_error<ValueError>(where, "random_split", "the shares sum to {}, more than 1", sum);
    bounds.push_back(std::llround(std::min(sum, 1.0) * static_cast<double>(n)));
  }
  return bounds;
}

std::vector<std::int64_t> first_indices(std::int64_t n, std::int64_t count, Location where) {
  if (count < 0 || count > n) {
    throw_error<ValueError>(where, "take", "{} samples are asked for; the dataset has {}", count, n);
  }
  return ordered_indices(count);
}

}  // namespace gradus::data::dataset_internal
