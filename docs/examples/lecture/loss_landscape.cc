// What the loss looks like around a trained net, of whose millions of directions a picture shows two. Random
// directions are made comparable by filter normalisation: the weights into each unit get the length that the
// trained ones have. The path of gradient descent lies nearly in a plane, which the principal components of
// its points find. How sharp the valley is says the largest eigenvalue of the Hessian: gradient descent with
// the rate a can only stay where it is at most 2 / a, and moves to where it is just that: the edge of
// stability. Sources: H. Li et al.: "Visualizing the loss landscape of neural nets", 2018; I. Goodfellow, O.
// Vinyals, A. Saxe: "Qualitatively characterizing neural network optimization problems", 2015; J. Cohen et
// al.: "Gradient descent on neural networks typically occurs at the edge of stability", 2021.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "gradus/docs/examples/lecture/curvature.h"
#include "gradus/docs/examples/lecture/image_batches.h"

namespace gradus::lecture {
namespace {

// --- a net whose weights are one vector

struct Task {
  Tensor x, target;                 // [N, inputs], [N, outputs]
  std::vector<std::int64_t> sizes;  // inputs, hidden units .., outputs

  std::int64_t weights() const {
    std::int64_t n = 0;
    for (std::size_t i = 0; i + 1 < sizes.size(); ++i) n += (sizes[i] + 1) * sizes[i + 1];
    return n;
  }
  // For each unit the weights into it one after the other, then the biases, layer by layer.
  Tensor start() const {
    std::vector<Tensor> parts;
    for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
      parts.push_back(normal({sizes[i] * sizes[i + 1]}, 0, 1 / std::sqrt(static_cast<double>(sizes[i])),
                             {.dtype = x.dtype()}));
      parts.push_back(zeros({sizes[i + 1]}, x.dtype()));
    }
    return concat(parts);
  }
  // Half the squared distance to the target, mean over the examples.
  Tensor loss(const Tensor& theta) const {
    Tensor y = x;
    std::int64_t at = 0;
    const auto next = [&](std::int64_t n) {
      return slice(theta, 0, at, at + n), at += n, slice(theta, 0, at - n, at);
    };
    for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
      const Tensor w = reshape(next(sizes[i] * sizes[i + 1]), {sizes[i + 1], sizes[i]});
      y = linear(y, w, next(sizes[i + 1]));
      if (i + 2 < sizes.size()) y = tanh(y);
    }
    return mse_loss(y, target, Reduction::sum) / (2.0 * static_cast<double>(x.size(0)));
  }
  double value(const Tensor& theta) const {
    const NoGrad no_grad;
    return astype(loss(theta), DType::f64).item<double>();
  }
  Hessian hessian(const Tensor& theta) const {
    return {[this](const Tensor& t) { return loss(t); }, theta};
  }
  Task as(DType dtype) const { return {astype(x, dtype), astype(target, dtype), sizes}; }
};

// Images of 14 x 14, each place with mean 0, all together with deviation 1; the target is 1 at the label and
// 0 elsewhere.
Task fashion(Lab& lab) {
  const Images images = load_images(lab, lab.count("images"));
  const std::int64_t n = images.y.numel(), width = lab.count("width");
  Tensor x = reshape(images.x, {n, 1, 28, 28});
  x = reshape(avg_pool2d(x, 2), {n, 196});
  x = x - mean(x, {0});
  x = x / std(x);
  const Tensor classes = arange(10);
  const Tensor label = reshape(images.y, {n, 1});
  return {x, astype(eq(label, classes), DType::f32), {196, width, width, 10}};
}

// --- Lanczos where the answer is known

void known_eigenvalues(Lab& lab) {
  const std::int64_t n = 40;
  const Tensor q = linalg::qr(normal({n, n}, 0, 1, {.dtype = DType::f64})).q;
  const Tensor half = matmul(q * linspace(-3, 10, n, {.dtype = DType::f64}), q, {.trans_b = true}) / 2.0;
  const Tensor a = half + transpose(half, 0, 1);
  const auto bowl = [&](const Tensor& x) { return dot(x, mv(a, x)) / 2.0; };
  const double top = largest_eigenvalue({bowl, normal({n}, 0, 1, {.dtype = DType::f64})}, n);
  lab.check("the largest eigenvalue of a quadratic by Lanczos", top, 10, 1e-10);

  // Along its eigenvector a step of gradient descent is x <- (1 - a 10) x.
  for (const double rate : {0.99 * 2 / top, 1.01 * 2 / top}) {
    const Tensor x = select(q, 1, n - 1).clone_detached().requires_grad(true);
    const Tensor next = x - rate * grad(bowl(x), {x})[0];
    lab.check("a step at " + std::to_string(rate * top / 2).substr(0, 4) + " times 2 / sharpness leaves",
              norm(next).item<double>(), std::abs(1 - rate * 10), 1e-10);
  }

  const Task tiny{
      normal({20, 3}, 0, 1, {.dtype = DType::f64}), normal({20, 2}, 0, 1, {.dtype = DType::f64}), {3, 4, 2}};
  const Hessian hessian = tiny.hessian(tiny.start());
  std::vector<Tensor> columns;
  for (const Tensor& unit : unbind(eye(tiny.weights(), {.dtype = DType::f64})))
    columns.push_back(hessian.times(unit));
  const Tensor full = stack(columns);
  lab.check("the Hessian of a tiny net, product by product, is symmetric: largest difference",
            amax(abs(full - transpose(full, 0, 1))).item<double>(), 0, 1e-10);
  lab.check(
      "its largest eigenvalue by Lanczos and by all of the matrix: difference",
      largest_eigenvalue(hessian, tiny.weights()) - linalg::eigvalsh(full, "L").to_vector<double>().back(), 0,
      1e-10);
}

// --- gradient descent and its sharpness

struct Descent {
  double rate;
  Tensor theta;
  std::vector<double> losses = {};     // before each step
  std::vector<double> sharpness = {};  // at each mark, as the points
  std::vector<Tensor> points = {};
};

void mark(const Task& task, Descent& d, std::int64_t lanczos) {
  d.sharpness.push_back(largest_eigenvalue(task.hessian(d.theta), lanczos));
  d.points.push_back(d.theta);
}

void descend(const Task& task, Descent& d, std::int64_t steps) {
  for (std::int64_t i = 0; i < steps; ++i) {
    d.theta.requires_grad(true);
    const Tensor loss = task.loss(d.theta);
    d.losses.push_back(astype(loss.detach(), DType::f64).item<double>());
    if (!std::isfinite(d.losses.back()))
      throw ValueError("the descent diverged: give a smaller --lr than " +
                       std::to_string(d.rate).substr(0, 5));
    const Tensor slope = grad(loss, {d.theta})[0];
    d.theta = (d.theta - d.rate * slope).detach();
  }
}

constexpr std::int64_t kMarks = 60;

// Three rates from one start, and the middle one from another start.
std::vector<Descent> descents(Lab& lab, const Task& task) {
  const double rate = lab.number("lr");
  const Tensor start = task.start();
  std::vector<Descent> all = {{0.8 * rate, start}, {rate, start}, {1.25 * rate, start}, {rate, task.start()}};
  const auto count = static_cast<std::int64_t>(all.size());
  for (std::int64_t m = 0; m <= kMarks; ++m) {
    side_by_side(
        lab, count,
        [&](std::int64_t i) {
          Descent& d = all[static_cast<std::size_t>(i)];
          mark(task, d, lab.count("lanczos"));
          if (m < kMarks) descend(task, d, lab.count("steps") / kMarks);
        },
        m * count, (kMarks + 1) * count);
  }
  for (Descent& d : all) d.losses.push_back(task.value(d.theta));
  return all;
}

void edge_of_stability(Lab& lab, const Task& task, const std::vector<Descent>& all) {
  const std::int64_t every = lab.count("steps") / kMarks;
  Table edge{"edge", {"step"}};
  for (std::int64_t m = 0; m <= kMarks; ++m) edge.rows.push_back({static_cast<double>(m * every)});
  Table rates{"rates", {"learning rate", "2 / rate"}};
  for (std::size_t i = 0; i < 3; ++i) {
    const Descent& d = all[i];
    const std::string name = " at a = " + std::to_string(d.rate).substr(0, 5);
    edge.columns.push_back("loss" + name);
    edge.columns.push_back("sharpness" + name);
    for (std::size_t m = 0; m < edge.rows.size(); ++m) {
      edge.rows[m].push_back(d.losses[m * static_cast<std::size_t>(every)]);
      edge.rows[m].push_back(d.sharpness[m]);
    }
    rates.rows.push_back({d.rate, 2 / d.rate});
    double late = 0;
    for (std::size_t m = kMarks * 3 / 4; m <= kMarks; ++m) late += d.sharpness[m];
    late /= kMarks - kMarks * 3 / 4 + 1;
    lab.check_within("sharpness over 2 / a in the last quarter, the edge of stability" + name,
                     late * d.rate / 2, 0.85, 1.3);
    lab.check_within("and the loss falls all the same: loss at the end over that at half-time" + name,
                     d.losses.back() / d.losses[d.losses.size() / 2], 0, 0.95);
  }
  const Descent& d = all[1];
  const double few = d.sharpness.back();
  const double many = largest_eigenvalue(task.hessian(d.theta), 3 * lab.count("lanczos"));
  lab.check_within("three times as many steps of Lanczos change the sharpness by this part",
                   std::abs(many / few - 1), 0, 0.02);
  lab.table(std::move(edge));
  lab.table(std::move(rates));
  lab.picture(
      {.name = "edge",
       .caption =
           "Gradient descent on all images at three learning rates. The sharpness, the largest eigenvalue of "
           "the Hessian, rises to 2 / a (dashed) and stays there; the loss goes on falling, in jumps.",
       .script = R"(
set multiplot layout 1,2
stats $edge using 1 nooutput
set xrange [0:STATS_max]
rate(i) = word(rates, i) + 0
rates = ''
do for [i=0:2] { stats $rates every ::i::i using 1 nooutput; rates = rates . sprintf(' %g', STATS_max) }
set xlabel 'step'
set xtics 2000
set ylabel 'loss'
set logscale y
set key top right
plot for [i=1:3] $edge using 1:(column(2*i)) with lines lt i lw 2 title sprintf('a = %g', rate(i))
unset logscale y
set ylabel 'sharpness'
set yrange [0:2.5/rate(1)]
unset key
plot for [i=1:3] 2/rate(i) with lines lt i lw 1.5 dt 2, \
     for [i=1:3] $edge using 1:(column(2*i+1)) with lines lt i lw 2
unset multiplot
)"});
}

// --- slices

constexpr std::int64_t kSide = 31;  // points of a grid along each axis

// Rows of a, b and log10 of the loss at center + a first + b second.
Table grid(Lab& lab, const std::string& name, const Task& task, const Tensor& center, const Tensor& first,
           const Tensor& second, const std::array<double, 4>& box) {
  Table table{name, {"first direction", "second direction", "log10 of the loss"}};
  table.rows.resize(static_cast<std::size_t>(kSide * kSide));
  side_by_side(lab, kSide, [&](std::int64_t i) {
    const NoGrad no_grad;
    for (std::int64_t j = 0; j < kSide; ++j) {
      const auto part = [](std::int64_t k) { return static_cast<double>(k) / (kSide - 1); };
      const double a = box[0] + (box[1] - box[0]) * part(j), b = box[2] + (box[3] - box[2]) * part(i);
      table.rows[static_cast<std::size_t>(i * kSide + j)] = {
          a, b, std::log10(task.value(center + a * first + b * second))};
    }
  });
  return table;
}

// Commands that leave the contours of a grid in $contour.
std::string contours_of(const std::string& table) {
  const std::string side = std::to_string(kSide);
  return "set dgrid3d " + side + ", " + side + ", 16" + R"(
set view map
unset surface
set contour base
set cntrparam levels 14
set table $contour
splot $)" +
         table + R"( using 1:2:3
unset table
unset contour
unset dgrid3d
set surface
unset key
)";
}

// A random direction in which the weights into each unit have the length of the trained ones, and biases
// stay.
Tensor filter_normalised(const Task& task, const Tensor& theta) {
  const NoGrad no_grad;
  std::vector<Tensor> parts;
  std::int64_t at = 0;
  for (std::size_t i = 0; i + 1 < task.sizes.size(); ++i) {
    const std::int64_t in = task.sizes[i], out = task.sizes[i + 1];
    const Tensor w = reshape(slice(theta, 0, at, at + in * out), {out, in});
    const Tensor d = normal({out, in}, 0, 1, {.dtype = theta.dtype()});
    parts.push_back(flatten(d * (norm(w, 2, {1}, true) / norm(d, 2, {1}, true))));
    parts.push_back(zeros({out}, theta.dtype()));
    at += (in + 1) * out;
  }
  return concat(parts);
}

void slices(Lab& lab, const Task& task, const std::vector<Descent>& all) {
  const Tensor& trained = all[1].theta;
  const Tensor to_other = all[3].theta - trained, from_start = trained - all[1].points[0];
  Table lines{"lines", {"t", "from the start to the trained net", "from it to another trained net"}};
  double barrier = 0;
  for (int i = -10; i <= 60; ++i) {
    const double t = i / 50.0;
    const double between = task.value(trained + t * to_other);
    lines.rows.push_back({t, task.value(all[1].points[0] + t * from_start), between});
    if (t > 0 && t < 1) barrier = std::max(barrier, between);
  }
  const double end = all[1].losses.back(), other = all[3].losses.back();
  lab.check("the line from the start ends at the loss of the training: ratio", lines.rows[60][1] / end, 1,
            1e-4);
  lab.check_within("between two trained nets there is a wall: its height over the higher end",
                   barrier / std::max(end, other), 2, HUGE_VAL);
  lab.table(std::move(lines));

  const Task exact = task.as(DType::f64);
  const Tensor center = astype(trained, DType::f64);
  const Tensor first = filter_normalised(exact, center), second = filter_normalised(exact, center);
  const std::int64_t inputs = task.sizes[0];
  lab.check("filter normalisation: the first unit's direction has the length of its weights",
            (norm(slice(first, 0, 0, inputs)) / norm(slice(center, 0, 0, inputs))).item<double>(), 1, 1e-12);
  const double h = 1e-3;
  const double bend =
      (exact.value(center + h * first) + exact.value(center - h * first) - 2 * exact.value(center)) / (h * h);
  lab.check("the bend of the slice is d H d by a Hessian-vector product: ratio",
            bend / dot(first, exact.hessian(center).times(first)).item<double>(), 1, 1e-2);
  Table plane = grid(lab, "slice", task, trained, astype(first, DType::f32), astype(second, DType::f32),
                     {-1, 1, -1, 1});
  const double log_end = std::log10(end);
  const auto above = std::ranges::count_if(plane.rows, [&](const auto& r) { return r[2] >= log_end - 1e-3; });
  lab.check_within("part of the slice that lies above the trained net",
                   static_cast<double>(above) / static_cast<double>(plane.rows.size()), 0.99, 1);
  lab.table(std::move(plane));
  lab.picture(
      {.name = "slices",
       .caption =
           "Left: the loss on the straight line from the start (t = 0) to the trained net (t = 1), and from "
           "it to another trained net. Right: in two random directions, filter-normalised, around it.",
       .script = R"(
set multiplot layout 1,2
set xlabel 't'
set ylabel 'loss'
set logscale y
set key top left
set yrange [*:*]
plot $lines using 1:2 with lines lt 1 lw 2 title 'from the start', \
     $lines using 1:3 with lines lt 2 lw 2 title 'to another trained net'
unset logscale
)" + contours_of("slice") +
                 R"(
set xlabel 'first direction'
set ylabel 'second direction'
set title 'log_{10} of the loss'
set palette defined (0 '#0b2f4a', 0.35 '#0072b2', 0.7 '#9cc9e8', 1 '#fff7e0')
set size square
set xrange [-1:1]
set yrange [-1:1]
plot $slice using 1:2:3 with image, $contour using 1:2 with lines lc rgb '#a0ffffff' lw 0.8, \
     '+' using (0):(0) every ::0::0 with points lc rgb '#e69f00' pt 2 ps 1.4 lw 2
unset multiplot
)"});
}

// --- the path, in the plane of its principal components

void path(Lab& lab, const Task& task, const Descent& d) {
  const NoGrad no_grad;
  std::vector<Tensor> from_end;
  for (const Tensor& p : d.points) from_end.push_back(astype(p - d.theta, DType::f64));
  const linalg::Svd svd = linalg::svd(stack(from_end), false);
  const auto s = svd.s.to_vector<double>();
  double all = 0;
  for (const double v : s) all += v * v;
  lab.check_within(
      "part of the squared distances to the end that lies in the plane of two principal components",
      (s[0] * s[0] + s[1] * s[1]) / all, 0.8, 1);
  const auto a = (select(svd.u, 1, 0) * s[0]).to_vector<double>(),
             b = (select(svd.u, 1, 1) * s[1]).to_vector<double>();
  Table table{"path", {"step", "first component", "second component", "loss", "sharpness"}};
  const std::int64_t every = lab.count("steps") / kMarks;
  for (std::size_t m = 0; m < a.size(); ++m) {
    const auto step = m * static_cast<std::size_t>(every);
    table.rows.push_back({static_cast<double>(step), a[m], b[m], d.losses[step], d.sharpness[m]});
  }
  const auto [a0, a1] = std::ranges::minmax(a);
  const auto [b0, b1] = std::ranges::minmax(b);
  const double wide = 0.2 * (a1 - a0), high = 0.2 * (b1 - b0);
  lab.table(grid(lab, "plane", task, d.theta, astype(select(svd.vh, 0, 0), DType::f32),
                 astype(select(svd.vh, 0, 1), DType::f32), {a0 - wide, a1 + wide, b0 - high, b1 + high}));
  lab.table(std::move(table));
  lab.picture(
      {.name = "path",
       .caption =
           "The path of gradient descent in the plane of its two principal components, over the loss in that "
           "plane, and its sharpness on the way.",
       .script = "edge = " + std::to_string(2 / d.rate) + R"(
last = int(60 * (frame / 30.0)**2 + 0.5)
set multiplot layout 1,2
)" + contours_of("plane") +
                 R"(
stats $path every ::last::last using 1:4 nooutput
set title sprintf('step %d, loss %.4f', STATS_max_x, STATS_max_y)
set xlabel 'first principal component'
set ylabel 'second principal component'
stats $plane using 1:2 nooutput
set xrange [STATS_min_x:STATS_max_x]
set yrange [STATS_min_y:STATS_max_y]
plot $contour using 1:2 with lines lt 8 lw 0.8, \
     $path every ::0::last using 2:3 with linespoints lt 1 lw 2 pt 7 ps 0.3, \
     $path every ::last::last using 2:3 with points lt 2 pt 7 ps 1.2
set title sprintf('2 / a = %.4g', edge)
set xlabel 'step'
set xtics 2000
set ylabel 'sharpness'
set xrange [*:*]
set yrange [*:*]
stats $path using 1 nooutput
set xrange [0:STATS_max]
set yrange [0:1.4*edge]
plot edge with lines lt 8 lw 1.5 dt 2, $path every ::0::last using 1:5 with lines lt 1 lw 2, \
     $path every ::last::last using 1:5 with points lt 2 pt 7 ps 1.2
unset multiplot
)",
       .frames = 31});
}

void run(Lab& lab) {
  const Task task = fashion(lab);
  known_eigenvalues(lab);
  const auto all = descents(lab, task);
  edge_of_stability(lab, task, all);
  slices(lab, task, all);
  path(lab, task, all[1]);
}

constexpr zoo::Option kOptions[] = {
    {"images", "Images to train on, all in each step", 1000, 50, 60000, true},
    {"width", "Units of the two hidden layers", 32, 2, 1024, true},
    {"steps", "Steps of each descent", 7200, 120, 100000, true},
    {"lr", "The middle one of three learning rates, each 1.25 times the one before", 0.11, 1e-4, 1},
    {"lanczos", "Steps of Lanczos for each sharpness", 12, 4, 100, true},
};
constexpr std::pair<const char*, double> kQuick[] = {{"images", 300}, {"steps", 3600}, {"width", 16}};

}  // namespace

extern const Lesson loss_landscape = {
    .number = 12,
    .title = "The loss landscape",
    .claim =
        "Gradient descent with the rate a moves to where the largest eigenvalue of the Hessian is 2 / a, and "
        "goes "
        "on at this edge of stability. Its path lies nearly in a plane, and between two trained nets is a "
        "wall.",
    .data = "dataset-fashion-mnist",
    .options = kOptions,
    .quick = kQuick,
    .run = run,
};

}  // namespace gradus::lecture
