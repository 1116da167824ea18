// What mathematics says of the methods of the lesson hyper-parameters. Sources: J. Bergstra, Y. Bengio:
// "Random search for hyper-parameter optimization", 2012; L. Li et al.: "Hyperband", 2018, algorithm 1; C.
// Rasmussen, C. Williams: "Gaussian processes for machine learning", 2006; D. Jones et al.: "Efficient global
// optimization of expensive black-box functions", 1998.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

#include "gradus/docs/examples/lecture/hyper_parameters.h"
#include "gradus/optim/search/gaussian_process.h"

namespace gradus::lecture {
namespace {

using search::Point;
using search::Space;

const Space& cube() {
  static const Space kCube({{.name = "a"}, {.name = "b"}, {.name = "c"}});
  return kCube;
}

// A grid of k values along each of d axes has k^d points and tries k values of each; as many random points
// try a new value each time.
void grid(Lab& lab) {
  constexpr std::int64_t kTrials = 64;
  const auto axes = search::grid_axes(cube(), kTrials);
  lab.check("a grid of 64 trials over three axes: values of each", static_cast<double>(axes[0].size()), 4, 0);
  lab.check("points of that grid, 4^3", static_cast<double>(search::grid_size(axes)), 64, 0);
  std::set<double> values;
  for (std::uint64_t i = 0; i < kTrials; ++i) values.insert(search::random_point(cube(), 0, i)[0]);
  lab.check("64 random points: values of each axis", static_cast<double>(values.size()), 64, 0);
}

// One of n random points is among the best 5 % with the probability 1 - 0.95^n, whatever the function and the
// number of axes.
void chance(Lab& lab) {
  const Space square({{.name = "a"}, {.name = "b"}});
  const double radius = std::sqrt(0.05 / std::numbers::pi);  // of a circle that is 5 % of the square
  const auto among_best = [&](const Point& p) { return std::hypot(p[0] - 0.3, p[1] - 0.6) < radius; };
  const auto searches = static_cast<std::uint64_t>(lab.count("searches"));
  constexpr std::uint64_t kMost = 60;
  const std::uint64_t seed = reserve_random(1).offset + default_generator().seed;
  std::vector<double> hits(kMost + 1);
  for (std::uint64_t s = 0; s < searches; ++s) {
    std::uint64_t first = 0;
    while (first < kMost && !among_best(search::random_point(square, seed, s * kMost + first))) ++first;
    for (std::uint64_t n = first + 1; n <= kMost; ++n) hits[n] += 1 / static_cast<double>(searches);
  }
  Table table{"chance", {"trials", "measured", "1 - 0.95^n"}};
  double worst = 0;  // in standard deviations of the measurement
  for (std::uint64_t n = 1; n <= kMost; ++n) {
    const double p = 1 - std::pow(0.95, static_cast<double>(n));
    worst = std::max(worst, std::abs(hits[n] - p) / std::sqrt(p * (1 - p) / static_cast<double>(searches)));
    table.rows.push_back({static_cast<double>(n), hits[n], p});
  }
  lab.check_within(
      "n random trials hit the best 5 % with the probability 1 - 0.95^n: difference in standard deviations",
      worst, 0, 5);
  lab.table(std::move(table));
}

// The table of algorithm 1 for R = 81 and eta = 3.
void hyperband(Lab& lab) {
  const std::vector<search::Bracket> expected = {{{81, 1}, {27, 3}, {9, 9}, {3, 27}, {1, 81}},
                                                 {{34, 3}, {11, 9}, {3, 27}, {1, 81}},
                                                 {{15, 9}, {5, 27}, {1, 81}},
                                                 {{8, 27}, {2, 81}},
                                                 {{5, 81}}};
  const auto brackets = search::hyperband_brackets(81, 3);
  Table table{"brackets", {"bracket s", "rung", "configurations", "epochs each"}};
  int different = brackets.size() == expected.size() ? 0 : 1;
  for (std::size_t b = 0; b < brackets.size(); ++b) {
    for (std::size_t i = 0; i < brackets[b].size(); ++i) {
      const search::Rung& rung = brackets[b][i];
      const bool same = b < expected.size() && i < expected[b].size() && rung == expected[b][i];
      different += same ? 0 : 1;
      table.rows.push_back({static_cast<double>(brackets.size() - 1 - b), static_cast<double>(i),
                            static_cast<double>(rung.configurations), static_cast<double>(rung.resource)});
    }
  }
  lab.check("Hyperband's brackets for R = 81, eta = 3: entries that differ from algorithm 1", different, 0,
            0);
  lab.table(std::move(table));
}

double matern(double r) { return (1 + std::sqrt(5) * r + 5 * r * r / 3) * std::exp(-std::sqrt(5) * r); }

// With two points the matrix [[a, b], [b, a]] is inverted by hand.
void two_points(Lab& lab) {
  const double length = 0.4, variance = 1.7, noise = 0.03, x0 = 0.2, x1 = 0.7, y0 = 1.5, y1 = -0.3;
  const search::GaussianProcess process(tensor(std::vector{x0, x1}, {2, 1}), tensor(std::vector{y0, y1}),
                                        {.lengths = {length}, .variance = variance, .noise = noise});
  const double a = variance + noise, b = variance * matern((x1 - x0) / length), det = a * a - b * b;
  double mean_off = 0, variance_off = 0;
  for (double x = -0.5; x < 1.5; x += 0.125) {
    const double u = variance * matern(std::abs(x - x0) / length);
    const double v = variance * matern(std::abs(x - x1) / length);
    const auto p = process.at(tensor(std::vector{x}, {1, 1}));
    const double mean = (u * (a * y0 - b * y1) + v * (a * y1 - b * y0)) / det;
    const double left = variance - (a * (u * u + v * v) - 2 * b * u * v) / det;
    mean_off = std::max(mean_off, std::abs(p.mean.to_vector<double>()[0] - mean));
    variance_off = std::max(variance_off, std::abs(p.variance.to_vector<double>()[0] - left));
  }
  lab.check("a Gaussian process of two points, by hand: largest difference of the mean", mean_off, 0, 1e-10);
  lab.check("and of the variance", variance_off, 0, 1e-10);
}

void interpolation(Lab& lab) {
  constexpr std::int64_t kPoints = 15;
  const Tensor x = uniform({kPoints, 2}, 0, 1, {.dtype = DType::f64});
  const Tensor y = sin(5.0 * gradus::select(x, 1, 0)) + square(gradus::select(x, 1, 1));
  const search::GaussianProcess process(x, y, {.lengths = {0.5, 0.5}});
  const auto p = process.at(x);
  lab.check("without noise its mean goes through the data: largest difference",
            amax(abs(p.mean - y)).item<double>(), 0, 1e-8);
  lab.check("and nothing is uncertain there: largest variance", amax(p.variance).item<double>(), 0, 1e-8);
}

// The improvement max(best - f, 0) times the density of f, summed by Simpson's rule.
double integrated_improvement(double mean, double deviation, double best) {
  constexpr int kCells = 20000;
  const double from = mean - 12 * deviation, h = (best - from) / kCells;
  double sum = 0;
  for (int i = 0; i <= kCells; ++i) {
    const double f = from + i * h, z = (f - mean) / deviation;
    sum += (i == 0 || i == kCells ? 1 : i % 2 == 1 ? 4 : 2) * (best - f) * std::exp(-z * z / 2);
  }
  return sum * h / 3 / (deviation * std::sqrt(2 * std::numbers::pi));
}

void improvement(Lab& lab) {
  double worst = 0;
  for (const double mean : {-1.0, 0.0, 0.5, 2.0}) {
    for (const double deviation : {0.3, 1.0, 2.0}) {
      worst = std::max(worst, std::abs(search::expected_improvement(mean, deviation, 0.2) -
                                       integrated_improvement(mean, deviation, 0.2)));
    }
  }
  lab.check("expected improvement, formula and integral: largest difference", worst, 0, 1e-10);
}

}  // namespace

void check_closed_forms(Lab& lab) {
  grid(lab);
  chance(lab);
  hyperband(lab);
  two_points(lab);
  interpolation(lab);
  improvement(lab);
}

}  // namespace gradus::lecture
