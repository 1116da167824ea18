#include "gradus/docs/examples/zoo/zoo.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "gradus/base/error.h"

namespace gradus::zoo {

Values::Values(std::span<const Option> options, std::span<const std::pair<const char*, double>> changed)
    : options_(options) {
  values_.reserve(options.size());
  for (const Option& o : options) values_.push_back(o.value);
  for (const auto& [name, value] : changed) set(name, value);
}

std::size_t Values::index(std::string_view name) const {
  const auto found = std::ranges::find_if(options_, [&](const Option& o) { return name == o.name; });
  if (found == options_.end()) {
    std::vector<std::string_view> known;
    for (const Option& o : options_) known.emplace_back(o.name);
    throw ValueError(fmt::format("unknown option '{}'; there are {}", name, fmt::join(known, ", ")));
  }
  return static_cast<std::size_t>(found - options_.begin());
}

void Values::set(std::string_view name, double value) {
  const std::size_t i = index(name);
  const Option& o = options_[i];
  if (!(value >= o.least && value <= o.most)) {
    throw ValueError(fmt::format("--{} is {}, but must be from {} to {}", o.name, value, o.least, o.most));
  }
  if (o.whole && value != std::floor(value)) {
    throw ValueError(fmt::format("--{} is {}, but must be a whole number", o.name, value));
  }
  values_[i] = value;
}

double Values::number(std::string_view name) const { return values_[index(name)]; }

}  // namespace gradus::zoo
