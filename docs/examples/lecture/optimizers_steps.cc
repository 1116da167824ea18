// How long a step is. Under a gradient g that stays the same, plain SGD moves a weight by lr g a step;
// momentum by more and more, up to lr g / (1 - mu); Adagrad by lr / sqrt(t), whatever g is; RMSprop by lr /
// sqrt(1 - alpha^t); Adam by lr; Lion by lr. Muon makes the singular values of a matrix's step about 1.
#include <algorithm>
#include <cmath>
#include <string>

#include "gradus/docs/examples/lecture/optimizers_methods.h"

namespace gradus::lecture {
namespace {

constexpr double kMu = 0.9, kAlpha = 0.99, kBeta1 = 0.9;  // what the `usual` settings stand for

// AdamW without decay, which would add a motion of its own.
Setting usual(std::size_t m, double eps) {
  return {.lr = 0.01, .second = m == kAdamW ? 0 : methods()[m].usual, .eps = eps};
}

// A loss that is linear in w has the same gradient everywhere: g.
void step(optim::Optimizer& optimizer, const Tensor& w, const Tensor& g) {
  optimizer.zero_grad();
  sum(g * w).backward();
  optimizer.step();
}

// How far one weight moves each step, in units of the learning rate, under the gradient g.
std::vector<double> moves(std::size_t m, double g, std::int64_t steps, double eps) {
  const Tensor w = zeros({1, 1}, DType::f64).requires_grad(true);
  const Tensor gradient = full({1, 1}, g, {.dtype = DType::f64});
  const Setting setting = usual(m, eps);
  const auto optimizer = methods()[m].make({.matrices = {w}}, setting);
  std::vector<double> result;
  for (std::int64_t i = 0; i < steps; ++i) {
    const double before = w.item<double>();
    step(*optimizer, w, gradient);
    result.push_back((before - w.item<double>()) / setting.lr);
  }
  return result;
}

// What five rounds of Muon's Newton-Schulz iteration make of a singular value s of the scaled matrix.
double newton_schulz(double s) {
  for (int i = 0; i < 5; ++i) s = 3.4445 * s - 4.7750 * std::pow(s, 3) + 2.0315 * std::pow(s, 5);
  return s;
}

// The move of step t = 1, 2, ... under a gradient of g > 0, over the learning rate.
double predicted(std::size_t m, double g, double t) {
  switch (m) {
    case kMomentum:
      return g * (1 - std::pow(kMu, t)) / (1 - kMu);
    case kNesterov:
      return g * (1 - std::pow(kMu, t + 1)) / (1 - kMu);
    case kAdagrad:
      return 1 / std::sqrt(t);
    case kRmsprop:
      return 1 / std::sqrt(1 - std::pow(kAlpha, t));
    case kMuon:
      return newton_schulz(1);
    case kSgd:
      return g;
    default:
      return 1;
  }
}

constexpr const char* kFormulas[] = {"g",
                                     "g (1 - mu^t) / (1 - mu)",
                                     "g (1 - mu^(t + 1)) / (1 - mu)",
                                     "1 / sqrt(t)",
                                     "1 / sqrt(1 - alpha^t)",
                                     "1",
                                     "1, as Adam's",
                                     "1, the sign",
                                     "the iteration's polynomial at 1, five times"};

void constant_gradient(Lab& lab) {
  constexpr double kGradient = 0.05;
  const std::int64_t steps = lab.count("constant-steps");
  Table table{"constant", {"step"}};
  for (std::int64_t t = 1; t <= steps; t = std::max(t + 1, t * 11 / 10))
    table.rows.push_back({static_cast<double>(t)});
  for (std::size_t m = 0; m < methods().size(); ++m) {
    const std::vector<double> measured = moves(m, kGradient, steps, 0);
    std::vector<double> formula;
    for (std::int64_t t = 1; t <= steps; ++t)
      formula.push_back(predicted(m, kGradient, static_cast<double>(t)));
    lab.check(std::string("constant gradient: step over rate of ") + methods()[m].name + " is " +
                  kFormulas[m] + ", largest relative difference",
              largest_relative_difference(measured, formula), 0, 1e-10);
    table.columns.emplace_back(methods()[m].name);
    for (auto& row : table.rows) row.push_back(measured[static_cast<std::size_t>(row[0]) - 1]);
    if (m == kMomentum) {
      lab.check("momentum's terminal velocity over the rate is g / (1 - mu)", measured.back(),
                kGradient / (1 - kMu), 1e-10);
    }
  }
  lab.table(std::move(table));
}

// The step after ten steps of the same gradient, by the gradient's size. Here eps is what it is by default.
void sizes(Lab& lab) {
  Table table{"sizes", {"gradient"}};
  for (const Method& m : methods()) table.columns.emplace_back(m.name);
  for (double e = -10; e <= 3; e += 0.5) {
    table.rows.push_back({std::pow(10, e)});
    for (std::size_t m = 0; m < methods().size(); ++m)
      table.rows.back().push_back(moves(m, std::pow(10, e), 10, 1e-8).back());
  }
  lab.table(std::move(table));
}

// Weights after 30 random gradients, each `scale` times as large.
Tensor end_of_walk(std::size_t m, const Tensor& gradients, double scale) {
  const Tensor w = zeros({8, 6}, DType::f64).requires_grad(true);
  const auto optimizer = methods()[m].make({.matrices = {w}}, usual(m, 0));
  for (std::int64_t t = 0; t < gradients.size(0); ++t) step(*optimizer, w, scale * select(gradients, 0, t));
  return w.detach();
}

void scale(Lab& lab) {
  constexpr double kScale = 1000;
  const Tensor gradients = normal({30, 8, 6}, 0, 1, {.dtype = DType::f64});
  double linear = 0, invariant = 0;
  for (std::size_t m = 0; m < methods().size(); ++m) {
    const double factor = m <= kNesterov ? kScale : 1;
    const Tensor expected = factor * end_of_walk(m, gradients, 1);
    const double difference =
        (amax(abs(end_of_walk(m, gradients, kScale) - expected)) / amax(abs(expected))).item<double>();
    double& worst = m <= kNesterov ? linear : invariant;
    worst = std::max(worst, difference);
  }
  lab.check("gradients 1,000 times as large: SGD, momentum and Nesterov move 1,000 times as far", linear, 0,
            1e-10);
  lab.check("and the six others, with eps 0, just as far", invariant, 0, 1e-10);
}

// Gradients of +1 or -1 at random: a mean over past ones takes the noise out.
void noise(Lab& lab) {
  const auto root_mean_square = [](std::size_t m) {
    constexpr std::int64_t kWeights = 20000, kSteps = 100;
    const Tensor w = zeros({1, kWeights}, DType::f64).requires_grad(true);
    const auto optimizer = methods()[m].make({.matrices = {w}}, usual(m, 0));
    Tensor before;
    for (std::int64_t t = 0; t < kSteps; ++t) {
      before = w.detach() + 0.0;
      step(*optimizer, w, 2.0 * bernoulli({1, kWeights}, 0.5, {.dtype = DType::f64}) - 1.0);
    }
    return std::sqrt(mean(square(w.detach() - before)).item<double>()) / usual(m, 0).lr;
  };
  const double heavy = 1 / std::sqrt(1 - kMu * kMu), mean_of_signs = std::sqrt((1 - kBeta1) / (1 + kBeta1));
  lab.check_within(
      "gradients of random sign: momentum's step over the rate is 1 / sqrt(1 - mu^2) = 2.294, not 10",
      root_mean_square(kMomentum), 0.95 * heavy, 1.05 * heavy);
  lab.check_within("and Adam's is sqrt((1 - beta1) / (1 + beta1)) = 0.229, not 1", root_mean_square(kAdam),
                   0.95 * mean_of_signs, 1.05 * mean_of_signs);
}

// With the gradient 0 only the decay moves a weight of 1.
void decay(Lab& lab) {
  const Tensor nothing = zeros({1}, DType::f64);
  const auto after = [&](optim::Optimizer& optimizer, const Tensor& w, int steps) {
    for (int t = 0; t < steps; ++t) step(optimizer, w, nothing);
    return w.item<double>();
  };
  const Tensor a = ones({1}, DType::f64).requires_grad(true);
  optim::AdamW decoupled({a}, {.lr = 0.01, .weight_decay = 0.5});
  lab.check("AdamW's decay l alone leaves (1 - lr l)^t of a weight", after(decoupled, a, 100),
            std::pow(1 - 0.01 * 0.5, 100), 1e-10);
  double farthest = 0;
  for (const double l : {1e-3, 1.0, 1e3}) {
    const Tensor b = ones({1}, DType::f64).requires_grad(true);
    optim::Adam through_gradient({b}, {.lr = 0.01, .eps = 0, .weight_decay = l});
    farthest = std::max(farthest, std::abs(after(through_gradient, b, 1) - (1 - 0.01)));
  }
  lab.check("Adam's, which goes through the gradient, takes lr at first, whatever l is: largest difference",
            farthest, 0, 1e-10);
}

void singular_values(Lab& lab) {
  constexpr std::int64_t kRows = 32, kColumns = 20;
  const Tensor g = normal({kRows, kColumns}, 0, 1, {.dtype = DType::f64});
  const Tensor w = zeros({kRows, kColumns}, DType::f64).requires_grad(true);
  const auto optimizer = methods()[kMuon].make({.matrices = {w}}, usual(kMuon, 0));
  step(*optimizer, w, g);
  // A matrix with more rows than columns has its rate scaled by sqrt(rows / columns).
  const double scale = usual(kMuon, 0).lr * std::sqrt(static_cast<double>(kRows) / kColumns);
  const auto measured = linalg::svdvals(w.detach() / scale).to_vector<double>();
  const auto before = linalg::svdvals(g / norm(g)).to_vector<double>();
  std::vector<double> formula;
  formula.reserve(before.size());
  for (const double s : before) formula.push_back(newton_schulz(s));
  std::ranges::sort(formula, std::greater());
  lab.check("Muon's step has the singular values of the gradient under the polynomial, largest difference",
            largest_relative_difference(measured, formula), 0, 1e-10);
  lab.check_within("all of them are near 1: the smallest is", measured.back(), 0.6, 1.3);
  lab.check_within("and the largest", measured.front(), 0.6, 1.3);
  lab.check_within("those of the gradient are not: the largest over the smallest",
                   before.front() / before.back(), 4, HUGE_VAL);
  Table table{"singular", {"index", "of the gradient", "of Muon's step"}};
  for (std::size_t i = 0; i < before.size(); ++i)
    table.rows.push_back({static_cast<double>(i + 1), before[i] / before[0], measured[i]});
  lab.table(std::move(table));
}

}  // namespace

void optimizers_steps(Lab& lab) {
  constant_gradient(lab);
  sizes(lab);
  scale(lab);
  noise(lab);
  decay(lab);
  singular_values(lab);
  lab.picture(
      {.name = "steps",
       .caption =
           "How far a step goes, in units of the learning rate. Left: under a gradient of 0.05 that "
           "stays the same. Middle: after ten steps, by the size of the gradient; only the first "
           "three follow it. Right: the singular values of a random gradient [32, 20], over the largest, and "
           "of Muon's step for it, over the learning rate.",
       .width = 1200,
       .height = 440,
       .script = std::string(kMethodWords) + R"(
set multiplot layout 1,3
set logscale xy
set format xy '10^{%L}'
set xlabel 'step'
set ylabel 'step / learning rate'
set yrange [0.02:5000]
set key top right samplen 1.5
shown = '0 1 3 4 5 7 8'
m(i) = word(shown, i) + 0
called(i) = m(i) == 5 ? 'Adam, AdamW' : word(names, m(i) + 1)
wide(i) = m(i) == 5 ? 5 : 2.2
dash(i) = m(i) == 7 ? 2 : 1
plot for [i=1:7] $constant using 1:(column(m(i)+2)) with lines lt lt(m(i)) lw wide(i) dt dash(i) title called(i)
set xlabel 'size of the gradient'
set xtics 1e-10, 1e3
set yrange [1e-10:1e4]
set ytics 1e-10, 1e2
unset key
plot for [i=1:7] $sizes using 1:(column(m(i)+2)) with lines lt lt(m(i)) lw wide(i) dt dash(i)
unset logscale
set format xy '%g'
set xtics auto
set ytics auto
set xlabel 'number of the singular value'
set ylabel 'singular value, scaled'
set yrange [0:1.6]
set key top right
plot $singular using 1:3 with linespoints lt 8 pt 7 ps 0.7 lw 1.5 title 'of the step', \
     $singular using 1:2 with linespoints lt 7 pt 6 ps 0.7 lw 1.5 title 'of the gradient'
unset multiplot
)"});
}

}  // namespace gradus::lecture
