// y = x^2 - x - 2: its lowest point by setting the derivative to zero, found by automatic differentiation and
// one step of Newton's method, and the way there by gradient descent, x <- x - a y'(x). With the error e = x
// - 1/2 the step is e <- (1 - 2 a) e: the error shrinks by |1 - 2 a| a step, at a = 1/2 it is gone after one,
// at a = 1 it keeps its size and changes its sign, above it grows.
#include <algorithm>
#include <cmath>

#include "gradus/docs/examples/lecture/lesson.h"

namespace gradus::lecture {
namespace {

Tensor curve(const Tensor& x) { return x * x - x - 2.0; }

double slope_at(double at) {
  const Tensor x = tensor<double>(at).requires_grad(true);
  return grad(curve(x), {x})[0].item<double>();
}

// The zero of the derivative, which is a line, so that one step from anywhere ends there.
double newton(double from) {
  const Tensor x = tensor<double>(from).requires_grad(true);
  const Tensor slope = grad(curve(x), {x}, {.create_graph = true})[0];
  const Tensor bend = grad(slope, {x})[0];
  return from - slope.item<double>() / bend.item<double>();
}

std::vector<double> descend(double x, double rate, std::int64_t steps) {
  std::vector<double> path = {x};
  for (std::int64_t i = 0; i < steps; ++i) path.push_back(x -= rate * slope_at(x));
  return path;
}

constexpr double kRates[] = {0.05, 0.2, 0.5, 0.8, 1.0, 1.1};

// The descents at all rates side by side, a step a frame.
void side_by_side_picture(Lab& lab, double start, std::int64_t steps) {
  Table table{"descents", {"step"}};
  for (std::int64_t i = 0; i <= steps; ++i) table.rows.push_back({static_cast<double>(i)});
  for (const double rate : kRates) {
    table.columns.push_back("x at a = " + std::to_string(rate).substr(0, 4));
    const std::vector<double> xs = descend(start, rate, steps);
    for (std::size_t i = 0; i < xs.size(); ++i) table.rows[i].push_back(xs[i]);
  }
  lab.table(std::move(table));
  lab.picture(
      {.name = "descents",
       .caption =
           "The same descent at six learning rates, a step a frame. The orange line touches the curve where "
           "the descent stands: its slope times the learning rate is how far the next step goes, downhill.",
       .width = 900,
       .height = 560,
       .script = R"(
y(x) = x*x - x - 2
slope(x) = 2*x - 1
rate(i) = word('0.05 0.2 0.5 0.8 1 1.1', i) + 0
stats $descents every ::0::0 using 2 nooutput
reach = abs(STATS_max - 0.5)
set multiplot layout 2,3 title sprintf('step %d', frame)
set xlabel 'x'
set ylabel 'y'
unset key
set tics font ',11'
do for [i=1:6] {
  set xrange [*:*]
  set yrange [*:*]
  stats $descents every ::frame::frame using (column(i+1)) nooutput
  at = STATS_max
  set xrange [0.5 - 2*reach : 0.5 + 2*reach]
  set yrange [-2.25 - 0.3*reach**2 : -2.25 + 3.2*reach**2]
  set title sprintf('a = %g: x = %.3g, slope %.3g', rate(i), at, slope(at)) font ',12' offset 0,-0.6
  plot y(x) with lines lt 8 lw 2, \
       [x=at-0.6*reach:at+0.6*reach] '+' using 1:(y(at) + slope(at)*($1-at)) with lines lt 2 lw 1.5, \
       $descents every ::0::frame using i+1:(y(column(i+1))) with linespoints lt 1 lw 1 pt 7 ps 0.4, \
       $descents every ::frame::frame using i+1:(y(column(i+1))) with points lt 1 pt 7 ps 1.2
}
unset multiplot
)",
       .frames = static_cast<int>(std::min<std::int64_t>(steps, 20)) + 1,
       .frame_ms = 500});
}

void run(Lab& lab) {
  const double start = lab.number("start");
  const std::int64_t steps = lab.count("steps");
  if (start == 0.5)
    throw ValueError("--start 0.5 is the lowest point itself, so there is no way to go: give another one");

  lab.check("the derivative is zero at x = 1/2", newton(start), 0.5, 1e-12);
  lab.check("the lowest value is -9/4", curve(tensor<double>(newton(start))).item<double>(), -2.25, 1e-12);

  Table path{"path", {"step", "x", "y"}};
  const std::vector<double> own = descend(start, lab.number("lr"), steps);
  for (std::size_t i = 0; i < own.size(); ++i)
    path.rows.push_back({static_cast<double>(i), own[i], curve(tensor<double>(own[i])).item<double>()});

  // Columns: the step, the error at each rate, and what is predicted for it.
  Table errors{"errors", {"step"}};
  errors.rows.resize(static_cast<std::size_t>(steps) + 1);
  for (std::size_t i = 0; i < errors.rows.size(); ++i) errors.rows[i] = {static_cast<double>(i)};
  Table rates{"rates", {"learning rate", "measured", "predicted"}};
  for (const double rate : kRates) {
    const std::vector<double> xs = descend(start, rate, steps);
    errors.columns.push_back("a = " + std::to_string(rate).substr(0, 4));
    errors.columns.push_back("predicted");
    for (std::size_t i = 0; i < xs.size(); ++i) {
      errors.rows[i].push_back(std::abs(xs[i] - 0.5));
      errors.rows[i].push_back(std::pow(std::abs(1 - 2 * rate), static_cast<double>(i)) *
                               std::abs(start - 0.5));
    }
    const double measured = std::abs((xs[1] - 0.5) / (start - 0.5)), predicted = std::abs(1 - 2 * rate);
    rates.rows.push_back({rate, measured, predicted});
    lab.check(
        "at the learning rate " + std::to_string(rate).substr(0, 4) + " a step leaves this part of the error",
        measured, predicted, 1e-10);
  }
  lab.table(path);
  lab.table(errors);
  lab.table(rates);
  lab.picture(
      {.name = "path",
       .caption =
           "The path of gradient descent on the curve, and the error of each learning rate step by step "
           "(points) beside |1 - 2 a|^k times the first one (lines). 0.2 and 0.8 lie on each other; 0.5 is "
           "there "
           "after one step.",
       .script = R"(
set multiplot layout 1,2
set xlabel 'x'
set ylabel 'y'
set key top center
plot [-2.5:3.5] x*x-x-2 with lines lt 8 lw 2 title 'x^2 - x - 2', \
     $path using 2:3 with linespoints lt 1 lw 1.5 pt 7 ps 0.8 title 'gradient descent', \
     '+' using (0.5):(-2.25) every ::0::0 with points lt 2 pt 2 ps 1.6 lw 2 title 'lowest point (1/2, -9/4)'
set xlabel 'step k'
set ylabel 'error |x - 1/2|'
set logscale y
set format y '10^{%L}'
set yrange [1e-6:1e3]
set key bottom left
rate(i) = word('0.05 0.2 0.5 0.8 1 1.1', i) + 0
plot for [i=1:6] $errors using 1:2*i with points lt i pt i+3 title sprintf('a = %g', rate(i)), \
     for [i=1:6] $errors using 1:2*i+1 with lines lt i notitle
unset multiplot
)"});
  side_by_side_picture(lab, start, steps);
}

constexpr zoo::Option kOptions[] = {
    {"start", "Where the descent starts", 3, -100, 100},
    {"lr", "Learning rate a of the path that is drawn", 0.2, 1e-6, 1.5},
    {"steps", "Steps of each descent", 20, 1, 1000, true},
};

}  // namespace

extern const Lesson one_variable = {
    .number = 1,
    .title = "One variable",
    .claim =
        "Gradient descent on a parabola shrinks the error by |1 - 2 a| a step: the learning rate a decides "
        "between crawling, arriving, swinging and diverging.",
    .data = "",
    .options = kOptions,
    .quick = {},
    .run = run,
};

}  // namespace gradus::lecture
