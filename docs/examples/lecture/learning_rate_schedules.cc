// Schedules of the learning rate, as factors of a peak rate. Sources: I. Loshchilov, F. Hutter: "SGDR:
// stochastic gradient descent with warm restarts", 2017, for the cosine; L. Smith, N. Topin:
// "Super-convergence", 2018, for one cycle; P. Goyal et al.: "Accurate, large minibatch SGD", 2017, for the
// warm-up.
#include <array>
#include <numbers>

#include "gradus/docs/examples/lecture/learning_rate_training.h"

namespace gradus::lecture {
namespace {

double half_cosine(double from, double to, double part) {
  return to + (from - to) * (1 + std::cos(std::numbers::pi * part)) / 2;
}

struct Named {
  const char* name;
  optim::Schedule (*make)(double peak, std::int64_t steps);
  double (*formula)(double peak, double steps, double step);
};

constexpr double kFirst = 1e-3;  // of the warm-up, of the peak

constexpr std::array<Named, 5> kSchedules = {{
    {"constant", [](double, std::int64_t) { return optim::constant_lr(1); },
     [](double peak, double, double) { return peak; }},
    {"step", [](double, std::int64_t steps) { return optim::step_lr(steps / 4, 0.3); },
     [](double peak, double steps, double step) {
       return peak * std::pow(0.3, std::floor(step / std::floor(steps / 4)));
     }},
    {"cosine", [](double, std::int64_t steps) { return optim::cosine_annealing_lr(steps); },
     [](double peak, double steps, double step) { return half_cosine(peak, 0, step / steps); }},
    {"one-cycle",
     [](double peak, std::int64_t steps) {
       return optim::one_cycle_lr(peak, steps, {.cycle_momentum = false});
     },
     [](double peak, double steps, double step) {
       const double top = 0.3 * steps - 1;
       return step <= top ? half_cosine(peak / 25, peak, step / top)
                          : half_cosine(peak, peak / 25 / 1e4, (step - top) / (steps - 1 - top));
     }},
    {"warm-up",
     [](double, std::int64_t steps) {
       return optim::warmup_lr(steps / 10, optim::cosine_annealing_lr(steps - steps / 10), kFirst);
     },
     [](double peak, double steps, double step) {
       const double warm = std::floor(steps / 10);
       return step < warm ? peak * (kFirst + (1 - kFirst) * step / warm)
                          : half_cosine(peak, 0, (step - warm) / (steps - warm));
     }},
}};

void formulas(Lab& lab) {
  const std::int64_t steps = lab.count("schedule-steps");
  Table table{"schedules", {"step"}};
  const std::int64_t every = std::max<std::int64_t>(1, steps / 250);
  for (std::int64_t i = 0; i < steps; i += every) table.rows.push_back({static_cast<double>(i)});
  for (const Named& n : kSchedules) {
    table.columns.emplace_back(n.name);
    const optim::Schedule schedule = n.make(0.1, steps);
    double worst = 0;
    for (std::int64_t i = 0; i < steps; ++i) {
      const double rate = schedule.lr_at(i, 0.1);
      worst = std::max(worst,
                       std::abs(rate - n.formula(0.1, static_cast<double>(steps), static_cast<double>(i))));
      if (i % every == 0) table.rows[static_cast<std::size_t>(i / every)].push_back(rate / 0.1);
    }
    lab.check(std::string(n.name) + ": the schedule and its formula, largest difference", worst, 0, 1e-14);
  }
  lab.table(std::move(table));
}

constexpr std::array<double, 4> kPeaks = {0.06, 0.12, 0.25, 0.5};

}  // namespace

std::int64_t schedule_trainings(const Lab& lab) {
  return static_cast<std::int64_t>(kSchedules.size() * kPeaks.size()) * lab.count("seeds");
}

void schedules(Lab& lab, const Images& images, std::uint64_t seed, std::int64_t done, std::int64_t total) {
  formulas(lab);
  const std::int64_t steps = lab.count("schedule-steps");
  const auto seeds = static_cast<std::size_t>(lab.count("seeds"));
  std::vector<RateTraining> trained(static_cast<std::size_t>(schedule_trainings(lab)));
  side_by_side(
      lab, schedule_trainings(lab),
      [&](std::int64_t i) {
        const auto at = static_cast<std::size_t>(i);
        const double peak = kPeaks[at / seeds % kPeaks.size()];
        const Named& n = kSchedules[at / seeds / kPeaks.size()];
        trained[at] = train_at_rate(images, lab.count("batch-size"), steps, peak, n.make(peak, steps),
                                    seed + 1 + at % seeds);
      },
      done, total);

  Table ends{"ends", {"peak rate"}}, table{"trained", {"step"}};
  for (const double peak : kPeaks) ends.rows.push_back({peak});
  std::array<double, kSchedules.size()> best{};
  for (std::size_t s = 0; s < kSchedules.size(); ++s) {
    ends.columns.emplace_back(kSchedules[s].name);
    table.columns.emplace_back(kSchedules[s].name);
    std::size_t at = 0;
    for (std::size_t p = 0; p < kPeaks.size(); ++p) {
      double mean = 0;
      for (std::size_t k = 0; k < seeds; ++k)
        mean += trained[(s * kPeaks.size() + p) * seeds + k].last / static_cast<double>(seeds);
      ends.rows[p].push_back(mean);
      if (mean < ends.rows[at].back()) at = p;
    }
    best[s] = ends.rows[at].back();
    const auto block = static_cast<std::size_t>(steps / 50);
    const auto means = block_means(trained[(s * kPeaks.size() + at) * seeds].losses, block);
    for (std::size_t k = 0; k < means.size(); ++k) {
      if (s == 0) table.rows.push_back({(static_cast<double>(k) + 0.5) * static_cast<double>(block)});
      table.rows[k].push_back(means[k]);
    }
  }
  constexpr std::size_t kHigh = 2;  // a peak at which a constant rate is noisy
  for (std::size_t s = 1; s < best.size(); ++s) {
    lab.check_within(
        std::string(kSchedules[s].name) + " over constant, both from the rate 0.25: ratio of the losses",
        ends.rows[kHigh][s + 1] / ends.rows[kHigh][1], 0, 1);
  }
  lab.check_within("the best schedule over the best constant rate: ratio of the losses",
                   *std::min_element(best.begin() + 1, best.end()) / best[0], 0, 1);
  lab.table(std::move(ends));
  lab.table(std::move(table));
  lab.picture({.name = "schedules",
               .caption = "Five schedules, the losses of each at its best peak rate, and the loss at the end "
                          "for each peak.",
               .width = 1200,
               .script = R"(
stats $schedules using 1 nooutput
set multiplot layout 1,3
array type[5] = [7, 2, 1, 3, 5]
array shape[5] = [4, 5, 7, 9, 11]
set xlabel 'step'
set xrange [0:1.005*STATS_max]
set ylabel 'learning rate, over its peak'
set yrange [0:1.8]
set ytics 0, 0.25, 1
set xtics 0, (STATS_max < 200 ? 50 : 100*int((STATS_max + 20)/200)), STATS_max + 100
set key top right samplen 2
plot for [s=1:5] $schedules using 1:s+1 with lines lt type[s] lw 2 \
       title word('constant step cosine one-cycle warm-up', s)
unset key
set ylabel 'cross entropy of the batches (nats)'
set logscale y
set yrange [0.2:3]
set ytics (0.2, 0.3, 0.5, 1, 2, 3)
plot for [s=1:5] $trained using 1:s+1 with lines lt type[s] lw 2
set xlabel 'peak rate'
set ylabel 'cross entropy at the end (nats)'
set logscale x
set xrange [0.05:0.7]
set xtics (0.06, 0.12, 0.25, 0.5)
plot for [s=1:5] $ends using 1:s+1 with linespoints lt type[s] pt shape[s] lw 2
unset multiplot
)"});
}

}  // namespace gradus::lecture
