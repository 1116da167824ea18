// Hyper-parameters are searched, not known. A grid spends its trials on values that do not matter; as many
// random points try a new value of each parameter every time; Hyperband gives most configurations only a few
// epochs and goes on with the best; Bayesian search models the loss by what it has seen. Here all four get
// the same space and the same number of epochs. Sources: J. Bergstra, Y. Bengio: "Random search for
// hyper-parameter optimization", 2012; L. Li et al.: "Hyperband", 2018; J. Snoek et al.: "Practical Bayesian
// optimization of machine learning algorithms", 2012.
#include "gradus/docs/examples/lecture/hyper_parameters.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "gradus/docs/examples/lecture/image_batches.h"

namespace gradus::lecture {
namespace {

constexpr std::array<const char*, 4> kMethods = {"grid", "random", "Hyperband", "Bayes"};
constexpr std::int64_t kBatch = 32;

struct Parts {
  Images train, test;  // to learn from, and to judge
};

Parts load(const Lab& lab) {
  const std::int64_t n = lab.count("images"), m = lab.count("test-images");
  const Images all = load_images(lab, n + m);
  return {part(all, 0, n), part(all, n, n + m)};
}

const search::Space& space() {
  static const search::Space kSpace(
      {{.name = "lr", .scale = search::Scale::log, .least = 1e-4, .most = 10},
       {.name = "momentum", .least = 0, .most = 0.99},
       {.name = "weight decay", .scale = search::Scale::log, .least = 1e-7, .most = 1e-2}});
  return kSpace;
}

// The error on images that it does not learn from, after so many epochs: a loss as a search wants it. NaN
// where the training diverges.
double train(const Parts& images, const search::Point& point, std::int64_t epochs) {
  const SmallNet net(32);
  optim::SGD optimizer(net.parameters(), {.lr = point[0], .momentum = point[1], .weight_decay = point[2]});
  const std::int64_t n = images.train.y.numel();
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
    const Tensor order = permutation(n);
    for (std::int64_t at = 0; at < n; at += kBatch) {
      const Tensor batch = slice(order, 0, at, std::min(at + kBatch, n));
      const Images picked = pick(images.train, batch);
      const Tensor loss = cross_entropy(net(picked.x), picked.y);
      if (!std::isfinite(loss.item())) return NAN;
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
    }
  }
  const NoGrad no_grad;
  const Tensor right = eq(argmax(net(images.test.x), 1), images.test.y);
  return 1 - sum(right).item<double>() / static_cast<double>(images.test.y.numel());
}

std::unique_ptr<search::Plan> plan(std::size_t method, std::int64_t trials, std::int64_t epochs,
                                   std::uint64_t seed) {
  switch (method) {
    case 0:
      return search::grid_search(space(), trials);
    case 1:
      return search::random_search(space(), trials, seed);
    case 2:
      return search::hyperband_search(space(), {.max_resource = epochs}, seed);
    default:
      return search::bayes_search(space(), trials, seed);
  }
}

struct Searched {
  std::vector<search::Tried> tried;
  std::vector<double> epochs;  // spent when each trial had ended
};

Searched run_plan(const search::Plan& plan, const Parts& images, std::int64_t most) {
  Searched s;
  double spent = 0;
  s.tried = search::search(plan, [&](std::int64_t, const search::Trial& t) {
    const std::int64_t epochs = t.resource == 0 ? most : t.resource;
    spent += static_cast<double>(epochs);
    s.epochs.push_back(spent);
    return train(images, t.point, epochs);
  });
  return s;
}

// The accuracy of the best trial that had ended when so many epochs were spent.
double best_at(const Searched& s, double epochs) {
  const auto best = best_so_far(s.tried);
  double accuracy = 0.1;  // of a guess
  for (std::size_t i = 0; i < best.size() && s.epochs[i] <= epochs; ++i)
    if (std::isfinite(best[i])) accuracy = 1 - best[i];
  return accuracy;
}

void check_searches(Lab& lab, const std::vector<Searched>& searched, std::int64_t seeds, double budget,
                    std::int64_t epochs);
void draw_searches(Lab& lab, const std::vector<Searched>& searched, std::int64_t seeds, double budget,
                   std::int64_t epochs);

void compare_on_images(Lab& lab, std::int64_t done, std::int64_t total) {
  const Parts images = load(lab);
  const std::int64_t epochs = lab.count("epochs"), seeds = lab.count("seeds");
  std::int64_t budget = 0;
  for (const search::Bracket& b : search::hyperband_brackets(epochs)) budget += search::cost(b);
  const std::int64_t trials = (budget + epochs - 1) / epochs;
  const auto methods = static_cast<std::int64_t>(kMethods.size());
  std::vector<Searched> searched(static_cast<std::size_t>(methods * seeds));
  const std::uint64_t first = default_generator().seed * 1000;
  side_by_side(
      lab, methods * seeds,
      [&](std::int64_t i) {
        const std::uint64_t seed = first + static_cast<std::uint64_t>(i / methods);
        searched[static_cast<std::size_t>(i)] =
            run_plan(*plan(static_cast<std::size_t>(i % methods), trials, epochs, seed), images, epochs);
      },
      done, total);
  check_searches(lab, searched, seeds, static_cast<double>(trials * epochs), epochs);
  draw_searches(lab, searched, seeds, static_cast<double>(trials * epochs), epochs);
}

double mean_at(const std::vector<Searched>& searched, std::size_t method, std::int64_t seeds, double epochs) {
  double mean = 0;
  for (std::size_t i = method; i < searched.size(); i += kMethods.size())
    mean += best_at(searched[i], epochs) / static_cast<double>(seeds);
  return mean;
}

double different_points(const Searched& s) {
  std::set<search::Point> points;
  for (const search::Tried& t : s.tried) points.insert(t.point);
  return static_cast<double>(points.size());
}

// What the better of two random trials reaches, the mean of all pairs; one that diverged is a guess.
double better_of_two(const std::vector<Searched>& searched) {
  std::vector<double> accuracies;
  for (std::size_t i = 1; i < searched.size(); i += kMethods.size()) {
    for (const search::Tried& t : searched[i].tried)
      accuracies.push_back(std::isnan(t.loss) ? 0.1 : 1 - t.loss);
  }
  double sum = 0, pairs = 0;
  for (std::size_t i = 0; i < accuracies.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      sum += std::max(accuracies[i], accuracies[j]);
      ++pairs;
    }
  }
  return sum / pairs;
}

void check_searches(Lab& lab, const std::vector<Searched>& searched, std::int64_t seeds, double budget,
                    std::int64_t epochs) {
  const auto ahead = [&](std::size_t method, std::size_t other, double epochs) {
    return 100 * (mean_at(searched, method, seeds, epochs) - mean_at(searched, other, seeds, epochs));
  };
  lab.check_within("on Fashion-MNIST Hyperband spends no more epochs than the others: of their epochs",
                   searched[2].epochs.back() / budget, 0.8, 1);
  lab.check_within("and looks at more configurations: for each one of random search",
                   different_points(searched[2]) / different_points(searched[1]), 1.5, 10);
  const double early = mean_at(searched, 2, seeds, 2 * static_cast<double>(epochs));
  lab.check_within(
      "for the epochs of two trainings it finds more than the better of two random ones, by % of accuracy",
      100 * (early - better_of_two(searched)), 0, 100);
  lab.check_within("in the end Bayesian search is not behind random search: ahead by % of accuracy",
                   ahead(3, 1, budget), -4, 100);
}

void draw_searches(Lab& lab, const std::vector<Searched>& searched, std::int64_t seeds, double budget,
                   std::int64_t epochs) {
  Table curves{"curves", {"epochs", "grid", "random", "Hyperband", "Bayes"}};
  for (auto spent = static_cast<double>(epochs); spent <= budget; spent += static_cast<double>(epochs) / 3) {
    std::vector<double> row = {spent};
    for (std::size_t m = 0; m < kMethods.size(); ++m) row.push_back(100 * mean_at(searched, m, seeds, spent));
    curves.rows.push_back(row);
  }
  Table trials{"trials", {"method", "lr", "momentum", "weight decay", "accuracy"}};
  for (std::size_t m = 0; m < kMethods.size(); ++m) {
    for (const search::Tried& t : searched[m].tried) {
      if (std::isnan(t.loss)) continue;
      trials.rows.push_back({static_cast<double>(m), t.point[0], t.point[1], t.point[2], 100 * (1 - t.loss)});
    }
  }
  lab.table(std::move(curves));
  lab.table(std::move(trials));
  lab.picture({.name = "curves",
               .caption =
                   "Four searches for the learning rate, momentum and weight decay of a small network on "
                   "Fashion-MNIST, with the same number of epochs: accuracy of the best trial so far, mean "
                   "of all seeds.",
               .script = R"(
stats $curves using 5 nooutput name 'last'
stats $curves using 1 nooutput name 'spent'
set multiplot layout 1,2
set xtics spent_max / 4
set format x '%.0f'
set xlabel 'epochs spent by all trials'
set ylabel 'best accuracy so far (%)'
set key bottom right
do for [part = 1:2] {
  if (part == 2) { set yrange [last_max - 6:last_max + 1]; set title 'the same, enlarged' }
  plot $curves using 1:2 with steps lt 7 lw 1 title 'grid', \
       $curves using 1:3 with steps lt 2 lw 2 title 'random', \
       $curves using 1:4 with steps lt 3 lw 2 title 'Hyperband', \
       $curves using 1:5 with steps lt 1 lw 2 title 'Bayes'
}
unset multiplot
)"});
  lab.picture({.name = "trials",
               .caption =
                   "Where the four searches of the first seed looked. The grid repeats its few values of "
                   "each parameter; Bayes gathers where the accuracy is high.",
               .width = 760,
               .height = 620,
               .script = R"(
set multiplot layout 2,2 margins 0.13,0.85,0.12,0.93 spacing 0.08,0.14
set logscale x
set format x '10^{%L}'
set xtics 100
set xrange [5e-5:20]
set yrange [-0.05:1.05]
set cblabel 'accuracy (%)'
set colorbox user origin 0.89, 0.25 size 0.02, 0.5
set palette maxcolors 16 defined (0 '#440154', 0.25 '#3b528b', 0.5 '#21918c', 0.75 '#5ec962', 1 '#fde725')
set cbrange [10:90]
unset key
array names[4] = ['grid', 'random', 'Hyperband', 'Bayes']
do for [m = 0:3] {
  set title names[m + 1]
  set ylabel m % 2 == 0 ? 'momentum' : ''
  set xlabel m >= 2 ? 'learning rate' : ''
  if (m > 0) { unset colorbox }
  plot $trials using ($1 == m ? $2 : NaN):3:5 with points pt 7 ps 1 lc palette, \
       $trials using ($1 == m ? $2 : NaN):3 with points pt 6 ps 1 lw 0.5 lt 7
}
unset multiplot
)"});
}

void run(Lab& lab) {
  const std::int64_t branin_seeds = lab.count("branin-seeds"), seeds = lab.count("seeds");
  const auto total = 2 + branin_seeds + static_cast<std::int64_t>(kMethods.size()) * seeds;
  check_closed_forms(lab);
  lab.progress(1, total);
  show_model(lab);
  lab.progress(2, total);
  compare_on_branin(lab, 2, total);
  compare_on_images(lab, 2 + branin_seeds, total);
}

constexpr zoo::Option kOptions[] = {
    {"images", "Training images", 1500, 100, 30000, true},
    {"test-images", "Images that judge a trial", 1000, 100, 30000, true},
    {"epochs", "Epochs of a whole training", 27, 9, 81, true},
    {"seeds", "Searches by each method on images", 5, 1, 100, true},
    {"trials", "Trials on Branin's function", 40, 20, 200, true},
    {"branin-seeds", "Searches by each method there", 11, 3, 200, true},
    {"searches", "Random searches that are counted", 4000, 100, 100000, true},
};
constexpr std::pair<const char*, double> kQuick[] = {
    {"images", 300}, {"test-images", 500}, {"epochs", 9},     {"seeds", 6},
    {"trials", 30},  {"branin-seeds", 3},  {"searches", 1000}};

}  // namespace

extern const Lesson hyper_parameters = {
    .number = 11,
    .title = "Hyper-parameters",
    .claim =
        "A search that looks at its results beats one that does not: Hyperband stops bad trials early "
        "and is ahead at once, Bayesian search models the loss and comes nearest to the minimum.",
    .data = "dataset-fashion-mnist",
    .options = kOptions,
    .quick = kQuick,
    .run = run,
};

}  // namespace gradus::lecture
