// Bayesian search on functions that cost nothing, so that one sees what it does and how far it is from the
// minimum. Sources: A. Forrester, A. Sobester, A. Keane: "Engineering design via surrogate modelling", 2008;
// F. Branin: "Widely convergent method for finding multiple solutions of simultaneous nonlinear equations",
// 1972.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "gradus/docs/examples/lecture/hyper_parameters.h"
#include "gradus/optim/search/gaussian_process.h"

namespace gradus::lecture {
namespace {

double forrester(double x) { return std::pow(6 * x - 2, 2) * std::sin(12 * x - 4); }

// Three minima of the same value, 5 / (4 pi).
double branin(double x, double y) {
  constexpr double kPi = std::numbers::pi;
  const double valley = y - 5.1 / (4 * kPi * kPi) * x * x + 5 / kPi * x - 6;
  return valley * valley + 10 * (1 - 1 / (8 * kPi)) * std::cos(x) + 10;
}
constexpr double kLeast = 5 / (4 * std::numbers::pi);

struct Scaled {
  std::vector<double> y;
  double mean = 0, deviation = 1;
};

// As the process wants it: mean 0, variance 1.
Scaled scaled(const std::vector<double>& y) {
  const auto n = static_cast<double>(y.size());
  Scaled s{y};
  double squares = 0;
  for (const double v : y) s.mean += v / n;
  for (const double v : y) squares += (v - s.mean) * (v - s.mean) / n;
  s.deviation = std::sqrt(squares);
  for (double& v : s.y) v = (v - s.mean) / s.deviation;
  return s;
}

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}

}  // namespace

std::vector<double> best_so_far(const std::vector<search::Tried>& tried) {
  std::vector<double> best;
  double least = HUGE_VAL;
  for (const search::Tried& t : tried) {
    if (t.loss < least) least = t.loss;  // not for NaN, a trial that failed
    best.push_back(least);
  }
  return best;
}

void show_model(Lab& lab) {
  constexpr int kFrames = 9;
  // So far do values resemble each other; fit_kernel() would need more points to tell.
  const search::Kernel kernel{.lengths = {0.2}};
  std::vector<double> grid;
  for (int i = 0; i <= 100; ++i) grid.push_back(i / 100.0);
  std::vector<double> x = {0, 0.5, 1};  // looked at before a model is made
  Table points{"points", {"seen in frame", "x", "f"}};
  Table model{"model", {"frame", "x", "f", "mean", "deviation", "expected improvement"}};
  for (const double at : x) points.rows.push_back({0, at, forrester(at)});
  double best = HUGE_VAL;
  for (int frame = 0; frame < kFrames; ++frame) {
    std::vector<double> y(x.size());
    std::ranges::transform(x, y.begin(), forrester);
    best = *std::ranges::min_element(y);
    const Scaled s = scaled(y);
    const auto n = static_cast<std::int64_t>(x.size());
    const Tensor places = tensor(x, {n, 1});
    const search::GaussianProcess process(places, tensor(s.y), kernel);
    const auto p = process.at(tensor(grid, {static_cast<std::int64_t>(grid.size()), 1}));
    const auto mean = p.mean.to_vector<double>(), variance = p.variance.to_vector<double>();
    double most = -1, next = 0;
    for (std::size_t i = 0; i < grid.size(); ++i) {
      const double m = s.mean + s.deviation * mean[i], sd = s.deviation * std::sqrt(variance[i]);
      const double gain = search::expected_improvement(m, sd, best);
      model.rows.push_back({static_cast<double>(frame), grid[i], forrester(grid[i]), m, sd, gain});
      if (gain > most && std::ranges::find(x, grid[i]) == x.end()) {
        most = gain;
        next = grid[i];
      }
    }
    x.push_back(next);
    points.rows.push_back({frame + 1.0, next, forrester(next)});
  }
  double least = HUGE_VAL;
  for (const double at : grid) least = std::min(least, forrester(at));
  lab.check("along one axis, after 11 looks: the least value seen, and the least of all 101", best, least,
            0.05);
  lab.table(std::move(points));
  lab.table(std::move(model));
  lab.picture(
      {.name = "model",
       .caption =
           "Bayesian search along one axis. The Gaussian process goes through all that was seen, and is "
           "unsure in between (two standard deviations). The next look is where the expected "
           "improvement, below, is largest.",
       .width = 640,
       .height = 520,
       .script = R"(
stats $model using ($1 == frame ? $6 : NaN) nooutput name 'gain'
set multiplot
set lmargin 11
set rmargin 3
set xrange [0:1]
set size 1, 0.68
set origin 0, 0.32
set ylabel 'f(x)'
set yrange [-14:20]
set format x ''
set key top left Left reverse
set title sprintf('after %d looks', frame + 3)
plot $model using ($1 == frame ? $2 : NaN):($4 - 2*$5):($4 + 2*$5) with filledcurves lc rgb '#cfe3f1' title 'mean ± 2 deviations', \
     $model using ($1 == frame ? $2 : NaN):4 with lines lt 1 lw 2 title 'mean', \
     $model using ($1 == frame ? $2 : NaN):3 with lines lt 8 lw 1.5 dt 2 title 'f, unknown to it', \
     $points using ($1 <= frame ? $2 : NaN):3 with points lt 7 pt 7 ps 0.9 title 'seen'
unset title
set format x '%g'
set size 1, 0.34
set origin 0, 0
set xlabel 'x'
set ylabel 'improvement'
set yrange [0:gain_max]
set ytics (0, gain_max)
set format y '%.1g'
unset key
plot $model using ($1 == frame ? $2 : NaN):6 with filledcurves y1=0 lc rgb '#f2cdb4' notitle, \
     $model using ($1 == frame ? $2 : NaN):6 with lines lt 2 lw 2 notitle
unset multiplot
)",
       .frames = kFrames});
}

void compare_on_branin(Lab& lab, std::int64_t done, std::int64_t total) {
  const search::Space space({{.name = "x", .least = -5, .most = 10}, {.name = "y", .least = 0, .most = 15}});
  const std::int64_t trials = lab.count("trials"), seeds = lab.count("branin-seeds");
  lab.check("Branin's function at (pi, 2.275) is 5 / (4 pi)", branin(std::numbers::pi, 2.275), kLeast, 1e-12);
  const auto loss = [](std::int64_t, const search::Trial& t) { return branin(t.point[0], t.point[1]); };
  const auto n = static_cast<std::size_t>(seeds);
  std::vector<std::vector<double>> random(n), bayes(n);
  const std::uint64_t first = default_generator().seed * 1000;
  side_by_side(
      lab, seeds,
      [&](std::int64_t i) {
        const std::uint64_t seed = first + static_cast<std::uint64_t>(i);
        const auto at = static_cast<std::size_t>(i);
        random[at] = best_so_far(search::search(*search::random_search(space, trials, seed), loss));
        bayes[at] = best_so_far(search::search(*search::bayes_search(space, trials, seed), loss));
      },
      done, total);
  const auto grid = best_so_far(search::search(*search::grid_search(space, trials), loss));

  Table table{
      "branin",
      {"trials", "grid", "random", "random, best", "random, worst", "bayes", "bayes, best", "bayes, worst"}};
  for (std::size_t t = 0; t < static_cast<std::size_t>(trials); ++t) {
    std::vector<double> row = {static_cast<double>(t + 1), grid[std::min(t, grid.size() - 1)] - kLeast};
    for (const auto& runs : {random, bayes}) {
      std::vector<double> regret(runs.size());
      std::ranges::transform(runs, regret.begin(), [&](const auto& run) { return run[t] - kLeast; });
      row.insert(row.end(),
                 {median(regret), *std::ranges::min_element(regret), *std::ranges::max_element(regret)});
    }
    table.rows.push_back(row);
  }
  const std::vector<double>& last = table.rows.back();
  lab.check_within(
      "on Branin's function Bayesian search ends nearer to the minimum: its median distance, over "
      "that of random search",
      last[5] / last[2], 0, 0.2);
  lab.table(std::move(table));
  lab.picture({.name = "branin",
               .caption =
                   "Left: the chance that one of n random trials is among the best 5 %, counted and by the "
                   "formula. Right: the distance from the minimum of Branin's function by the trials; "
                   "medians, and between the luckiest and the unluckiest search.",
               .script = R"(
set multiplot layout 1,2
set xlabel 'random trials n'
set ylabel 'chance to hit the best 5 %'
set yrange [0:1]
set key bottom right
plot $chance using 1:3 with lines lt 1 lw 2 title '1 - 0.95^n', \
     $chance every 3 using 1:2 with points lt 2 pt 6 ps 0.8 title 'counted'
set xlabel 'trials'
set ylabel 'best value so far - minimum'
set logscale y
set format y '10^{%L}'
set yrange [*:*]
set key top right
set style fill transparent solid 0.15 noborder
plot $branin using 1:4:5 with filledcurves lt 2 notitle, \
     $branin using 1:7:8 with filledcurves lt 1 notitle, \
     $branin using 1:2 with lines lt 7 lw 2 dt 2 title 'grid', \
     $branin using 1:3 with lines lt 2 lw 2 title 'random', \
     $branin using 1:6 with lines lt 1 lw 2 title 'Bayes'
unset multiplot
)"});
}

}  // namespace gradus::lecture
