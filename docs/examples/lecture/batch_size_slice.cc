// Softmax regression whose weights may move in a plane only, W = a U + b V: two numbers to learn, so that a
// path and the whole loss fit on paper. U is the direction of steepest descent at zero, V that near the
// lowest point along U. Near the minimum, with H its Hessian and C the covariance of the images' gradients,
// constant steps of length r over random batches of B spread around it with the covariance D = (I - r H) D (I
// - r H) + r^2 C / B. Source: S. Mandt, M. Hoffman, D. Blei: "Stochastic gradient descent as approximate
// Bayesian inference", 2017, section 3.
#include <algorithm>
#include <array>
#include <cmath>

#include "gradus/docs/examples/lecture/batch_size.h"
#include "gradus/docs/examples/lecture/image_batches.h"

namespace gradus::lecture {
namespace {

// The scores of the images for W = U and for W = V, [N, 10], and their labels.
struct Plane {
  Tensor u, v, y;
};

// `at` is [2], or [N, 2] with a place of its own for each image.
Tensor loss(const Plane& plane, const Tensor& at, Reduction reduction = Reduction::mean) {
  const Tensor scores = slice(at, -1, 0, 1) * plane.u + slice(at, -1, 1, 2) * plane.v;
  return cross_entropy(scores, plane.y, {.reduction = reduction});
}

// The direction of steepest descent of all images at the weights w, of length 1, without its part along
// `from`.
Tensor steepest(const Images& images, const Tensor& w, const Tensor& from) {
  const Tensor at = w.detach().requires_grad(true);
  const Tensor slope = grad(cross_entropy(matmul(images.x, at), images.y), {at})[0];
  const Tensor rest = sum(slope * from) * from - slope;
  return rest / norm(rest);
}

Plane make_plane(const Images& images) {
  const Tensor zero = zeros({784, 10}, DType::f64);
  const Tensor u = steepest(images, zero, zero);
  const auto loss_at = [&](double a) {
    return cross_entropy(matmul(images.x, a * u), images.y).item<double>();
  };
  double a = 1.0 / 1024;
  while (loss_at(2 * a) < loss_at(a)) a *= 2;
  const Tensor v = steepest(images, a * u, u);
  return {matmul(images.x, u), matmul(images.x, v), images.y};
}

struct Minimum {
  Tensor at;       // [2]
  Tensor hessian;  // [2, 2]
  double slope;    // what is left of it
};

// Newton's method, with the second derivatives from the graph of the first ones; a step that would raise the
// loss is halved.
Minimum find_minimum(const Plane& plane, Tensor at) {
  Minimum m;
  for (int i = 0; i < 30; ++i) {
    at.requires_grad(true);
    const Tensor here = loss(plane, at);
    const Tensor slope = grad(here, {at}, {.create_graph = true})[0];
    m.hessian = stack(
        {grad(select(slope, 0, 0), {at}, {.retain_graph = true})[0], grad(select(slope, 0, 1), {at})[0]});
    m.at = at.detach();
    m.slope = norm(slope).item<double>();
    if (m.slope < 1e-13) break;
    Tensor step = mv(linalg::inv(m.hessian), slope).detach();
    const NoGrad no_grad;
    for (int k = 0; k < 20 && loss(plane, m.at - step).item<double>() > here.item<double>(); ++k)
      step = step / 2.0;
    at = m.at - step;
  }
  return m;
}

// The covariance of the images' gradients at a place, [2, 2].
Tensor covariance(const Plane& plane, const Tensor& place) {
  const std::int64_t n = plane.y.numel();
  const Tensor at = contiguous(expand(place, {n, 2})).requires_grad(true);
  const Tensor slopes = grad(loss(plane, at, Reduction::sum), {at})[0];
  const Tensor apart = slopes - mean(slopes, {0}, true);
  return matmul(transpose(apart, 0, 1), apart) / static_cast<double>(n);
}

// Root mean square distance from the minimum, as predicted for small steps.
double predicted_spread(const Minimum& m, const Tensor& covariance, double rate, std::int64_t batch) {
  const Tensor keep = eye(2, {.dtype = DType::f64}) - rate * m.hessian;
  const Tensor noise = rate * rate / static_cast<double>(batch) * covariance;
  Tensor spread = noise;
  for (int i = 0; i < 20000; ++i) spread = matmul(matmul(keep, spread), keep) + noise;
  return std::sqrt(trace(spread).item<double>());
}

using Path = std::vector<std::array<double, 2>>;

// Batches of `size` images drawn with replacement; all of them where that is their number.
Path descend(const Plane& plane, Tensor at, double rate, std::int64_t size, std::int64_t steps) {
  const std::int64_t n = plane.y.numel();
  Path path;
  for (std::int64_t i = 0; i <= steps; ++i) {
    const auto v = at.to_vector<double>();
    path.push_back({v[0], v[1]});
    Plane batch = plane;
    if (size < n) {
      const Tensor places = randint(0, n, {size});
      batch = {index_select(plane.u, 0, places), index_select(plane.v, 0, places),
               index_select(plane.y, 0, places)};
    }
    at.requires_grad(true);
    at = (at - rate * grad(loss(batch, at), {at})[0]).detach();
  }
  return path;
}

// Over the second half of a path.
double measured_spread(const Path& path, const Minimum& m) {
  const auto centre = m.at.to_vector<double>();
  double square = 0;
  for (std::size_t i = path.size() / 2; i < path.size(); ++i)
    square += std::pow(path[i][0] - centre[0], 2) + std::pow(path[i][1] - centre[1], 2);
  return std::sqrt(square / static_cast<double>(path.size() - path.size() / 2));
}

// Rows from low to high b, columns from low to high a.
Table surface(const Plane& plane, std::array<double, 2> low, std::array<double, 2> high) {
  constexpr int kSide = 31;
  const NoGrad no_grad;
  Table table{"surface", {}};
  for (int row = 0; row < kSide; ++row) {
    table.rows.emplace_back();
    for (int column = 0; column < kSide; ++column) {
      const double a = low[0] + (high[0] - low[0]) * column / (kSide - 1);
      const double b = low[1] + (high[1] - low[1]) * row / (kSide - 1);
      if (row == 0) table.columns.push_back("a = " + std::to_string(a));
      table.rows.back().push_back(loss(plane, tensor<double>({a, b})).item<double>());
    }
  }
  return table;
}

}  // namespace

void paths_in_a_slice(Lab& lab) {
  const Plane plane = make_plane(load_images(lab, lab.count("noise-images"), DType::f64));
  const std::int64_t n = plane.y.numel(), steps = lab.count("slice-steps");
  const Minimum lowest = find_minimum(plane, tensor<double>({0.0, 0.0}));
  lab.check("the lowest point of the slice, by Newton's method: slope that is left", lowest.slope, 0, 1e-12);

  // Half of the rate at which the steeper direction would jump to its minimum at once.
  const double rate = 0.5 / linalg::eigvalsh(lowest.hessian).to_vector<double>()[1];
  const auto centre = lowest.at.to_vector<double>();
  const Tensor start = tensor<double>({0.0, -centre[1]});  // on the other side
  const Tensor spread = covariance(plane, lowest.at);
  const std::array<std::int64_t, 4> sizes = {1, 16, 256, n};
  constexpr std::int64_t kDrawn = 250;
  Table paths{"paths", {"step", "a, B = 1", "b", "a, B = 16", "b", "a, B = 256", "b", "a, all", "b"}};
  for (std::int64_t i = 0; i <= kDrawn; ++i) paths.rows.push_back({static_cast<double>(i)});
  Table spreads{"spread", {"batch size", "measured", "predicted"}};
  for (const std::int64_t size : sizes) {
    const Path path = descend(plane, start, rate, size, size < n ? steps : kDrawn);
    for (std::size_t i = 0; i < paths.rows.size(); ++i)
      paths.rows[i].insert(paths.rows[i].end(), path[i].begin(), path[i].end());
    lab.progress(static_cast<std::int64_t>(&size - sizes.data()) + 1, 4);
    if (size == n) break;
    spreads.rows.push_back({static_cast<double>(size), measured_spread(path, lowest),
                            predicted_spread(lowest, spread, rate, size)});
  }
  lab.check_within("batches of 256 keep this distance from the minimum, over what is predicted",
                   spreads.rows[2][1] / spreads.rows[2][2], 0.75, 1.3);
  lab.check_within("batches of 16", spreads.rows[1][1] / spreads.rows[1][2], 0.75, 1.3);
  lab.table(std::move(spreads));
  std::array<double, 2> low{}, high{};
  for (std::size_t axis = 0; axis < 2; ++axis) {
    low[axis] = high[axis] = centre[axis];
    for (const auto& row : paths.rows) {
      low[axis] = std::min(low[axis], row[3 + axis]);
      high[axis] = std::max(high[axis], row[3 + axis]);
    }
    const double margin = 0.15 * (high[axis] - low[axis]);
    low[axis] -= margin;
    high[axis] += margin;
  }
  lab.table(surface(plane, low, high));
  lab.table(std::move(paths));
  lab.table({"box",
             {"a from", "b from", "a to", "b to", "a of the minimum", "b of it", "learning rate"},
             {{low[0], low[1], high[0], high[1], centre[0], centre[1], rate}}});
  lab.picture({.name = "paths",
               .caption = "Descent in a slice of the loss at one learning rate and four batch sizes, with "
                          "the same start and "
                          "the minimum (cross). Small batches wander around it and never settle.",
               .width = 900,
               .height = 760,
               .script = R"(
last = ceil(250.0 * (frame + 1)**2 / 30**2)
array box[6]
stats $box using (box[1] = $1, box[2] = $2, box[3] = $3, box[4] = $4, box[5] = $5, box[6] = $6, 0) nooutput
set contour base
unset surface
set cntrparam levels 9
set table $contour
splot $surface matrix using (box[1] + $1 * (box[3] - box[1]) / 30):(box[2] + $2 * (box[4] - box[2]) / 30):3
unset table
unset contour
set surface
unset key
set multiplot layout 2,2
set xlabel 'a'
set ylabel 'b'
names = "'one image' '16 images' '256 images' 'all images'"
do for [i=1:4] {
  set title sprintf('%s a step, step %d', word(names, i), last)
  plot [box[1]:box[3]] [box[2]:box[4]] $contour using 1:2 with lines lt 8 lw 0.5, \
       $paths every ::0::last using 2*i:2*i+1 with lines lt i lw 1.2, \
       '+' using (box[5]):(box[6]) every ::0::0 with points lc rgb 'black' pt 2 ps 1.4 lw 2
}
unset multiplot
)",
               .frames = 30});
}

}  // namespace gradus::lecture
