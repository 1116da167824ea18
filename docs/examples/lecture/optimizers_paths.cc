// The nine optimizers on four surfaces over the plane: a narrow bowl that lies askew, and the functions of
// Rosenbrock, Beale and Himmelblau. Each one's learning rate is the best of the same list for all of them:
// the one with the lowest value after the last step. The point is a matrix of one row, so Muon, which has the
// singular value of its step about 1, takes steps of nearly the same length along the momentum.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "gradus/docs/examples/lecture/optimizers_methods.h"
#include "gradus/docs/examples/lecture/surfaces.h"

namespace gradus::lecture {
namespace {

Tensor bowl(const Tensor& x, const Tensor& y) { return (square(x + y) + 50.0 * square(x - y)) / 4.0; }

struct Surface {
  const char* name;
  const char* title;
  Tensor (*f)(const Tensor& x, const Tensor& y);
  double x, y;        // where all start
  const char* range;  // of the picture
};
constexpr std::array<Surface, 4> kSurfaces = {
    {{"bowl", "Bowl", bowl, -1.0, -3.5, "[-4.5:1.5] [-4.5:1.5]"},
     {"rosenbrock", "Rosenbrock", rosenbrock, -1.2, 1.0, "[-2:2] [-1:3]"},
     {"beale", "Beale", beale, 1.0, 1.5, "[0:4] [-1.5:2]"},
     {"himmelblau", "Himmelblau", himmelblau, 0.0, -4.0, "[-5:5] [-5:5]"}}};

struct Path {
  double lr = 0;
  std::vector<double> x = {}, y = {}, value = {};  // before each step and after the last

  // What is to be least: the mean of log10 of the value, which is low where the descent is quick and stays
  // down. Below 1e-6 nothing is gained.
  double cost() const {
    double sum = 0;
    for (const double v : value)
      sum += std::log10(std::clamp(v, 1e-6, 1e6)) / static_cast<double>(value.size());
    return sum;
  }
};

Path walk(const Surface& surface, std::size_t method, double lr, std::int64_t steps) {
  const Tensor p = reshape(tensor<double>({surface.x, surface.y}), {1, 2}).requires_grad(true);
  const Method& m = methods()[method];
  const auto optimizer = m.make({.matrices = {p}}, {.lr = lr, .second = m.usual});
  Path path{.lr = lr};
  for (std::int64_t t = 0; t <= steps; ++t) {
    optimizer->zero_grad();
    const Tensor value = sum(surface.f(slice(p, 1, 0, 1), slice(p, 1, 1, 2)));
    const auto at = p.to_vector<double>();
    path.x.push_back(at[0]);
    path.y.push_back(at[1]);
    path.value.push_back(value.item<double>());
    if (!std::isfinite(path.value.back()) || path.value.back() > 1e6) {  // it is lost: it stays there
      path.x.resize(static_cast<std::size_t>(steps) + 1, at[0]);
      path.y.resize(path.x.size(), at[1]);
      path.value.resize(path.x.size(), HUGE_VAL);
      break;
    }
    value.backward();
    optimizer->step();
  }
  return path;
}

Path best(const Surface& surface, std::size_t method, std::int64_t rates, std::int64_t steps) {
  constexpr Interval kRates{1e-4, 3};
  Path least;
  for (std::int64_t i = 0; i < rates; ++i) {
    Path path =
        walk(surface, method, kRates.at(static_cast<double>(i) / static_cast<double>(rates - 1)), steps);
    if (least.value.empty() || path.cost() < least.cost()) least = std::move(path);
  }
  return least;
}

// Gnuplot's commands for the four panels: lines of equal value, the paths up to step `last`, and the minima.
std::string panels() {
  std::string script;
  for (const Surface& s : kSurfaces) {
    for (const char* part :
         {"set title '", s.title, "' offset 0,-0.5\nplot ", s.range, " $contour_", s.name,
          " using 1:2 with lines lc rgb '#c4cad0' lw 0.7 notitle, for [m=0:8] $path_", s.name,
          " every ::0::row using 2*m+2:2*m+3 with lines lt lt(m) dt dt(m) lw 1.6 title word(names, m+1), "
          "for [m=0:8] $path_",
          s.name, " every ::row::row using 2*m+2:2*m+3 with points lt lt(m) pt 7 ps 0.8 notitle, $minima_",
          s.name, " using 1:2 with points lt 7 pt 2 ps 1.4 lw 2 notitle\nunset key\n"})
      script += part;
  }
  return script;
}

}  // namespace

void optimizers_paths(Lab& lab) {
  const std::int64_t steps = lab.count("path-steps"), rates = lab.count("path-rates");
  const std::size_t count = methods().size();
  std::vector<Path> paths(kSurfaces.size() * count);
  side_by_side(lab, static_cast<std::int64_t>(paths.size()), [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    paths[at] = best(kSurfaces[at / count], at % count, rates, steps);
  });

  Table table{"path_rates",
              {"surface", "optimizer", "learning rate", "mean log10 of the value", "value at the end"}};
  for (std::size_t s = 0; s < kSurfaces.size(); ++s) {
    Table path{std::string("path_") + kSurfaces[s].name, {"step"}};
    for (std::int64_t t = 0; t <= steps; t += t < 40 ? 1 : 4) path.rows.push_back({static_cast<double>(t)});
    for (std::size_t m = 0; m < count; ++m) {
      const Path& p = paths[s * count + m];
      for (const char* axis : {" x", " y"}) path.columns.push_back(std::string(methods()[m].name) + axis);
      for (auto& row : path.rows) {
        row.push_back(p.x[static_cast<std::size_t>(row[0])]);
        row.push_back(p.y[static_cast<std::size_t>(row[0])]);
      }
      table.rows.push_back(
          {static_cast<double>(s + 1), static_cast<double>(m + 1), p.lr, p.cost(), p.value.back()});
    }
    lab.table(std::move(path));
  }
  const auto end = [&](std::size_t surface, std::size_t m) {
    return paths[surface * count + m].value.back();
  };
  lab.check_within("a narrow bowl, each at its best rate: momentum's value at the end over SGD's",
                   end(0, kMomentum) / end(0, kSgd), 0, 0.3);
  lab.check_within("Rosenbrock's valley: momentum's value at the end over SGD's",
                   end(1, kMomentum) / end(1, kSgd), 0, 0.3);
  lab.table(std::move(table));
  lab.picture({.name = "paths",
               .caption =
                   "All nine at once, from the same start, each at its best learning rate: a bowl of "
                   "condition 50, and the functions of Rosenbrock, Beale and Himmelblau. Crosses are minima. "
                   "Adam and AdamW hardly differ here.",
               .width = 900,
               .height = 800,
               .script = std::string(kMethodWords) + "steps = " + std::to_string(steps) + R"(
# Early steps are long, so time runs faster and faster.
last = int(steps * ((frame + 1) / 30.0)**1.6 + 0.5)
row = last <= 40 ? last : 40 + (last - 40) / 4
set multiplot layout 2,2 margins 0.075,0.98,0.18,0.93 spacing 0.1,0.13 \
  title sprintf('step %d of %d', last, steps)
set xlabel 'x' offset 0,0.6
set ylabel 'y'
set xtics 1
set ytics 1
unset grid
set key at screen 0.5, 0.06 center maxrows 3 samplen 2
bowl(x,y) = ((x+y)**2 + 50*(x-y)**2)/4
rosenbrock(x,y) = (1-x)**2 + 100*(y-x*x)**2
beale(x,y) = (1.5-x+x*y)**2 + (2.25-x+x*y*y)**2 + (2.625-x+x*y*y*y)**2
himmelblau(x,y) = (x*x+y-11)**2 + (x+y*y-7)**2
set view map
unset surface
set contour base
set isosamples 28
set cntrparam levels discrete 0,0.75,1.5,2.25
set table $contour_bowl
splot [-4.5:1.5] [-4.5:1.5] log10(bowl(x,y)+1e-9)
unset table
set cntrparam levels discrete 0,1,2,3
set table $contour_rosenbrock
splot [-2:2] [-1:3] log10(rosenbrock(x,y)+1e-9)
unset table
set cntrparam levels discrete -1,0,1,2
set table $contour_beale
splot [0:4] [-1.5:2] log10(beale(x,y)+1e-9)
unset table
set cntrparam levels discrete 1,1.5,2,2.3
set table $contour_himmelblau
splot [-5:5] [-5:5] log10(himmelblau(x,y)+1e-9)
unset table
unset contour
set surface
$minima_bowl << EOD
0 0
EOD
$minima_rosenbrock << EOD
1 1
EOD
$minima_beale << EOD
3 0.5
EOD
$minima_himmelblau << EOD
3 2
-2.805118 3.131313
-3.779310 -3.283186
3.584428 -1.848127
EOD
)" + panels() + R"(
unset multiplot
)",
               .frames = 30});
}

}  // namespace gradus::lecture
