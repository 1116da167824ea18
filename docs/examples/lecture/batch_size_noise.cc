// The gradient of a batch is the mean of the gradients g_i of its images. Over all batches of B different
// images of N its mean is the full gradient g, and its mean squared distance from g is
//   S^2 / B * (N - B) / (N - 1),  S^2 = mean |g_i - g|^2,
// the variance of a sample mean drawn without replacement. Source: W. Cochran: "Sampling techniques", 1977,
// theorem 2.2. S^2 / |g|^2 is the batch size at which noise and gradient are equally long: S. McCandlish et
// al.: "An empirical model of large-batch training", 2018.
#include <bit>
#include <cmath>

#include "gradus/docs/examples/lecture/batch_size.h"
#include "gradus/docs/examples/lecture/image_batches.h"

namespace gradus::lecture {
namespace {

double predicted_square(double scatter, std::int64_t batch, std::int64_t n) {
  return scatter / static_cast<double>(batch) * static_cast<double>(n - batch) / static_cast<double>(n - 1);
}

// Few images, so that every batch there is can be tried.
void every_batch(Lab& lab, const Images& images) {
  constexpr std::int64_t kImages = 10;
  const Images few = part(images, 0, kImages);
  const SmallNet model(8, DType::f64);
  const Tensor full = flat_gradient(model, few);
  std::vector<double> squares(kImages + 1), batches(kImages + 1);
  for (std::uint32_t members = 1; members < 1U << kImages; ++members) {
    std::vector<std::int64_t> places;
    for (std::int64_t i = 0; i < kImages; ++i)
      if ((members >> i & 1) != 0) places.push_back(i);
    squares[places.size()] += squared_norm(flat_gradient(model, pick(few, tensor(places))) - full);
    batches[places.size()] += 1;
  }
  double worst = 0;
  for (std::int64_t b = 1; b < kImages; ++b) {
    const auto i = static_cast<std::size_t>(b);
    worst = std::max(
        worst, std::abs(squares[i] / batches[i] / predicted_square(squares[1] / kImages, b, kImages) - 1));
  }
  lab.check(
      "all 1,023 batches of 10 images: mean squared noise over S^2 / B (N - B) / (N - 1), farthest from 1",
      worst, 0, 1e-10);
}

struct Noise {
  double scatter = 0;            // S^2
  double gradient = 0;           // |g|^2
  std::vector<double> measured;  // root mean square by batch size
};

Noise measure(Lab& lab, const SmallNet& model, const Images& images, const std::vector<std::int64_t>& sizes,
              std::int64_t draws) {
  const std::int64_t n = images.y.numel();
  const Tensor full = flat_gradient(model, images);
  Noise noise;
  noise.gradient = squared_norm(full);
  for (std::int64_t i = 0; i < n; ++i)
    noise.scatter +=
        squared_norm(flat_gradient(model, part(images, i, i + 1)) - full) / static_cast<double>(n);
  for (const std::int64_t size : sizes) {
    double square = 0;
    for (std::int64_t i = 0; i < draws; ++i) {
      const Images batch = pick(images, slice(permutation(n), 0, 0, size));
      square += squared_norm(flat_gradient(model, batch) - full) / static_cast<double>(draws);
    }
    noise.measured.push_back(std::sqrt(square));
    lab.progress(static_cast<std::int64_t>(noise.measured.size()), static_cast<std::int64_t>(sizes.size()));
  }
  return noise;
}

// The slope of the line of least squares through (log x, log y).
double exponent(const std::vector<double>& x, const std::vector<double>& y) {
  const auto n = static_cast<double>(x.size());
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double a = std::log(x[i]), b = std::log(y[i]);
    sx += a, sy += b, sxx += a * a, sxy += a * b;
  }
  return (n * sxy - sx * sy) / (n * sxx - sx * sx);
}

constexpr std::int64_t kSteps = 640;

void train(const SmallNet& model, const Images& images) {
  optim::SGD optimizer(model.parameters(), {.lr = 0.05});
  const std::int64_t n = images.y.numel(), size = std::min<std::int64_t>(32, n);
  for (std::int64_t step = 0; step < kSteps; ++step) {
    const Images batch = pick(images, randint(0, n, {size}));
    optimizer.zero_grad();
    cross_entropy(model(batch.x), batch.y).backward();
    optimizer.step();
  }
}

}  // namespace

void gradient_noise(Lab& lab) {
  const std::int64_t n = lab.count("noise-images"), draws = lab.count("draws");
  const Images images = load_images(lab, n, DType::f64);
  every_batch(lab, images);

  std::vector<std::int64_t> sizes;
  for (std::int64_t b = 1; b < n; b *= 2) sizes.push_back(b);
  const SmallNet model(lab.count("hidden"), DType::f64);
  const Noise start = measure(lab, model, images, sizes, draws);
  train(model, images);
  const Noise later = measure(lab, model, images, sizes, draws);

  Table table{"noise", {"batch size", "at the start", "predicted", "after training", "predicted"}};
  std::vector<double> batch, corrected;
  double least = HUGE_VAL, most = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const double a = std::sqrt(predicted_square(start.scatter, sizes[i], n));
    const double b = std::sqrt(predicted_square(later.scatter, sizes[i], n));
    const auto size = static_cast<double>(sizes[i]);
    table.rows.push_back({size, start.measured[i], a, later.measured[i], b});
    least = std::min({least, start.measured[i] / a, later.measured[i] / b});
    most = std::max({most, start.measured[i] / a, later.measured[i] / b});
    batch.push_back(size);
    corrected.push_back(start.measured[i] *
                        std::sqrt(static_cast<double>(n - 1) / static_cast<double>(n - sizes[i])));
  }
  lab.check("the noise falls as a power of the batch size: its exponent", exponent(batch, corrected), -0.5,
            0.02);
  lab.check_within("random batches: noise over what is predicted, the least of all sizes", least, 0.8, 1);
  lab.check_within("and the most", most, 1, 1.2);
  const double before = start.scatter / start.gradient, after = later.scatter / later.gradient;
  Table scale{"noise_scale", {"step", "length of the gradient", "S", "batch size of equal length"}};
  scale.rows.push_back({0, std::sqrt(start.gradient), std::sqrt(start.scatter), before});
  scale.rows.push_back(
      {static_cast<double>(kSteps), std::sqrt(later.gradient), std::sqrt(later.scatter), after});
  lab.table(std::move(table));
  lab.table(std::move(scale));
  lab.picture(
      {.name = "noise",
       .caption =
           "Root mean square distance of a batch's gradient from that of all images: measured over random "
           "batches (points), S / sqrt(B) sqrt((N - B) / (N - 1)) (lines), and the length of the gradient "
           "itself (dashed).",
       .width = 620,
       .script = R"(
set logscale xy
set format y '10^{%L}'
set xlabel 'batch size B'
set ylabel 'length in the space of the parameters'
set key bottom left
array g[2]
stats $noise_scale using (g[int($0) + 1] = $2, 0) nooutput
set xrange [0.8:*]
set yrange [0.02:*]
plot $noise using 1:3 with lines lt 1 lw 1.5 notitle, \
     $noise using 1:2 with points lt 1 pt 7 ps 0.8 title 'noise at the start', \
     g[1] with lines lt 1 lw 1.5 dt 2 title 'gradient at the start', \
     $noise using 1:5 with lines lt 2 lw 1.5 notitle, \
     $noise using 1:4 with points lt 2 pt 5 ps 0.8 title 'noise after training', \
     g[2] with lines lt 2 lw 1.5 dt 2 title 'gradient after training'
)"});
}

}  // namespace gradus::lecture
