// Gradient descent over a vector. On the quadratic (x^2 + k y^2) / 2 its condition number k decides: the best
// learning rate is 2 / (1 + k), and a step then leaves (k - 1) / (k + 1) of the error. Rosenbrock's valley is
// curved and flat along its floor, Beale's function has plateaus, Himmelblau's has four minima, and the start
// decides which one is reached. Sources: B. Polyak: "Introduction to optimization", 1987, section 1.4, for
// the rate; H. Rosenbrock, 1960; E. Beale, 1958; D. Himmelblau: "Applied nonlinear programming", 1972.
#include <array>
#include <cmath>

#include "gradus/docs/examples/lecture/lesson.h"
#include "gradus/docs/examples/lecture/surfaces.h"

namespace gradus::lecture {
namespace {

using Function = Tensor (*)(const Tensor& x, const Tensor& y);

struct Point {
  double x, y;
};

constexpr std::array<Point, 4> kMinima = {{{3, 2},
                                           {-2.805118086952745, 3.131312518250573},
                                           {-3.779310253377747, -3.283185991286170},
                                           {3.584428340330492, -1.848126526964404}}};

// x, y [N] are N points that descend side by side: the sum's gradient is that of each of them.
struct Points {
  Tensor x, y;
};

Points descend(const Function& f, Points p, double rate, std::int64_t steps) {
  for (std::int64_t i = 0; i < steps; ++i) {
    p.x.requires_grad(true);
    p.y.requires_grad(true);
    const auto slope = grad(sum(f(p.x, p.y)), {p.x, p.y});
    p = {(p.x - rate * slope[0]).detach(), (p.y - rate * slope[1]).detach()};
  }
  return p;
}

// Rows of step, x, y and value.
Table path_of(const std::string& name, Function f, Point start, double rate, std::int64_t steps) {
  Table table{name, {"step", "x", "y", "value"}};
  Points p{tensor<double>({start.x}), tensor<double>({start.y})};
  for (std::int64_t i = 0; i <= steps; ++i) {
    table.rows.push_back(
        {static_cast<double>(i), p.x.item<double>(), p.y.item<double>(), f(p.x, p.y).item<double>()});
    p = descend(f, p, rate, 1);
  }
  return table;
}

void quadratics(Lab& lab) {
  constexpr std::array<double, 4> kConditions = {1, 10, 100, 1000};
  const std::int64_t steps = lab.count("steps");
  Table errors{"quadratic", {"step"}};
  for (std::int64_t i = 0; i <= steps; ++i) errors.rows.push_back({static_cast<double>(i)});
  for (const double k : kConditions) {
    const std::string name = std::to_string(static_cast<int>(k));
    errors.columns.push_back("condition " + name);
    const Tensor scale = tensor<double>({1.0, k});
    Tensor at = tensor<double>({1.0, 1.0});
    std::vector<double> error;
    for (std::int64_t i = 0; i <= steps; ++i) {
      error.push_back(norm(at).item<double>());
      errors.rows[static_cast<std::size_t>(i)].push_back(error.back());
      at.requires_grad(true);
      at = (at - 2 / (1 + k) * grad(sum(scale * square(at)) / 2.0, {at})[0]).detach();
    }
    if (k == 1) {
      lab.check("a round bowl takes one step", error[1], 0, 1e-10);
    } else {
      lab.check("at the best learning rate a step leaves (k - 1) / (k + 1) of the error, k = " + name,
                error[1] / error[0], (k - 1) / (k + 1), 1e-10);
    }
  }
  lab.table(errors);
  Table bowl{"bowl", {"step", "x", "y"}};
  Tensor at = tensor<double>({10.0, 1.0});
  const Tensor scale = tensor<double>({1.0, 10.0});
  for (int i = 0; i <= 30; ++i) {
    const auto v = at.to_vector<double>();
    bowl.rows.push_back({static_cast<double>(i), v[0], v[1]});
    at.requires_grad(true);
    at = (at - 2.0 / 11 * grad(sum(scale * square(at)) / 2.0, {at})[0]).detach();
  }
  lab.table(bowl);
  lab.picture(
      {.name = "condition",
       .caption =
           "Left: the zigzag of gradient descent in a bowl ten times as steep along y as along x. Right: "
           "the error of bowls of condition 1 to 1,000 at their best learning rates.",
       .script = R"(
set multiplot layout 1,2
set xlabel 'x'
set ylabel 'y'
set table $contour
set view map
unset surface
set contour base
set cntrparam levels discrete 1, 4, 10, 20, 35, 55
set isosamples 120
splot [-11:11] [-2.2:2.2] (x*x + 10*y*y)/2
unset table
unset contour
set surface
set key off
plot [-11:11] [-2.2:2.2] $contour using 1:2 with lines lt 8 lw 1, \
     $bowl using 2:3 with linespoints lt 1 lw 1.5 pt 7 ps 0.6
set xlabel 'step'
set ylabel 'distance to the minimum'
set logscale y
set format y '10^{%L}'
set yrange [1e-12:10]
set key at graph 0.98, 0.74 top right
plot for [i=2:5] $quadratic using 1:i with lines lt i-1 lw 2 title sprintf('condition %d', 10**(i-2))
unset multiplot
)"});
}

void valleys(Lab& lab) {
  const std::int64_t steps = lab.count("valley-steps");
  const Table r = path_of("rosenbrock", rosenbrock, {-1.2, 1.0}, 0.001, steps);
  const Table b = path_of("beale", beale, {1.0, 1.5}, 0.01, steps);
  lab.table(r);
  lab.table(b);
  lab.check_within("Rosenbrock's valley is reached at once: the value after 100 steps", r.rows[100][3], 0,
                   4.2);
  lab.check_within("but its floor is long: the distance to (1, 1) at the end",
                   std::hypot(r.rows.back()[1] - 1, r.rows.back()[2] - 1), 1e-4, 1.5);
  lab.picture(
      {.name = "valleys",
       .caption =
           "Gradient descent in Rosenbrock's valley, minimum at (1, 1), and on Beale's function, minimum at "
           "(3, 0.5). Lines of equal value are powers of ten and their halves.",
       .script = R"(
set multiplot layout 1,2
set xlabel 'x'
set ylabel 'y'
unset key
rosenbrock(x,y) = (1-x)**2 + 100*(y-x*x)**2
beale(x,y) = (1.5-x+x*y)**2 + (2.25-x+x*y*y)**2 + (2.625-x+x*y*y*y)**2
set view map
unset surface
set contour base
set cntrparam levels discrete -2,-1,-0.5,0,0.5,1,1.5,2,2.5,3
set isosamples 90
set table $c1
splot [-2:2] [-1:3] log10(rosenbrock(x,y)+1e-9)
unset table
set table $c2
splot [-1:4] [-1:2.2] log10(beale(x,y)+1e-9)
unset table
unset contour
set surface
set title 'Rosenbrock, learning rate 0.001'
plot [-2:2] [-1:3] $c1 using 1:2 with lines lt 8 lw 0.7, \
     $rosenbrock using 2:3 with lines lt 1 lw 2.5, \
     '+' using (1):(1) every ::0::0 with points lt 2 pt 2 ps 1.6 lw 2
set title 'Beale, learning rate 0.01'
plot [-1:4] [-1:2.2] $c2 using 1:2 with lines lt 8 lw 0.7, \
     $beale using 2:3 with lines lt 1 lw 2.5, \
     '+' using (3):(0.5) every ::0::0 with points lt 2 pt 2 ps 1.6 lw 2
unset multiplot
)"});
}

// Commands that leave the contours of Himmelblau's function in $contour and its minima in $minima.
std::string himmelblau_contours(const std::string& levels, int samples) {
  return "set cntrparam levels discrete " + levels + "\nset isosamples " + std::to_string(samples) + R"(
set view map
unset surface
set contour base
set table $contour
splot [-6:6] [-6:6] (x*x+y-11)**2 + (x+y*y-7)**2
unset table
unset contour
set surface
$minima << EOD
3 2
-2.805118 3.131313
-3.779310 -3.283186
3.584428 -1.848127
EOD
)";
}

// Several starts at once, so that the paths are seen to part.
void paths(Lab& lab) {
  const std::vector<double> x0 = {-5, -1.5, 0.5, 5, -5, 5, -5, -1, 1.5, 4.5, -0.2, -0.2, -0.35, -0.35};
  const std::vector<double> y0 = {5, 5.5, 5, 5, 0.5, 0.5, -5, -5, -5.5, -5, -0.85, -1, -0.85, -1};
  Points p{tensor(x0), tensor(y0)};
  Table table{"paths", {"step"}};
  for (std::size_t i = 0; i < x0.size(); ++i) {
    table.columns.push_back("x " + std::to_string(i + 1));
    table.columns.push_back("y " + std::to_string(i + 1));
  }
  constexpr std::int64_t kSteps = 160;  // frame i shows the steps up to i^2 / 10
  for (std::int64_t i = 0; i <= kSteps; ++i) {
    table.rows.push_back({static_cast<double>(i)});
    const auto x = p.x.to_vector<double>(), y = p.y.to_vector<double>();
    for (std::size_t k = 0; k < x.size(); ++k) {
      table.rows.back().push_back(x[k]);
      table.rows.back().push_back(y[k]);
    }
    p = descend(himmelblau, p, lab.number("lr"), 1);
  }
  lab.table(std::move(table));
  lab.picture(
      {.name = "paths",
       .caption =
           "Fourteen descents over the contours of Himmelblau's function: each goes at right angles to them, "
           "fast where they are dense. Four begin beside each other on the hill in the middle and part, two "
           "by "
           "two.",
       .width = 560,
       .height = 540,
       .script = himmelblau_contours("5, 20, 60, 100, 160, 250, 400", 45) + R"(
unset key
set xlabel 'x'
set ylabel 'y'
set size ratio 1
last = int(frame*frame/10.0)
set title sprintf('step %d', last)
plot [-6:6] [-6:6] $contour using 1:2 with lines lt 8 lw 0.7, \
     for [i=1:14] $paths every ::0::last using 2*i:2*i+1 with lines lt 1 lw 2, \
     for [i=1:14] $paths every ::last::last using 2*i:2*i+1 with points lt 2 pt 7 ps 0.9, \
     $minima using 1:2 with points lc rgb 'black' pt 2 ps 1.4 lw 2
)",
       .frames = 41});
}

void basins(Lab& lab) {
  const std::int64_t side = lab.count("grid");
  const Tensor line = linspace(-6, 6, side, {.dtype = DType::f64});
  Points p{flatten(repeat(reshape(line, {1, side}), {side, 1})),
           flatten(repeat(reshape(line, {side, 1}), {1, side}))};
  const auto x0 = p.x.to_vector<double>(), y0 = p.y.to_vector<double>();
  const std::int64_t rounds = 20;
  for (std::int64_t i = 0; i < rounds; ++i) {
    p = descend(himmelblau, p, lab.number("lr"), lab.count("basin-steps") / rounds);
    lab.progress(i + 1, rounds);
  }
  const auto x = p.x.to_vector<double>(), y = p.y.to_vector<double>();
  Table basin{"basins", {"x", "y", "minimum"}};
  std::array<double, 4> share{};
  double farthest = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    std::size_t nearest = 0;
    double least = HUGE_VAL;
    for (std::size_t m = 0; m < kMinima.size(); ++m) {
      const double d = std::hypot(x[i] - kMinima[m].x, y[i] - kMinima[m].y);
      if (d < least) least = d, nearest = m;
    }
    farthest = std::max(farthest, least);
    share[nearest] += 1.0 / static_cast<double>(x.size());
    basin.rows.push_back({x0[i], y0[i], static_cast<double>(nearest + 1)});
  }
  lab.table(std::move(basin));
  lab.check("every start ends in one of the four minima: largest distance to the nearest", farthest, 0, 1e-6);
  for (std::size_t m = 0; m < share.size(); ++m)
    lab.check_within("each minimum has starts of its own: share of minimum " + std::to_string(m + 1),
                     share[m], 0.1, 0.5);
  lab.picture(
      {.name = "basins",
       .caption = "Which of Himmelblau's four minima (crosses) gradient descent reaches from each start.",
       .width = 560,
       .height = 520,
       .script = himmelblau_contours("5, 20, 50, 100, 200, 400", 150) + R"(
unset colorbox
unset key
set palette defined (1 '#56b4e9', 2 '#e69f00', 3 '#009e73', 4 '#cc79a7')
set cbrange [1:4]
set xlabel 'x of the start'
set ylabel 'y of the start'
set size ratio 1
plot [-6:6] [-6:6] $basins using 1:2:3 with image, \
     $contour using 1:2 with lines lc rgb '#40ffffff' lw 0.8, \
     $minima using 1:2 with points lc rgb 'black' pt 2 ps 1.4 lw 2
)"});
}

void run(Lab& lab) {
  quadratics(lab);
  valleys(lab);
  paths(lab);
  basins(lab);
}

constexpr zoo::Option kOptions[] = {
    {"steps", "Steps on the quadratics", 200, 5, 10000, true},
    {"valley-steps", "Steps on Rosenbrock's and Beale's functions", 3000, 100, 100000, true},
    {"grid", "Starts along each axis of the basins", 241, 9, 1000, true},
    {"lr", "Learning rate in the basins", 0.002, 1e-4, 0.003},
    {"basin-steps", "Steps from each start", 900, 400, 100000, true},
};
constexpr std::pair<const char*, double> kQuick[] = {{"grid", 61}, {"basin-steps", 600}};

}  // namespace

extern const Lesson many_variables = {
    .number = 2,
    .title = "Many variables",
    .claim =
        "On a quadratic the condition number k sets the pace: at best a step leaves (k - 1) / (k + 1) of the "
        "error. "
        "Where there are several minima, the start decides which one is reached.",
    .data = "",
    .options = kOptions,
    .quick = kQuick,
    .run = run,
};

}  // namespace gradus::lecture
