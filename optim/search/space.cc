#include "gradus/optim/search/space.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "gradus/base/error.h"
#include "gradus/base/random.h"

namespace gradus::optim::search {
namespace {

void check(const Dimension& d) {
  const auto refuse = [&](const std::string& why) {
    throw ValueError(fmt::format("Space: {}: {}", d.name, why));
  };
  if (d.scale == Scale::choice) {
    if (d.choices.empty()) refuse("there is nothing to choose from");
    for (std::size_t i = 0; i < d.choices.size(); ++i) {
      if (!std::isfinite(d.choices[i])) refuse(fmt::format("{} is not a finite number", d.choices[i]));
      if (std::count(d.choices.begin(), d.choices.end(), d.choices[i]) > 1)
        refuse(fmt::format("the choice {} is there twice", d.choices[i]));
    }
    return;
  }
  if (!std::isfinite(d.least) || !std::isfinite(d.most) || !(d.least < d.most)) {
    refuse(fmt::format("the range from {} to {} is empty; the lower end comes first", d.least, d.most));
  }
  if (d.scale == Scale::log && d.least <= 0) {
    refuse(fmt::format("a logarithmic range must begin above 0, not at {}", d.least));
  }
  if (d.whole && (d.least != std::floor(d.least) || d.most != std::floor(d.most))) {
    refuse(fmt::format("the range from {} to {} must begin and end at whole numbers", d.least, d.most));
  }
}

// Whole numbers share the range from `least` up to, but without, most + 1.
double upper_end(const Dimension& d) { return d.whole ? d.most + 1 : d.most; }

double value_at(const Dimension& d, double place) {
  const double u = std::clamp(place, 0.0, 1.0);
  if (d.scale == Scale::choice) {
    const auto n = static_cast<double>(d.choices.size());
    return d.choices[static_cast<std::size_t>(std::min(u * n, n - 1))];
  }
  // exp(log(x)) is not always x.
  if (u == 0) return d.least;
  if (u == 1) return d.most;
  const double end = upper_end(d);
  const double value = d.scale == Scale::log
                           ? std::exp(std::log(d.least) + u * (std::log(end) - std::log(d.least)))
                           : d.least + u * (end - d.least);
  // Rounding may take a hundredth or 1e-4 a bit over the end.
  return std::clamp(d.whole ? std::floor(value) : value, d.least, d.most);
}

double place_of(const Dimension& d, double value) {
  if (d.scale == Scale::choice) {
    const auto i = std::ranges::find(d.choices, value) - d.choices.begin();
    return (static_cast<double>(i) + 0.5) / static_cast<double>(d.choices.size());
  }
  const double end = upper_end(d), middle = d.whole ? value + 0.5 : value;
  return d.scale == Scale::log ? std::log(middle / d.least) / std::log(end / d.least)
                               : (middle - d.least) / (end - d.least);
}

std::vector<double> axis(const Dimension& d, std::int64_t count) {
  if (d.scale == Scale::choice) return d.choices;
  std::vector<double> values;
  for (std::int64_t i = 0; i < count; ++i) {
    const double place = count == 1 ? 0.5 : static_cast<double>(i) / static_cast<double>(count - 1);
    const double value = value_at(d, place);
    if (values.empty() || values.back() != value) values.push_back(value);
  }
  return values;
}

}  // namespace

Space::Space(std::vector<Dimension> dimensions) : dimensions_(std::move(dimensions)) {
  if (dimensions_.empty()) throw ValueError("Space: there is no dimension to search");
  for (const Dimension& d : dimensions_) {
    check(d);
    if (std::ranges::count(dimensions_, d.name, &Dimension::name) > 1)
      throw ValueError(fmt::format("Space: {} is there twice", d.name));
  }
}

Point Space::at(std::span<const double> place) const {
  Point point;
  for (std::size_t i = 0; i < dimensions_.size(); ++i) point.push_back(value_at(dimensions_[i], place[i]));
  return point;
}

std::vector<double> Space::place(const Point& point) const {
  std::vector<double> place;
  for (std::size_t i = 0; i < dimensions_.size(); ++i) place.push_back(place_of(dimensions_[i], point[i]));
  return place;
}

std::vector<double> Space::features(const Point& point) const {
  std::vector<double> features;
  for (std::size_t i = 0; i < dimensions_.size(); ++i) {
    const Dimension& d = dimensions_[i];
    if (d.scale != Scale::choice) {
      features.push_back(place_of(d, point[i]));
      continue;
    }
    for (const double choice : d.choices) features.push_back(choice == point[i] ? 1.0 : 0.0);
  }
  return features;
}

std::int64_t Space::feature_count() const {
  std::int64_t count = 0;
  for (const Dimension& d : dimensions_)
    count += d.scale == Scale::choice ? static_cast<std::int64_t>(d.choices.size()) : 1;
  return count;
}

Point random_point(const Space& space, std::uint64_t seed, std::uint64_t number) {
  const std::size_t n = space.dimensions().size();
  std::vector<double> place(n);
  fill_uniform(RandomStream{.seed = seed, .offset = number * blocks_for_f64(n)}, 0, place);
  return space.at(place);
}

std::vector<std::vector<double>> grid_axes(const Space& space, std::int64_t most) {
  const auto dimensions = space.dimensions();
  std::vector<std::int64_t> counts, limits;
  std::int64_t product = 1;
  for (const Dimension& d : dimensions) {
    const bool choice = d.scale == Scale::choice;
    counts.push_back(choice ? static_cast<std::int64_t>(d.choices.size()) : 1);
    limits.push_back(choice    ? counts.back()
                     : d.whole ? static_cast<std::int64_t>(std::min(d.most - d.least + 1, 1e18))
                               : INT64_MAX);
    if (counts.back() > most / product) {
      throw ValueError(fmt::format("grid_axes: the choices alone make more than {} points", most));
    }
    product *= counts.back();
  }
  // The dimension with the fewest values gets one more, as long as the grid does not grow too large.
  for (;;) {
    std::size_t next = counts.size();
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const bool fits = counts[i] < limits[i] && product / counts[i] <= most / (counts[i] + 1);
      if (fits && (next == counts.size() || counts[i] < counts[next])) next = i;
    }
    if (next == counts.size()) break;
    product = product / counts[next] * (counts[next] + 1);
    ++counts[next];
  }
  std::vector<std::vector<double>> axes;
  for (std::size_t i = 0; i < counts.size(); ++i) axes.push_back(axis(dimensions[i], counts[i]));
  return axes;
}

std::int64_t grid_size(std::span<const std::vector<double>> axes) {
  std::int64_t size = 1;
  for (const auto& values : axes) size *= static_cast<std::int64_t>(values.size());
  return size;
}

Point grid_point(std::span<const std::vector<double>> axes, std::int64_t number) {
  Point point(axes.size());
  for (std::size_t i = axes.size(); i-- > 0;) {
    const auto n = static_cast<std::int64_t>(axes[i].size());
    point[i] = axes[i][static_cast<std::size_t>(number % n)];
    number /= n;
  }
  return point;
}

}  // namespace gradus::optim::search
