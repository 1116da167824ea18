#include "gradus/optim/search/hyperband.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "gradus/base/error.h"

namespace gradus::optim::search {

std::vector<Bracket> hyperband_brackets(std::int64_t max_resource, std::int64_t eta) {
  // Above, the number of configurations overflows.
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  if (max_resource < 1 || max_resource > kMost) {
    throw ValueError(
        fmt::format("hyperband_brackets: max_resource is {}, but must be from 1 to 2^40", max_resource));
  }
  if (eta < 2 || eta > kMost)
    throw ValueError(fmt::format("hyperband_brackets: eta is {}, but must be from 2 to 2^40", eta));
  std::vector<std::int64_t> powers = {1};  // of eta
  while (powers.back() <= max_resource / eta) powers.push_back(powers.back() * eta);
  const auto brackets = static_cast<std::int64_t>(powers.size());
  std::vector<Bracket> result;
  for (std::size_t s = powers.size(); s-- > 0;) {
    const auto rungs = static_cast<std::int64_t>(s) + 1;
    const std::int64_t n = (brackets * powers[s] + rungs - 1) / rungs;
    Bracket bracket;
    for (std::size_t i = 0; i <= s; ++i) bracket.push_back({n / powers[i], max_resource / powers[s - i]});
    result.push_back(std::move(bracket));
  }
  return result;
}

std::int64_t cost(const Bracket& bracket) {
  std::int64_t sum = 0;
  for (const Rung& r : bracket) sum += r.configurations * r.resource;
  return sum;
}

std::vector<std::size_t> least(std::span<const double> losses, std::int64_t keep) {
  std::vector<std::size_t> order(losses.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    return losses[a] < losses[b] || (std::isnan(losses[b]) && !std::isnan(losses[a]));
  });
  order.resize(std::min(order.size(), static_cast<std::size_t>(std::max<std::int64_t>(keep, 0))));
  return order;
}

}  // namespace gradus::optim::search
