// The space of a search for hyper-parameters: what each of them may be, points drawn at random and points on
// a grid. A point holds one number for each dimension. Everything here is a pure function of its arguments, a
// random point of (seed, number).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gradus::optim::search {

enum class Scale : std::uint8_t { linear, log, choice };

struct Dimension {
  std::string name;
  Scale scale = Scale::linear;
  double least = 0, most = 1;  // both included; of linear and log
  bool whole = false;          // whole numbers only
  std::vector<double> choices = {};
};

using Point = std::vector<double>;

class Space {
 public:
  // Errors: ValueError for no dimension, a name twice, a range that is empty or not finite, a logarithm of
  // what is not above 0, bounds that are no whole numbers where values are to be, a choice twice.
  explicit Space(std::vector<Dimension> dimensions);

  std::span<const Dimension> dimensions() const { return dimensions_; }

  // The point at a place of the unit cube, [0, 1] along each dimension: alike in each part of it, on the
  // dimension's scale.
  Point at(std::span<const double> place) const;
  // A place of that point.
  std::vector<double> place(const Point& point) const;

  // What a model of the loss takes: the place along linear and log dimensions, and for a choice one number
  // for each of its values, 1 for the one that is chosen and 0 for the others.
  std::vector<double> features(const Point& point) const;
  std::int64_t feature_count() const;

 private:
  std::vector<Dimension> dimensions_;
};

Point random_point(const Space& space, std::uint64_t seed, std::uint64_t number);

// The values along each dimension of a grid of at most `most` points: all of a choice; of the others as many
// as fit, evenly on their scale, both ends among them. Errors: ValueError where the choices alone are more.
std::vector<std::vector<double>> grid_axes(const Space& space, std::int64_t most);
// The number of points of the grid, and one of them: the last dimension runs fastest.
std::int64_t grid_size(std::span<const std::vector<double>> axes);
Point grid_point(std::span<const std::vector<double>> axes, std::int64_t number);

}  // namespace gradus::optim::search
