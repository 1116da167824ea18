// What each hyper-parameter does, where it can be computed by hand. On the quadratic l x^2 / 2, momentum mu
// makes of gradient descent the recurrence x'' = (1 + mu - lr l) x' - mu x: the larger root of
// r^2 - (1 + mu - lr l) r + mu is what a step leaves of the error. Over all mu and lr the best for curvatures
// from 1 to k is (sqrt(k) - 1) / (sqrt(k) + 1), where it is (k - 1) / (k + 1) without momentum. Adam's eps is
// the size below which a gradient no longer counts as one, its betas are how long it remembers. Source: B.
// Polyak: "Some methods of speeding up the convergence of iteration methods", 1964.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "gradus/docs/examples/lecture/optimizers_methods.h"

namespace gradus::lecture {
namespace {

// x step by step on l x^2 / 2 from 1, by SGD with momentum.
std::vector<double> descend(double curvature, double lr, double mu, std::int64_t steps) {
  const Tensor x = tensor<double>(1.0).requires_grad(true);
  optim::SGD optimizer({x}, {.lr = lr, .momentum = mu});
  std::vector<double> path = {1};
  for (std::int64_t t = 0; t < steps; ++t) {
    optimizer.zero_grad();
    (curvature / 2 * square(x)).backward();
    optimizer.step();
    path.push_back(x.item<double>());
  }
  return path;
}

// The larger root in size of r^2 - p r + q.
double larger_root(double p, double q) {
  const double d = p * p / 4 - q;
  return d <= 0 ? std::sqrt(q) : std::abs(p) / 2 + std::sqrt(d);
}

// Four values of a recurrence x'' = p x' - q x tell p and q, and so what a step leaves of the error in the
// long run.
double measured_rate(const std::vector<double>& x) {
  const double d = x[1] * x[1] - x[0] * x[2];
  return larger_root((x[1] * x[2] - x[0] * x[3]) / d, (x[2] * x[2] - x[1] * x[3]) / d);
}

// Momentum 0 to 0.99 at one learning rate, 1 / k, on curvatures 1 and k = 100.
void momentum(Lab& lab) {
  constexpr double kCondition = 100, kRate = 1 / kCondition;
  Table rates{"momentum_rates", {"momentum", "measured", "predicted"}};
  std::vector<double> measured, predicted;
  for (int i = 2; i <= 99; i += i < 90 ? 4 : 1) {
    const double mu = i / 100.0;
    measured.push_back(measured_rate(descend(1, kRate, mu, 3)));
    predicted.push_back(larger_root(1 + mu - kRate, mu));
    rates.rows.push_back({mu, measured.back(), predicted.back()});
  }
  lab.check(
      "momentum 0.02 to 0.99: what a step leaves is the root of r^2 - (1 + mu - lr) r + mu, largest "
      "relative difference",
      largest_relative_difference(measured, predicted), 0, 1e-10);
  lab.table(std::move(rates));

  Table errors{"momentum_errors", {"step", "0", "0.5", "0.81", "0.95", "0.99"}};
  const std::int64_t steps = lab.count("momentum-steps");
  for (std::int64_t t = 0; t <= steps; ++t) errors.rows.push_back({static_cast<double>(t)});
  for (const double mu : {0.0, 0.5, 0.81, 0.95, 0.99}) {
    const auto flat = descend(1, kRate, mu, steps);
    for (std::size_t t = 0; t < flat.size(); ++t) errors.rows[t].push_back(std::abs(flat[t]));
  }
  lab.table(std::move(errors));
}

// Heavy ball at its best on curvatures 1 and k: x_t = (1 + (1 - r) t) r^t with r = +-(sqrt(k) - 1) / (sqrt(k)
// + 1).
void heavy_ball(Lab& lab) {
  Table table{"heavy_ball", {"condition", "steps of gradient descent", "steps of momentum"}};
  for (const double k : {10.0, 100.0, 1000.0}) {
    const double rate = (std::sqrt(k) - 1) / (std::sqrt(k) + 1), lr = 4 / std::pow(std::sqrt(k) + 1, 2);
    const std::string name = ", k = " + std::to_string(static_cast<int>(k));
    const auto flat = descend(1, lr, rate * rate, 300), steep = descend(k, lr, rate * rate, 300);
    // Both roots are r: x'' - 2 r x' + r^2 x = 0 is solved for r, at a step where rounding is still far off.
    const std::size_t t = 8;
    const double r = (flat[t + 1] - std::sqrt(flat[t + 1] * flat[t + 1] - flat[t] * flat[t + 2])) / flat[t];
    lab.check("momentum at its best leaves (sqrt(k) - 1) / (sqrt(k) + 1) a step" + name, r, rate, 1e-10);
    double worst = 0;
    for (std::size_t i = 0; i < flat.size(); ++i) {
      const auto n = static_cast<double>(i);
      worst = std::max({worst, std::abs(flat[i] - (1 + (1 - rate) * n) * std::pow(rate, n)),
                        std::abs(steep[i] - (1 + (1 + rate) * n) * std::pow(-rate, n))});
    }
    lab.check("and follows (1 + (1 - r) t) r^t along both axes" + name, worst, 0, 1e-10);

    // Until the error stays below a millionth of the first one, among the first `most` steps.
    const auto steps_to = [&](double step, double mu, double most) {
      const auto a = descend(1, step, mu, std::lround(most)), b = descend(k, step, mu, std::lround(most));
      std::size_t i = a.size();
      while (i > 0 && std::hypot(a[i - 1], b[i - 1]) <= 1e-6 * std::sqrt(2.0)) --i;
      return static_cast<double>(i);
    };
    table.rows.push_back({k, steps_to(2 / (1 + k), 0, 10 * k), steps_to(lr, rate * rate, 20 * std::sqrt(k))});
  }
  lab.check_within("to a millionth of the error at k = 1,000: steps of gradient descent over momentum's",
                   table.rows.back()[1] / table.rows.back()[2], 10, 50);
  lab.table(std::move(table));
}

// One weight's moves under Adam, over the learning rate, for the gradients given.
std::vector<double> adam_moves(const std::vector<double>& gradients, std::array<double, 2> betas,
                               double eps) {
  constexpr double kRate = 0.01;
  const Tensor w = tensor<double>(0.0).requires_grad(true);
  optim::Adam optimizer({w}, {.lr = kRate, .betas = betas, .eps = eps});
  std::vector<double> moves;
  for (const double g : gradients) {
    const double before = w.item<double>();
    optimizer.zero_grad();
    (g * w).backward();
    optimizer.step();
    moves.push_back((before - w.item<double>()) / kRate);
  }
  return moves;
}

// Adam's step for one gradient size g is g / (g + eps) of the learning rate.
void epsilon(Lab& lab) {
  constexpr std::array<double, 4> kEps = {1e-8, 1e-4, 1e-2, 1};
  Table table{"epsilon", {"gradient", "1e-8", "1e-4", "1e-2", "1"}};
  std::vector<double> measured, predicted;
  for (double e = -6; e <= 2; e += 0.5) {
    const double g = std::pow(10, e);
    table.rows.push_back({g});
    for (const double eps : kEps) {
      measured.push_back(adam_moves({g, g, g}, {0.9, 0.999}, eps).back());
      predicted.push_back(g / (g + eps));
      table.rows.back().push_back(measured.back());
    }
  }
  lab.check("Adam's eps: the step over the rate is g / (g + eps), largest relative difference",
            largest_relative_difference(measured, predicted), 0, 1e-10);
  lab.table(std::move(table));
}

// One gradient of 100 among many of 1: beta2 is how long it makes steps small.
void outlier(Lab& lab) {
  constexpr std::array<double, 3> kBeta2 = {0.9, 0.99, 0.999};
  constexpr int kAt = 3000, kSteps = 5500;
  constexpr double kSize = 100, kBeta1 = 0.9;
  std::vector<double> gradients(kSteps, 1.0);
  gradients[kAt] = kSize;
  Table table{"outlier", {"step", "0.9", "0.99", "0.999"}};
  for (int n = 1; n <= 2000; n = std::max(n + 1, n * 12 / 10)) table.rows.push_back({static_cast<double>(n)});
  std::array<double, 3> least{};
  double worst = 0;
  for (std::size_t b = 0; b < kBeta2.size(); ++b) {
    const auto moves = adam_moves(gradients, {kBeta1, kBeta2[b]}, 0);
    for (auto& row : table.rows) row.push_back(moves[static_cast<std::size_t>(row[0]) + kAt - 1]);
    for (int t = kAt; t < kSteps; ++t) {
      // Both means are 1 but for the part of the outlier that is left after n steps.
      const double n = t - kAt, all = t + 1;
      const double m = 1 + (kSize - 1) * (1 - kBeta1) * std::pow(kBeta1, n) / (1 - std::pow(kBeta1, all));
      const double v =
          1 + (kSize * kSize - 1) * (1 - kBeta2[b]) * std::pow(kBeta2[b], n) / (1 - std::pow(kBeta2[b], all));
      worst = std::max(worst, std::abs(moves[static_cast<std::size_t>(t)] * std::sqrt(v) / m - 1));
    }
    least[b] = static_cast<double>(std::ranges::count_if(moves, [](double x) { return x < 0.5; }));
  }
  lab.check(
      "Adam's beta2: what a gradient 100 times as large leaves behind, by formula, largest relative "
      "difference",
      worst, 0, 1e-10);
  lab.check_within(
      "with beta2 = 0.999 its steps are below half the rate for so many steps, over those of 0.9",
      least[2] / least[0], 10, HUGE_VAL);
  lab.table(std::move(table));
}

// The gradient turns from +1 to -1: beta1 is how long Adam goes on as before.
void turn(Lab& lab) {
  constexpr std::array<double, 4> kBeta1 = {0, 0.5, 0.9, 0.99};
  constexpr int kTurn = 1000, kAfter = 200;
  std::vector<double> gradients(kTurn, 1.0);
  gradients.resize(kTurn + kAfter, -1.0);
  Table table{"turn", {"step", "0", "0.5", "0.9", "0.99"}};
  for (int n = -20; n < kAfter; ++n) table.rows.push_back({static_cast<double>(n)});
  for (const double b : kBeta1) {
    const auto moves = adam_moves(gradients, {b, 0.999}, 0);
    for (auto& row : table.rows) row.push_back(moves[static_cast<std::size_t>(row[0] + kTurn)]);
    const auto late = std::find_if(moves.begin(), moves.end(), [](double x) { return x < 0; });
    // After n steps back the mean is b^n (1 - b^turn) - (1 - b^n), which changes its sign at 2 b^n = 1 or,
    // where the first steps still count, a little before.
    const double predicted = b == 0 ? 1 : std::floor(std::log(2 - std::pow(b, kTurn)) / -std::log(b)) + 1;
    lab.check(
        "Adam's beta1: the gradient turns, and the steps do so at the n-th with 2 beta1^n < 1, beta1 = " +
            std::to_string(b).substr(0, 4),
        static_cast<double>(late - moves.begin()) - kTurn + 1, predicted, 1e-10);
  }
  lab.table(std::move(table));
}

}  // namespace

void optimizers_knobs(Lab& lab) {
  momentum(lab);
  heavy_ball(lab);
  epsilon(lab);
  outlier(lab);
  turn(lab);
  lab.picture(
      {.name = "momentum",
       .caption = "Momentum from 0 to 0.99 in a bowl of condition 100, at the learning rate 1/100. Left: too "
                  "little crawls, too much swings. Right: what a step leaves of the error, measured (points) "
                  "and predicted (line); the best is 0.81 = (1 - sqrt(lr))^2.",
       .script = R"(
set multiplot layout 1,2
set xlabel 'step'
set ylabel 'error along the flat axis'
set logscale y
set format y '10^{%L}'
set yrange [1e-10:10]
set key at graph 0.02, 0.02 bottom left samplen 2 title 'momentum'
types = '8 5 1 3 4'
plot for [i=2:6] $momentum_errors using 1:i with lines lt word(types, i-1)+0 lw 1.8 \
  title word('0 0.5 0.81 0.95 0.99', i-1)
unset logscale
set format y '%.2f'
set xlabel 'momentum'
set ylabel 'part of the error that a step leaves'
set yrange [0.89:1.005]
set xrange [0:1]
unset key
set key default
set key at graph 0.04, 0.3 left title ''
root(m) = (1+m-0.01)**2 < 4*m ? sqrt(m) : (1+m-0.01)/2 + sqrt(((1+m-0.01)/2)**2 - m)
set samples 500
plot root(x) with lines lt 8 lw 2 title 'predicted', \
     $momentum_rates using 1:2 with points lt 1 pt 7 ps 0.7 title 'measured'
unset multiplot
)"});
  lab.picture(
      {.name = "adam",
       .caption = "Adam's hyper-parameters, one weight. Left: steps are those of the sign where the gradient "
                  "is above eps and proportional to it below. Middle: one gradient of 100 among many of 1; "
                  "beta2 is how long it is remembered. Right: the gradient turns at step 0; beta1 is how "
                  "long Adam goes on.",
       .width = 1200,
       .height = 440,
       .script = R"(
set multiplot layout 1,3
set logscale xy
set format xy '10^{%L}'
set xlabel 'size of the gradient g'
set ylabel 'step / learning rate'
set yrange [1e-6:10]
set xtics 1e-6, 1e2
set key bottom right title 'eps'
plot for [i=2:5] $epsilon using 1:i with linespoints lt i-1 pt 6 ps 0.5 lw 2 \
  title word('10^{-8} 10^{-4} 0.01 1', i-1)
unset logscale
set xtics autofreq
set logscale xy
set yrange [0.05:10]
set xlabel 'step, the outlier being the first'
set format xy '%g'
set key top right title 'beta2'
plot [1:2000] for [i=2:4] $outlier using 1:i with lines lt i-1 lw 2 title word('0.9 0.99 0.999', i-1)
unset logscale
set yrange [-1.15:1.15]
set xlabel 'steps since the gradient turned'
set xtics 40
set key top right title 'beta1'
plot [-20:180] for [i=2:5] $turn using 1:i with lines lt i-1 lw 2 title word('0 0.5 0.9 0.99', i-1)
unset multiplot
)"});
}

}  // namespace gradus::lecture
