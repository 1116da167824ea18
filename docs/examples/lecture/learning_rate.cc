// One number decides most about a training. Too small a learning rate crawls: the loss falls in proportion to
// the rate. Too large a one diverges: on a quadratic every step multiplies the error along an eigenvector of
// the Hessian by 1 - a lambda, which grows beyond a = 2 / lambda_max. Between them lies a decade or so that
// trains well. A range test finds it in one run whose rate grows; a schedule gets the large steps of a high
// rate and the low noise of a small one. The schedules are in learning_rate_schedules.cc. Sources: L. Smith:
// "Cyclical learning rates for training neural networks", 2017, for the range test; Y. LeCun, L. Bottou, G.
// Orr, K. Mueller: "Efficient backprop", 1998, for 2 / lambda_max.
#include <algorithm>
#include <cmath>

#include "gradus/docs/examples/lecture/learning_rate_training.h"

namespace gradus::lecture {
namespace {

// Linear least squares: the loss is a quadratic, sum of (x w - y)^2 / (2 N), whose Hessian is x^T x / N.
void limit(Lab& lab) {
  const Images images = load_images(lab, 500, DType::f64);
  const auto n = static_cast<double>(images.y.numel());
  const Tensor y = astype(one_hot(images.y, 10), DType::f64);
  const linalg::Eigh hessian = linalg::eigh(matmul(transpose(images.x, 0, 1), images.x) / n);
  const double steepest = hessian.eigenvalues.to_vector<double>().back();
  const Tensor v = gradus::select(hessian.eigenvectors, 1, -1);  // [784]

  constexpr std::array<double, 4> kParts = {0.4, 0.98, 1, 1.02};
  constexpr std::int64_t kSteps = 200;
  Table table{"limit", {"step", "0.4 of 2 / lambda_max", "0.98 of it", "1 of it", "1.02 of it"}};
  for (std::int64_t i = 0; i < kSteps; ++i) table.rows.push_back({static_cast<double>(i)});
  for (const double part : kParts) {
    const Tensor w = zeros({784, 10}, DType::f64).requires_grad(true);
    optim::SGD optimizer({w}, {.lr = part * 2 / steepest});
    double before = 0, after = 0;  // the gradient along v, for the first class
    for (std::int64_t i = 0; i < kSteps; ++i) {
      optimizer.zero_grad();
      const Tensor loss = sum(square(matmul(images.x, w) - y)) / (2 * n);
      loss.backward();
      const double along = gradus::select(matmul(v, w.grad()), 0, 0).item<double>();
      if (i == 0) before = along;
      if (i == 1) after = along;
      optimizer.step();
      table.rows[static_cast<std::size_t>(i)].push_back(loss.item<double>());
    }
    const std::string& name = table.columns[table.rows[0].size() - 1];
    lab.check("a quadratic, rate " + name + ": a step multiplies the steepest error by 1 - a lambda_max",
              after / before, 1 - 2 * part, 1e-10);
  }
  const auto& end = table.rows.back();
  lab.check_within("2 % below 2 / lambda_max the loss falls: end over start", end[2] / table.rows[0][2], 0,
                   1);
  lab.check_within("2 % above it grows: end over start", end[4] / table.rows[0][4], 100, HUGE_VAL);
  lab.check("and by (1 - a lambda_max)^2 in the last step", end[4] / table.rows[kSteps - 2][4], 1.04 * 1.04,
            1e-3);
  lab.table(std::move(table));
  lab.picture({.name = "limit",
               .caption = "Linear least squares on 500 images: just below 2 / lambda_max gradient descent "
                          "converges, just above it diverges.",
               .width = 560,
               .script = R"(
set xlabel 'step'
set ylabel 'half the squared error an image'
set logscale y
set yrange [0.05:1e5]
set format y '10^{%L}'
set key top left title 'rate, of 2 / {/Symbol l}_{max}' left
plot $limit using 1:2 every 2 with lines lt 3 lw 2.5 title '0.4', \
     $limit using 1:3 every 2 with lines lt 1 lw 2.5 title '0.98', \
     $limit using 1:4 every 2 with lines lt 5 lw 2.5 dt 2 title '1', \
     $limit using 1:5 every 2 with lines lt 2 lw 2.5 title '1.02'
)"});
}

constexpr std::int64_t kRates = 25;  // four a decade
double rate_at(std::int64_t i) { return std::pow(10, -5 + static_cast<double>(i) / 4); }

struct Start {
  double loss, squared_slope;  // of all images, before the first step
};

Start start_of(const Images& images, std::uint64_t seed) {
  const GeneratorScope scope({.seed = seed});
  const SmallNet net(kRateUnits);
  const Tensor loss = cross_entropy(net(images.x), images.y);
  double squares = 0;
  for (const Tensor& g : grad(loss, net.parameters())) squares += sum(square(g)).item<double>();
  return {loss.item<double>(), squares};
}

void sweep_pictures(Lab& lab) {
  lab.picture({.name = "rates",
               .caption = "The same training of a small net on Fashion-MNIST at seven of 25 rates, and the "
                          "loss at the end of all.",
               .script = R"(
set multiplot layout 1,2
set xlabel 'step'
set ylabel 'cross entropy of the batches (nats)'
set yrange [0:6]
set key top right maxrows 4 samplen 2 title 'learning rate'
array type[7] = [8, 6, 3, 1, 5, 2, 7]
plot for [d=0:6] $curves using 1:4*d+2 with lines lt type[d+1] lw 2 title sprintf('10^{%d}', d-5)
set xlabel 'learning rate'
set ylabel 'cross entropy at the end (nats)'
set logscale x
set format x '10^{%L}'
set key off
plot $finals using 1:2 with linespoints lt 1 lw 2 pt 7 ps 0.6, log(10) with lines lt 8 dt 2 lw 1.5
unset multiplot
)"});
  lab.picture({.name = "sweep",
               .caption = "The training as the rate grows from 10^-5 to 10: it crawls, learns, and diverges.",
               .script = R"(
set multiplot layout 1,2
set xlabel 'step'
set ylabel 'cross entropy of the batches (nats)'
set yrange [0:4]
set key top right
plot for [i=0:frame-1] $curves using 1:i+2 every 2 with lines lt 8 lw 0.5 notitle, \
     $curves using 1:frame+2 with lines lt 1 lw 2.5 title sprintf('rate 10^{%.2f}', frame/4.0 - 5)
set xlabel 'learning rate'
set ylabel 'cross entropy at the end (nats)'
set logscale x
set format x '10^{%L}'
set xrange [1e-5:10]
set key off
plot $finals using 1:2 with lines lt 8 lw 1, \
     $finals using 1:2 every ::frame::frame with points lt 1 pt 7 ps 1.2
unset multiplot
)",
               .frames = kRates});
}

// The same training at each rate; returns the losses at the end.
std::vector<double> sweep(Lab& lab, const Images& images, std::uint64_t seed, std::int64_t total) {
  std::vector<RateTraining> trained(kRates);
  side_by_side(
      lab, kRates,
      [&](std::int64_t i) {
        trained[static_cast<std::size_t>(i)] = train_at_rate(
            images, lab.count("batch-size"), lab.count("steps"), rate_at(i), optim::constant_lr(1), seed);
      },
      0, total);

  const auto block = static_cast<std::size_t>(std::max<std::int64_t>(1, lab.count("steps") / 60));
  Table curves{"curves", {"step"}}, finals{"finals", {"learning rate", "loss at the end"}};
  std::vector<double> last;
  for (std::int64_t i = 0; i < kRates; ++i) {
    const RateTraining& t = trained[static_cast<std::size_t>(i)];
    const auto means = block_means(t.losses, block);
    curves.columns.push_back("10^" + std::to_string(-5 + static_cast<double>(i) / 4).substr(0, 5));
    for (std::size_t k = 0; k < means.size(); ++k) {
      if (i == 0) curves.rows.push_back({(static_cast<double>(k) + 0.5) * static_cast<double>(block)});
      curves.rows[k].push_back(means[k]);
    }
    finals.rows.push_back({rate_at(i), t.last});
    last.push_back(t.last);
  }
  const Start start = start_of(images, seed);
  const auto best = std::ranges::min_element(last);
  lab.check_within(
      "crawl: at 1e-5 the loss falls by the rate times |gradient|^2 a step: ratio",
      (start.loss - last[0]) / (1e-5 * start.squared_slope * static_cast<double>(lab.count("steps"))), 0.85,
      1.15);
  lab.check_within("good: the logarithm of the best rate", std::log10(rate_at(best - last.begin())), -2,
                   0.25);
  lab.check_within("its loss at the end, over that at the start", *best / start.loss, 0, 0.5);
  lab.check_within("diverge: the loss at the largest rate, over that at the start", last.back() / start.loss,
                   0.95, HUGE_VAL);
  lab.table(std::move(curves));
  lab.table(std::move(finals));
  sweep_pictures(lab);
  return last;
}

// One training whose rate grows from 1e-5 to 10; returns the rate that it recommends.
void range_test(Lab& lab, const Images& images, std::uint64_t seed, const std::vector<double>& last) {
  const std::int64_t steps = lab.count("range-steps");
  const double growth = std::pow(10, 6 / static_cast<double>(steps - 1));
  const optim::Schedule schedule = optim::exponential_lr(growth);
  const RateTraining t = train_at_rate(images, lab.count("batch-size"), steps, 1e-5, schedule, seed);
  Table table{"range", {"learning rate", "loss of the batch", "smoothed"}};
  double sum = 0, weight = 0, least = HUGE_VAL, least_at = 0;
  for (std::size_t i = 0; i < t.losses.size(); ++i) {
    sum = 0.95 * sum + 0.05 * t.losses[i];
    weight = 0.95 * weight + 0.05;
    const double smoothed = sum / weight, rate = schedule.lr_at(static_cast<std::int64_t>(i), 1e-5);
    table.rows.push_back({rate, t.losses[i], smoothed});
    if (smoothed < least) least = smoothed, least_at = rate;
  }
  const double recommended = least_at / 5;
  const auto nearest =
      std::clamp<std::int64_t>(std::llround(4 * (std::log10(recommended) + 5)), 0, kRates - 1);
  lab.check("the range test ends at its last rate", table.rows.back()[0], 10, 1e-8);
  lab.check_within(
      "a fifth of the rate where its smoothed loss is least trains nearly best: loss over the "
      "best of the sweep",
      last[static_cast<std::size_t>(nearest)] / *std::ranges::min_element(last), 1, 1.5);
  lab.table({"recommended",
             {"learning rate", "loss at the end"},
             {{rate_at(nearest), last[static_cast<std::size_t>(nearest)]}}});
  lab.table(std::move(table));
  lab.picture({.name = "range",
               .caption = "The range test: one training whose rate grows by the same factor each step. Its "
                          "least smoothed loss lies at the edge of what trains; the line is a fifth of it.",
               .width = 560,
               .script = R"(
set xlabel 'learning rate of the step'
set ylabel 'cross entropy (nats)'
set logscale x
set format x '10^{%L}'
set yrange [0:4]
set key top left
stats $recommended using 1 nooutput
set arrow from STATS_max, graph 0 to STATS_max, graph 0.8 nohead lt 3 lw 2 dt 2
plot $range using 1:2 with points lt 8 pt 7 ps 0.25 title 'loss of the batch', \
     $range using 1:3 with lines lt 1 lw 2.5 title 'smoothed', \
     $finals using 1:2 with points lt 2 pt 7 ps 0.8 title 'sweep, at the end'
)"});
}

void run(Lab& lab) {
  const Images images = load_images(lab, lab.count("images"));
  const std::uint64_t seed = default_generator().seed;
  const std::int64_t total = kRates + schedule_trainings(lab);
  limit(lab);
  const auto last = sweep(lab, images, seed, total);
  range_test(lab, images, seed, last);
  schedules(lab, images, seed, kRates, total);
}

constexpr zoo::Option kOptions[] = {
    {"images", "Images to train on", 10000, 100, 60000, true},
    {"batch-size", "Images a step", 16, 1, 10000, true},
    {"steps", "Steps of each training of the sweep", 1200, 60, 1000000, true},
    {"range-steps", "Steps of the range test", 600, 100, 1000000, true},
    {"schedule-steps", "Steps of each training with a schedule", 5000, 100, 1000000, true},
    {"seeds", "Trainings with each schedule and rate", 2, 1, 100, true},
};
constexpr std::pair<const char*, double> kQuick[] = {
    {"images", 2000}, {"steps", 300}, {"range-steps", 300}, {"schedule-steps", 1200}, {"seeds", 1}};

}  // namespace

extern const Lesson learning_rate = {
    .number = 4,
    .title = "Learning rate",
    .claim =
        "Too small a rate crawls, too large a one diverges, on a quadratic beyond 2 / lambda_max; the decade "
        "between is found by one run whose rate grows, and a schedule makes more of it than a constant.",
    .data = "dataset-fashion-mnist",
    .options = kOptions,
    .quick = kQuick,
    .run = run,
};

}  // namespace gradus::lecture
