// How many images should a step look at? The gradient of B of them costs B times the work of one and is only
// sqrt(B) times as exact, so that a large batch takes few steps and many passes over the images, and a small
// one the reverse. A machine decides in seconds: below some size a step costs the same whatever B is, above
// it B times as much. Each batch size trains with the learning rate that suits it best, from the same start
// to the same loss. Sources: S. McCandlish et al.: "An empirical model of large-batch training", 2018; C.
// Shallue et al.: "Measuring the effects of data parallelism on neural network training", 2019.
#include "gradus/docs/examples/lecture/batch_size.h"

#include <algorithm>
#include <cmath>

#include "gradus/docs/examples/lecture/image_batches.h"

namespace gradus::lecture {
namespace {

struct Budget {
  double target;       // the loss to reach
  std::int64_t steps;  // at most
  std::int64_t epochs;
  bool stop_there;
};

struct Training {
  struct Point {
    double steps, epochs, seconds, loss;
  };
  std::vector<Point> points;
  Point reached{HUGE_VAL, HUGE_VAL, HUGE_VAL, HUGE_VAL};  // the first one at the target
};

// Batches come in a new random order each epoch; a rest that fills none is left out. The loss is that of all
// images, at steps further and further apart; the clock stands still meanwhile.
Training train(const Images& images, SmallNet model, std::int64_t size, double rate, const Budget& budget) {
  const std::int64_t n = images.y.numel();
  optim::SGD optimizer(model.parameters(), {.lr = rate});
  Training result;
  Tensor order;
  std::int64_t at = n, next = 0;
  double seconds = 0, begin = core_seconds();
  for (std::int64_t step = 0;; ++step) {
    const bool last = step >= budget.steps || step * size >= budget.epochs * n;
    if (step == next || last) {
      seconds += core_seconds() - begin;
      next = std::max(step + 1, step * 9 / 8);
      const double loss = mean_loss(model, images);
      const auto steps = static_cast<double>(step);
      result.points.push_back(
          {steps, steps * static_cast<double>(size) / static_cast<double>(n), seconds, loss});
      if (loss <= budget.target && result.reached.steps > steps) result.reached = result.points.back();
      if (last || !(loss < 10) || (budget.stop_there && loss <= budget.target)) return result;
      begin = core_seconds();
    }
    if (size < n && at + size > n) order = permutation(n), at = 0;
    const Images batch = size < n ? pick(images, slice(order, 0, at, at + size)) : images;
    at += size;
    optimizer.zero_grad();
    cross_entropy(model(batch.x), batch.y).backward();
    optimizer.step();
  }
}

// Bytes that a step asks for beside the images, the parameters and what else there was before.
double peak_bytes(const Images& images, const SmallNet& model, std::int64_t size) {
  const Images batch = part(images, 0, size);
  reset_peak_memory();
  const std::int64_t before = memory_stats().peak_bytes;
  flat_gradient(model, batch);
  return static_cast<double>(memory_stats().peak_bytes - before);
}

void race(Lab& lab) {
  const std::int64_t n = lab.count("images");
  const Images images = load_images(lab, n);
  const SmallNet start(lab.count("hidden"));
  std::vector<std::int64_t> sizes;
  for (const std::int64_t size : {1, 16, 64, 256, 1024, 4096})
    if (size < n) sizes.push_back(size);
  sizes.push_back(n);
  constexpr double kRates[] = {0.01, 0.1, 0.3};
  constexpr std::size_t kTried = std::size(kRates);
  Budget budget{lab.number("target"), lab.count("most-steps"), lab.count("most-epochs"), true};

  std::vector<double> needed(sizes.size() * kTried);
  const auto tries = static_cast<std::int64_t>(needed.size());
  const std::int64_t total = tries + static_cast<std::int64_t>(sizes.size());
  side_by_side(
      lab, tries,
      [&](std::int64_t i) {
        const auto k = static_cast<std::size_t>(i);
        needed[k] = train(images, start, sizes[k / kTried], kRates[k % kTried], budget).reached.steps;
      },
      0, total);

  Table curves{"curves", {"batch size", "step", "epoch", "seconds", "loss"}};
  Table reached{"reached", {"batch size", "learning rate", "steps", "epochs", "seconds", "peak bytes"}};
  budget.stop_there = false;
  for (std::size_t k = 0; k < sizes.size(); ++k) {
    const auto* row = &needed[k * kTried];
    const auto best = static_cast<std::size_t>(std::min_element(row, row + kTried) - row);
    budget.steps = std::min(lab.count("most-steps"), static_cast<std::int64_t>(2 * std::min(row[best], 1e9)));
    const Training t = train(images, start, sizes[k], kRates[best], budget);
    const auto size = static_cast<double>(sizes[k]);
    for (const Training::Point& p : t.points)
      curves.rows.push_back({size, p.steps, p.epochs, p.seconds, p.loss});
    reached.rows.push_back({size, kRates[best], t.reached.steps, t.reached.epochs, t.reached.seconds,
                            peak_bytes(images, start, sizes[k])});
    lab.progress(tries + static_cast<std::int64_t>(k) + 1, total);
  }

  const auto& one = reached.rows.front();
  const auto& all = reached.rows.back();
  double least_seconds = HUGE_VAL, farthest = 0;
  for (const auto& row : reached.rows) {
    least_seconds = std::min(least_seconds, row[4]);
    farthest = std::max(farthest, row[2]);
  }
  lab.check_within("every batch size comes to the same loss: most steps that one takes", farthest, 1,
                   static_cast<double>(lab.count("most-steps")));
  lab.check_within("one image a step takes more steps than all images: so many times", one[2] / all[2], 4,
                   HUGE_VAL);
  lab.check_within("and fewer passes over the images: this part", one[3] / all[3], 0, 0.2);
  lab.check_within("in seconds a batch between them is the quickest: all images take longer so many times",
                   all[4] / least_seconds, 1.5, HUGE_VAL);
  lab.check_within("one image a step so many times", one[4] / least_seconds, 1.5, HUGE_VAL);
  const auto& before = reached.rows[reached.rows.size() - 2];
  const double kept = 4.0 * static_cast<double>(lab.count("hidden") + 10);
  lab.check_within("memory grows with the batch: bytes for one image more, over those of its activations",
                   (all[5] - before[5]) / (all[0] - before[0]) / kept, 1, 3);
  lab.table(std::move(curves));
  lab.table(std::move(reached));
  lab.picture(
      {.name = "race",
       .caption =
           "The loss of all images by steps, by passes over the images and by seconds, each batch size with "
           "its best learning rate. The lines change places: nothing but the unit differs.",
       .height = 760,
       .script = R"(
stats $reached using 1 nooutput
count = STATS_records
array size[count]
stats $reached using (size[int($0) + 1] = $1, 0) nooutput
set multiplot layout 2,2
set logscale xy
set format x '10^{%L}'
set yrange [0.35:2.5]
set ytics (0.4, 0.6, 0.8, 1, 1.5, 2)
set ylabel 'mean cross entropy (nats)'
set xlabel 'steps'
unset key
plot for [i=1:count] $curves using ($1 == size[i] && $2 > 0 ? $2 : NaN):5 with lines lt i lw 2
set xlabel 'passes over the images'
plot for [i=1:count] $curves using ($1 == size[i] && $2 > 0 ? $3 : NaN):5 with lines lt i lw 2
set xlabel 'seconds of one core'
plot for [i=1:count] $curves using ($1 == size[i] && $2 > 0 && $4 > 0 ? $4 : NaN):5 with lines lt i lw 2
unset border
unset tics
unset xlabel
unset ylabel
unset logscale
set xrange [0:1]
set yrange [0:1]
set key center center spacing 1.4 title 'images a step'
plot for [i=1:count] 2 with lines lt i lw 2 title sprintf('%d%s', size[i], i == count ? ' (all)' : '')
unset multiplot
)"});
  lab.picture(
      {.name = "cost",
       .caption =
           "What each batch size takes to the same loss: steps, passes over the images and seconds, and the "
           "most memory of a step beside images and parameters.",
       .script = R"(
set multiplot layout 1,2
set logscale xy
set xlabel 'batch size B'
set format '10^{%L}'
set ylabel 'to the same loss'
set key tmargin center horizontal samplen 1.5
plot $reached using 1:3 with linespoints lt 1 lw 2 pt 7 title 'steps', \
     $reached using 1:4 with linespoints lt 2 lw 2 pt 5 title 'passes', \
     $reached using 1:5 with linespoints lt 3 lw 2 pt 9 title 'seconds'
set ylabel 'peak memory of a step (MB)'
set key tmargin center
set format y '%g'
plot $reached using 1:($6 / 1e6) with linespoints lt 4 lw 2 pt 7 title 'memory'
unset multiplot
)"});
}

void run(Lab& lab) {
  gradient_noise(lab);
  paths_in_a_slice(lab);
  race(lab);
}

constexpr zoo::Option kOptions[] = {
    {"images", "Images of the trainings", 8192, 512, 60000, true},
    {"hidden", "Units of the hidden layer", 32, 1, 1024, true},
    {"target", "Mean cross entropy (nats) to come to", 0.6, 0.2, 2},
    {"most-steps", "Steps of a training at most", 50000, 100, 1e8, true},
    {"most-epochs", "Passes over the images of a training at most", 150, 1, 1e5, true},
    {"noise-images", "Images of which batches are drawn to measure noise, and of the slice", 2048, 512, 60000,
     true},
    {"draws", "Batches of each size to measure noise", 200, 50, 1e5, true},
    {"slice-steps", "Steps in the slice", 10000, 1000, 1e6, true},
};
constexpr std::pair<const char*, double> kQuick[] = {
    {"images", 2048},      {"hidden", 16},        {"target", 0.8}, {"most-epochs", 150},
    {"most-steps", 20000}, {"noise-images", 512}, {"draws", 150},  {"slice-steps", 3000}};

}  // namespace

extern const Lesson batch_size = {
    .number = 5,
    .title = "Batch size",
    .claim =
        "The noise of a batch's gradient falls as 1 / sqrt(B). Large batches take few steps and many passes "
        "over the data, small ones the reverse; in seconds the best is between.",
    .data = "dataset-fashion-mnist",
    .options = kOptions,
    .quick = kQuick,
    .run = run,
    .measures_time = true,
};

}  // namespace gradus::lecture
