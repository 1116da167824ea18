// Sources: X. Glorot, Y. Bengio: "Understanding the difficulty of training deep feedforward neural networks",
// 2010; K. He, X. Zhang, S. Ren, J. Sun: "Delving deep into rectifiers", 2015; A. Saxe, J. McClelland, S.
// Ganguli: "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks", 2013.
#include "gradus/docs/examples/lecture/deep_net.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <utility>

namespace gradus::lecture {
namespace {

constexpr std::int64_t kLayers = 20, kWidth = 128;

struct Start {
  const char* name;
  void (*fill)(const Tensor& weight);
  double variance;  // of a weight between layers of kWidth
};

constexpr std::array<Start, 6> kStarts = {{
    {"zeros", [](const Tensor& w) { nn::init::zeros_(w); }, 0},
    {"too small", [](const Tensor& w) { nn::init::normal_(w, 0, 0.01); }, 0.01 * 0.01},
    {"too large", [](const Tensor& w) { nn::init::normal_(w, 0, 0.2); }, 0.2 * 0.2},
    {"Xavier", [](const Tensor& w) { nn::init::xavier_normal_(w); }, 1.0 / kWidth},
    {"Kaiming",
     [](const Tensor& w) { nn::init::kaiming_normal_(w, {.nonlinearity = nn::init::Nonlinearity::relu}); },
     2.0 / kWidth},
    {"orthogonal", [](const Tensor& w) { nn::init::orthogonal_(w, std::sqrt(2.0)); }, 2.0 / kWidth},
}};

using Weights = std::vector<Tensor>;  // each [outputs, inputs]

// Layers from `sizes[i]` to `sizes[i + 1]` units.
Weights make_weights(const Start& start, const std::vector<std::int64_t>& sizes, DType dtype) {
  Weights weights;
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
    weights.push_back(zeros({sizes[i + 1], sizes[i]}, dtype));
    start.fill(weights.back());
  }
  return weights;
}

Tensor linear_map(const Tensor& x, const Tensor& weight) { return matmul(x, transpose(weight, 0, 1)); }

double mean_square(const Tensor& x) { return mean(square(x)).item<double>(); }

struct MeanSquares {
  std::vector<double> signal, gradient;  // of the input, of each layer
};

// Sends x [N, inputs] through the layers, and a random gradient of the last one back.
MeanSquares pass(const Weights& weights, const Tensor& x, bool with_relu) {
  std::vector<Tensor> layers = {x.detach().requires_grad(true)};
  for (const Tensor& w : weights) {
    const Tensor scores = linear_map(layers.back(), w);
    layers.push_back(with_relu ? relu(scores) : scores);
  }
  const Tensor seed = normal(layers.back().shape(), 0, 1, {.dtype = DType::f64});
  const std::vector<Tensor> gradients = grad(sum(layers.back() * seed), layers);
  MeanSquares result;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    result.signal.push_back(mean_square(layers[i]));
    result.gradient.push_back(mean_square(gradients[i]));
  }
  return result;
}

std::vector<std::int64_t> square_sizes() { return std::vector<std::int64_t>(kLayers + 1, kWidth); }

void closed_forms(Lab& lab) {
  const Tensor x = normal({100, kWidth}, 0, 1, {.dtype = DType::f64});
  const Weights gaussian = make_weights(kStarts[3], square_sizes(), DType::f64);
  const Start rotation{"", [](const Tensor& w) { nn::init::orthogonal_(w); }, 1.0 / kWidth};
  const Weights orthogonal = make_weights(rotation, square_sizes(), DType::f64);

  const double kept = mean_square(relu(linear_map(x, gaussian[0])));
  const double other = mean_square(relu(linear_map(x, -gaussian[0])));
  lab.check("relu's half: with W and -W it keeps together the mean square, all of it",
            (kept + other) / mean_square(linear_map(x, gaussian[0])), 1, 1e-12);

  const MeanSquares linear = pass(orthogonal, x, false);
  double worst = 0;
  for (std::size_t i = 0; i < linear.signal.size(); ++i) {
    worst = std::max({worst, std::abs(std::sqrt(linear.signal[i] / linear.signal[0]) - 1),
                      std::abs(std::sqrt(linear.gradient[i] / linear.gradient.back()) - 1)});
  }
  lab.check("20 orthogonal linear layers keep all norms, both ways: largest relative change", worst, 0,
            1e-10);

  const auto condition = [](const Weights& weights) {
    Tensor product = weights[0];
    for (std::size_t i = 1; i < weights.size(); ++i) product = matmul(weights[i], product);
    const auto s = linalg::svdvals(product).to_vector<double>();
    return s.front() / s.back();
  };
  lab.check("their product is orthogonal too: ratio of its singular values", condition(orthogonal), 1, 1e-10);
  lab.check_within("Gaussian ones keep the mean square, not each direction: that ratio's power of ten",
                   std::log10(condition(gaussian)), 4, HUGE_VAL);
}

}  // namespace

void signals(Lab& lab) {
  closed_forms(lab);
  const Tensor x = normal({50, kWidth}, 0, 1, {.dtype = DType::f64});
  const std::int64_t nets = lab.count("nets");
  std::array<MeanSquares, kStarts.size()> all;
  for (std::size_t s = 1; s < kStarts.size(); ++s) {  // zeros have nothing to show
    MeanSquares& of = all[s];
    of.signal.assign(kLayers + 1, 0);
    of.gradient.assign(kLayers + 1, 0);
    for (std::int64_t n = 0; n < nets; ++n) {
      const MeanSquares one = pass(make_weights(kStarts[s], square_sizes(), DType::f64), x, true);
      for (std::size_t i = 0; i <= kLayers; ++i) {
        of.signal[i] += one.signal[i] / static_cast<double>(nets);
        of.gradient[i] += one.gradient[i] / static_cast<double>(nets);
      }
    }
    const double predicted = kWidth * kStarts[s].variance / 2;
    const std::string name = kStarts[s].name;
    const double forth = std::pow(of.signal.back() / of.signal.front(), 1.0 / kLayers);
    const double back = std::pow(of.gradient.front() / of.gradient.back(), 1.0 / kLayers);
    lab.check(name + ": a layer multiplies the mean square of the signal by n v / 2", forth, predicted,
              0.08 * predicted);
    lab.check(name + ": and that of the gradient on its way back", back, predicted, 0.08 * predicted);
  }
  Table table{"signals", {"layer"}};
  for (std::size_t i = 0; i <= kLayers; ++i) table.rows.push_back({static_cast<double>(i)});
  for (std::size_t s = 1; s < kStarts.size(); ++s) {
    const std::string name = kStarts[s].name;
    table.columns.insert(table.columns.end(), {name + ": rms signal", "predicted", "rms gradient"});
    for (std::size_t i = 0; i <= kLayers; ++i) {
      const double predicted = std::pow(kWidth * kStarts[s].variance / 2, static_cast<double>(i) / 2);
      table.rows[i].insert(table.rows[i].end(),
                           {std::sqrt(all[s].signal[i]), predicted, std::sqrt(all[s].gradient[i])});
    }
  }
  lab.table(std::move(table));
  lab.picture({.name = "signals",
               .caption = "The size of signals (left, from layer 0 up) and gradients (right, from layer 20 "
                          "down) in 20 layers of 128 relu units before any training. Thin lines: predicted.",
               .script = R"(
set multiplot layout 1,2
set xlabel 'layer'
set xrange [0:20]
set logscale y
set format y '10^{%L}'
set yrange [1e-24:1e10]
set ytics 1e4
unset mytics
names = "'too small' 'too large' Xavier Kaiming orthogonal"
array type[5] = [2, 4, 3, 1, 5]
array shape[5] = [5, 9, 11, 7, 6]
set ylabel 'root mean square of the signal'
set key bottom left Left reverse samplen 0.5
plot for [s=1:5] $signals using 1:3*s-1 with points lt type[s] pt shape[s] ps 0.7 title word(names, s), \
     for [s=1:5] $signals using 1:3*s with lines lt type[s] lw 1 notitle
set ylabel 'root mean square of the gradient'
unset key
plot for [s=1:5] $signals using 1:3*s+1 with points lt type[s] pt shape[s] ps 0.7, \
     for [s=1:5] $signals using (20-$1):3*s with lines lt type[s] lw 1
unset multiplot
)"});
}

namespace {

constexpr std::array<double, 5> kRates = {0.01, 0.03, 0.1, 0.3, 1};  // the first of them, as many as asked

double number_or_infinity(double loss) { return std::isfinite(loss) ? loss : HUGE_VAL; }

struct Curve {
  std::vector<double> losses;  // the mean over ten batches; infinite where training broke down, as is
  double last;                 // the loss of all images at the end
};

Curve train(const Start& start, double rate, const Images& images, std::int64_t steps) {
  std::vector<std::int64_t> sizes(kLayers, kWidth);
  sizes.front() = 784;
  sizes.push_back(10);
  Weights weights = make_weights(start, sizes, DType::f32);
  for (Tensor& w : weights) w.requires_grad(true);
  optim::SGD optimizer(weights, {.lr = rate});
  const auto scores = [&](Tensor x) {
    for (std::size_t i = 0; i + 1 < weights.size(); ++i) x = relu(linear_map(x, weights[i]));
    return linear_map(x, weights.back());
  };
  Curve curve{};
  double sum = 0;
  for (std::int64_t i = 1; i <= steps; ++i) {
    const Images batch = random_batch(images, 100);
    const Tensor loss = cross_entropy(scores(batch.x), batch.y);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    sum += loss.item<double>() / 10;
    if (i % 10 == 0) curve.losses.push_back(number_or_infinity(std::exchange(sum, 0)));
  }
  const NoGrad no_grad;
  curve.last = number_or_infinity(cross_entropy(scores(images.x), images.y).item<double>());
  return curve;
}

}  // namespace

std::int64_t deep_trainings(const Lab& lab) {
  return static_cast<std::int64_t>(kStarts.size()) * lab.count("rates");
}

void deep_curves(Lab& lab, std::int64_t done, std::int64_t total) {
  Images images = load_images(lab, lab.count("images"));
  images.x = (images.x - mean(images.x)) / std::sqrt(mean(square(images.x - mean(images.x))).item<double>());
  const auto rate_count = static_cast<std::size_t>(lab.count("rates"));
  std::vector<Curve> curves(kStarts.size() * rate_count);
  side_by_side(
      lab, deep_trainings(lab),
      [&](std::int64_t i) {
        const auto at = static_cast<std::size_t>(i);
        curves[at] =
            train(kStarts[at / rate_count], kRates[at % rate_count], images, lab.count("deep-steps"));
      },
      done, total);

  Table table{"curves", {"step"}}, rates{"rates", {"learning rate"}};
  for (std::size_t i = 0; i < curves[0].losses.size(); ++i)
    table.rows.push_back({10.0 * static_cast<double>(i) + 5});
  for (std::size_t r = 0; r < rate_count; ++r) rates.rows.push_back({kRates[r]});
  std::array<double, kStarts.size()> best{};
  for (std::size_t s = 0; s < kStarts.size(); ++s) {
    const std::span<const Curve> of = std::span(curves).subspan(s * rate_count, rate_count);
    const Curve& least = *std::ranges::min_element(of, {}, &Curve::last);
    best[s] = least.last;
    table.columns.emplace_back(kStarts[s].name);
    rates.columns.emplace_back(kStarts[s].name);
    for (std::size_t r = 0; r < rate_count; ++r) rates.rows[r].push_back(of[r].last);
    for (std::size_t i = 0; i < table.rows.size(); ++i) table.rows[i].push_back(least.losses[i]);
  }
  lab.table(std::move(table));
  lab.table(std::move(rates));

  const double nothing = std::log(10.0);
  lab.check("20 layers from zeros give ten classes the same score: the loss stays log 10", best[0], nothing,
            1e-5);
  lab.check("too small: at no rate does it leave log 10", best[1], nothing, 0.01);
  lab.check_within("too large: at the best rate the loss ends above that of Kaiming's by", best[2] - best[4],
                   0.3, HUGE_VAL);
  lab.check_within("Xavier, made for tanh: the loss ends above that of Kaiming's by", best[3] - best[4], 0.3,
                   HUGE_VAL);
  lab.check_within("Kaiming: the loss at its best rate", best[4], 0, 1.9);
  lab.check_within("orthogonal: the loss at its best rate", best[5], 0, 1.9);
  lab.picture({.name = "curves",
               .caption = "Fashion-MNIST by 20 layers of relu units, each start at the best of its rates "
                          "(left), and the loss at the end of all (right; no point: training broke down).",
               .script = R"(
set multiplot layout 1,2
names = "zeros 'too small' 'too large' Xavier Kaiming orthogonal"
array type[6] = [7, 2, 4, 3, 1, 5]
array shape[6] = [4, 5, 9, 11, 7, 6]
array dash[6] = [2, 1, 1, 1, 1, 1]
set xlabel 'step'
set ylabel 'cross entropy (nats)'
set yrange [0:4]
set key top right maxrows 3 samplen 1.5
plot for [s=1:6] $curves using 1:s+1 with lines lt type[s] dt dash[s] lw 2 title word(names, s)
set xlabel 'learning rate'
set ylabel 'cross entropy at the end (nats)'
set logscale x
set format x '10^{%L}'
set xrange [0.007:1.4]
unset key
plot for [s=1:6] $rates using 1:s+1 with linespoints lt type[s] dt dash[s] lw 1.5 pt shape[s] ps 0.8
unset multiplot
)"});
}

}  // namespace gradus::lecture
