// The schedule of Hyperband (L. Li, K. Jamieson, G. DeSalvo, A. Rostamizadeh, A. Talwalkar: "Hyperband: a
// novel bandit-based approach to hyperparameter optimization", JMLR 18, 2018, algorithm 1). Each bracket is
// one run of successive halving (K. Jamieson, A. Talwalkar: "Non-stochastic best arm identification and
// hyperparameter optimization", 2016): many configurations with little of a resource, such as epochs, then
// the best 1 / eta of them with eta times as much, and so on. Brackets differ in how early they judge.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gradus::optim::search {

struct Rung {
  std::int64_t configurations;
  std::int64_t resource;  // for each of them

  bool operator==(const Rung&) const = default;
};
using Bracket = std::vector<Rung>;

// For s = floor(log_eta R) down to 0 a bracket of rungs i = 0 .. s with floor(n / eta^i) configurations at
// the resource floor(R / eta^(s - i)), where n = ceil((floor(log_eta R) + 1) eta^s / (s + 1)).
// Errors: ValueError unless max_resource >= 1 and eta >= 2.
std::vector<Bracket> hyperband_brackets(std::int64_t max_resource, std::int64_t eta = 3);

// The resource that all trainings of a bracket need, each from its start.
std::int64_t cost(const Bracket& bracket);

// Where the `keep` least of the losses stand, the least first; of equal ones the earlier. NaN, the loss of a
// trial that failed, is larger than any number.
std::vector<std::size_t> least(std::span<const double> losses, std::int64_t keep);

}  // namespace gradus::optim::search
