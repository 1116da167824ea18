// What a loss says decides what is learnt. Cross entropy of a sigmoid, -log s(z), has the slope s(z) - 1,
// which stays at -1 however wrong the score z is; the squared error (s(z) - 1)^2 has 2 (s(z) - 1) s(z) (1 -
// s(z)), which vanishes there: it hardly learns from its worst mistakes. The squared error of a constant is
// least at the mean, the absolute one at the median, which a few outliers do not move; Huber's is the first
// near 0 and the second far away. Label smoothing by e over K classes asks for a probability of 1 - e + e / K
// and so for a finite score. Sources: P. Huber: "Robust estimation of a location parameter", 1964; C. Szegedy
// et al.: "Rethinking the inception architecture", 2016.
#include <algorithm>
#include <cmath>
#include <functional>

#include "gradus/docs/examples/lecture/lesson.h"

namespace gradus::lecture {
namespace {

using Loss = std::function<Tensor(const Tensor&)>;

// Descends from `start`; the value of the variable before each step and after the last.
std::vector<double> descend(const Loss& loss, double start, double rate, std::int64_t steps) {
  std::vector<double> path = {start};
  Tensor at = tensor<double>(start).requires_grad(true);
  optim::SGD optimizer({at}, {.lr = rate});
  for (std::int64_t i = 0; i < steps; ++i) {
    optimizer.zero_grad();
    loss(at).backward();
    optimizer.step();
    path.push_back(at.item<double>());
  }
  return path;
}

void saturation(Lab& lab) {
  const Tensor one = ones({}, DType::f64);
  const Loss entropy = [&](const Tensor& z) { return binary_cross_entropy_with_logits(z, one); };
  const Loss squared = [&](const Tensor& z) { return mse_loss(sigmoid(z), one); };

  Table slopes{"slopes", {"score", "cross entropy", "its slope", "squared error", "its slope"}};
  double worst = 0;
  for (double z = -10; z <= 6; z += 0.25) {
    const Tensor at = tensor<double>(z).requires_grad(true);
    const Tensor a = entropy(at), b = squared(at);
    const double da = grad(a, {at})[0].item<double>(), db = grad(b, {at})[0].item<double>();
    const double s = 1 / (1 + std::exp(-z));
    worst = std::max({worst, std::abs(da - (s - 1)), std::abs(db - 2 * (s - 1) * s * (1 - s))});
    slopes.rows.push_back({z, a.item<double>(), da, b.item<double>(), db});
  }
  lab.check("slopes by automatic differentiation and by hand: largest difference", worst, 0, 1e-12);
  lab.check_within("at the score -10 the squared error's slope, over that of cross entropy",
                   slopes.rows[0][4] / slopes.rows[0][2], 0, 1e-3);
  lab.table(std::move(slopes));

  const std::int64_t steps = lab.count("steps");
  const auto by_entropy = descend(entropy, -8, 1, steps), by_squares = descend(squared, -8, 1, steps);
  Table path{"saturation", {"step", "probability by cross entropy", "probability by squared error"}};
  for (std::size_t i = 0; i < by_entropy.size(); ++i) {
    path.rows.push_back(
        {static_cast<double>(i), 1 / (1 + std::exp(-by_entropy[i])), 1 / (1 + std::exp(-by_squares[i]))});
  }
  lab.check_within("from the score -8 cross entropy learns: probability at the end", path.rows.back()[1], 0.9,
                   1);
  lab.check_within("and the squared error does not", path.rows.back()[2], 0, 0.01);
  lab.table(std::move(path));
  lab.picture(
      {.name = "saturation",
       .caption =
           "The slope of both losses of a sigmoid whose target is 1, over its score, and what gradient "
           "descent makes of a score of -8: the squared error does not move.",
       .script = R"(
set multiplot layout 1,2
set xlabel 'score z'
set ylabel 'slope of the loss'
set key center left
plot $slopes using 1:3 with lines lt 1 lw 2.5 title 'cross entropy', \
     $slopes using 1:5 with lines lt 2 lw 2.5 title 'squared error'
set xlabel 'step'
set ylabel 'probability of the right class'
set yrange [0:1]
set key center right
plot $saturation using 1:2 with lines lt 1 lw 2.5 title 'cross entropy', \
     $saturation using 1:3 with lines lt 2 lw 2.5 title 'squared error'
unset multiplot
)"});
}

void outliers(Lab& lab) {
  // A line y = 2 x + 1 with noise, and some points far above it.
  const std::int64_t n = lab.count("points");
  std::vector<double> far(static_cast<std::size_t>(n));
  for (std::size_t i = 0; 5 * i < 3 * far.size(); i += 3) far[i] = 6;  // on the left, a fifth of all
  const Tensor x = linspace(0, 1, n, {.dtype = DType::f64});
  const Tensor y = 2.0 * x + 1.0 + 0.1 * normal({n}, 0, 1, {.dtype = DType::f64}) + tensor(far);

  const auto least = [](std::vector<double> values, bool middle) {
    std::ranges::sort(values);
    const std::size_t m = values.size() / 2;
    double sum = 0;
    for (const double v : values) sum += v;
    return middle ? values[m] : sum / static_cast<double>(values.size());
  };
  const auto values = y.to_vector<double>();
  const auto constant = [&](const Tensor& c) { return expand(c, {n}); };
  const double mean_at =
      descend([&](const Tensor& c) { return mse_loss(constant(c), y); }, 0, 0.25, 200).back();
  lab.check("the constant of least squared error is the mean", mean_at, least(values, false), 1e-10);
  const double median_at =
      descend([&](const Tensor& c) { return l1_loss(constant(c), y); }, 0, 2e-3, 4000).back();
  lab.check("that of least absolute error is the median", median_at, least(values, true), 2e-2);

  Table lines{"lines", {"loss", "slope", "intercept"}};
  Table points{"points", {"x", "y"}};
  const auto xs = x.to_vector<double>();
  for (std::size_t i = 0; i < xs.size(); ++i) points.rows.push_back({xs[i], values[i]});
  const auto fit = [&](const std::function<Tensor(const Tensor&)>& loss, double number) {
    const Tensor w = zeros({2}, DType::f64).requires_grad(true);
    optim::Adam optimizer({w}, {.lr = 0.05});
    optim::Scheduler schedule(optimizer, optim::cosine_annealing_lr(2000));
    for (int i = 0; i < 2000; ++i) {
      optimizer.zero_grad();
      loss(gradus::select(w, 0, 0) * x + gradus::select(w, 0, 1)).backward();
      optimizer.step();
      schedule.step();
    }
    const auto v = w.to_vector<double>();
    lines.rows.push_back({number, v[0], v[1]});
    return std::hypot(v[0] - 2, v[1] - 1);
  };
  const double squares = fit([&](const Tensor& p) { return mse_loss(p, y); }, 1);
  const double absolute = fit([&](const Tensor& p) { return l1_loss(p, y); }, 2);
  const double huber = fit([&](const Tensor& p) { return huber_loss(p, y, Reduction::mean, 0.2); }, 3);
  lab.check_within("a fifth of outliers bends the line of least squares: its distance from the true one",
                   squares, 1, 20);
  lab.check_within("the line of least absolute error is", absolute, 0, 0.3);
  lab.check_within("that of Huber's loss is", huber, 0, 0.3);
  lab.table(std::move(points));
  lab.table(std::move(lines));
  lab.picture(
      {.name = "outliers",
       .caption =
           "A line through points of which a fifth is far off, by three losses. The true one is 2 x + 1.",
       .width = 560,
       .script = R"(
set xlabel 'x'
set ylabel 'y'
set key at graph 0.98, 0.72 top right
array s[3]
array c[3]
stats $lines using (s[int($1)] = $2, c[int($1)] = $3, 0) nooutput
plot [0:1] $points using 1:2 with points lt 8 pt 7 ps 0.5 title 'points', \
     s[1]*x + c[1] with lines lt 2 lw 2.5 title 'squared error', \
     s[2]*x + c[2] with lines lt 1 lw 2.5 title 'absolute error', \
     s[3]*x + c[3] with lines lt 3 lw 2.5 dt 2 title 'Huber', \
     2*x + 1 with lines lt 7 lw 1 dt 3 title 'true'
)"});
}

void smoothing(Lab& lab) {
  constexpr double kSmoothing = 0.1;
  constexpr std::int64_t kClasses = 10;
  Tensor scores = zeros({1, kClasses}, DType::f64).requires_grad(true);
  const Tensor label = tensor<std::int64_t>({3});
  optim::SGD optimizer({scores}, {.lr = 2});
  for (int i = 0; i < 20000; ++i) {
    optimizer.zero_grad();
    cross_entropy(scores, label, {.label_smoothing = kSmoothing}).backward();
    optimizer.step();
  }
  const double p = softmax(scores, 1).to_vector<double>()[3];
  lab.check("with label smoothing e = 0.1 over 10 classes the best probability is 1 - e + e / 10", p,
            1 - kSmoothing + kSmoothing / kClasses, 1e-10);
}

void run(Lab& lab) {
  saturation(lab);
  lab.progress(1, 3);
  outliers(lab);
  lab.progress(2, 3);
  smoothing(lab);
  lab.progress(3, 3);
}

constexpr zoo::Option kOptions[] = {
    {"steps", "Steps from a score that is very wrong", 60, 20, 200, true},
    {"points", "Points of the line", 100, 20, 10000, true},
};

}  // namespace

extern const Lesson loss_functions = {
    .number = 10,
    .title = "Loss functions",
    .claim =
        "The slope of a loss is what learning sees of it: the squared error of a saturated sigmoid has none, "
        "that of "
        "outliers is the largest of all.",
    .data = "",
    .options = kOptions,
    .quick = {},
    .run = run,
};

}  // namespace gradus::lecture
