// The order in which an epoch visits the samples: a pure function of (seed, epoch, size).
#pragma once

#include <cstdint>
#include <vector>

namespace gradus::data {

// 0..n-1 in an order in which each permutation is as likely as any other; another one each epoch.
std::vector<std::int64_t> shuffled_indices(std::int64_t n, std::uint64_t seed, std::uint64_t epoch);

std::vector<std::int64_t> ordered_indices(std::int64_t n);

}  // namespace gradus::data
