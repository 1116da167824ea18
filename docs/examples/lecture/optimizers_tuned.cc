// The nine optimizers on Fashion-MNIST. Each is tuned by the same search: the same number of trials, at the
// same points of a Latin square whose sides are the method's own intervals of the learning rate and of a
// second hyper-parameter, each judged by the loss on images that were kept for that. Then each trains at its
// best setting from the same few seeds, and is scored on the test images. Sources: M. McKay, R. Beckman, W.
// Conover: "A comparison of three methods for selecting values of input variables", 1979, for Latin squares;
// D. Choi et al.: "On empirical comparisons of optimizers for deep learning", 2019, for what the budget
// decides.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "gradus/docs/examples/lecture/optimizers_training.h"

namespace gradus::lecture {
namespace {

struct Point {
  double u, v;  // in [0, 1)
};

// n points, one in each of n equal columns and in each of n equal rows of the unit square.
std::vector<Point> latin_square(std::int64_t n) {
  const auto jitter = uniform({n, 2}, 0, 1, {.dtype = DType::f64}).to_vector<double>();
  const auto rows = permutation(n).to_vector<std::int64_t>();
  std::vector<Point> points;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto all = static_cast<double>(n);
    points.push_back({(static_cast<double>(i) + jitter[2 * i]) / all,
                      (static_cast<double>(rows[i]) + jitter[2 * i + 1]) / all});
  }
  return points;
}

struct Trial {
  Setting setting;
  double loss = kLost;
};

struct Experiment {
  const ImageParts& parts;
  std::int64_t steps, batch;
  std::uint64_t seed;
};

// The trials of all methods, one method after the other.
std::vector<Trial> search(Lab& lab, const Experiment& e) {
  const std::vector<Point> points = latin_square(lab.count("trials"));
  std::vector<Trial> trials(methods().size() * points.size());
  side_by_side(lab, static_cast<std::int64_t>(trials.size()), [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    const Method& m = methods()[at / points.size()];
    const Point p = points[at % points.size()];
    trials[at].setting = {.lr = m.lr.at(p.u), .second = m.seconds.at(p.v)};
    trials[at].loss = train_network({.images = &e.parts.train,
                                     .steps = e.steps,
                                     .batch = e.batch,
                                     .seed = e.seed,
                                     .scored = &e.parts.validation,
                                     .score_at = {e.steps}},
                                    m, trials[at].setting)[0]
                          .loss;
  });
  return trials;
}

// Scores on the test images: [method][seed][time].
using Scores = std::vector<std::vector<std::vector<Score>>>;

Scores final_runs(Lab& lab, const Experiment& e, const std::vector<Trial>& best,
                  const std::vector<std::int64_t>& times) {
  const auto seeds = static_cast<std::size_t>(lab.count("seeds"));
  Scores scores(best.size(), std::vector<std::vector<Score>>(seeds));
  side_by_side(lab, static_cast<std::int64_t>(best.size() * seeds), [&](std::int64_t i) {
    const std::size_t m = static_cast<std::size_t>(i) / seeds, s = static_cast<std::size_t>(i) % seeds;
    scores[m][s] = train_network({.images = &e.parts.train,
                                  .steps = e.steps,
                                  .batch = e.batch,
                                  .seed = e.seed + 1 + s,  // none is the one that it was tuned on
                                  .scored = &e.parts.test,
                                  .score_at = times},
                                 methods()[m], best[m].setting);
  });
  return scores;
}

struct Band {
  double mean = 0, least = HUGE_VAL, most = -HUGE_VAL;
};
template <class Number>
Band band(std::size_t count, const Number& number) {
  Band b;
  for (std::size_t i = 0; i < count; ++i) {
    b.mean += number(i) / static_cast<double>(count);
    b.least = std::min(b.least, number(i));
    b.most = std::max(b.most, number(i));
  }
  return b;
}

// How many steps the mean over the seeds takes to come down to `loss`, as a part of all steps.
double part_of_steps(const std::vector<std::vector<Score>>& seeds, double loss) {
  const std::size_t times = seeds[0].size();
  for (std::size_t t = 0; t < times; ++t) {
    if (band(seeds.size(), [&](std::size_t s) { return seeds[s][t].loss; }).mean <= loss)
      return static_cast<double>(t) / static_cast<double>(times - 1);
  }
  return HUGE_VAL;
}

void claims(Lab& lab, const Scores& scores, const std::vector<Trial>& best) {
  const auto loss = [&](std::size_t m) {
    return band(scores[m].size(), [&](std::size_t s) { return scores[m][s].back().loss; }).mean;
  };
  const auto over_sgd = [&](std::size_t m, double most) {
    lab.check_within(
        std::string("test loss, each tuned by the same search: ") + methods()[m].name + " over plain SGD",
        loss(m) / loss(kSgd), 0, most);
  };
  over_sgd(kMomentum, 0.97);
  over_sgd(kNesterov, 0.95);
  over_sgd(kAdam, 0.95);
  over_sgd(kMuon, 0.95);
  lab.check_within("the steps in which Adam comes to where SGD ends, as a part of SGD's",
                   part_of_steps(scores[kAdam], loss(kSgd)), 0, 0.7);
  lab.check_within("a learning rate means nothing without its method: SGD's best one over Lion's",
                   best[kSgd].setting.lr / best[kLion].setting.lr, 10, HUGE_VAL);
  double least = HUGE_VAL, farthest = 0;
  for (std::size_t m = 0; m < scores.size(); ++m) {
    const Interval& i = methods()[m].lr;
    const double place = std::log(best[m].setting.lr / i.least) / std::log(i.most / i.least);
    farthest = std::max(farthest, std::abs(place - 0.5));
    least = std::min(
        least, band(scores[m].size(), [&](std::size_t s) { return scores[m][s].back().accuracy; }).mean);
  }
  lab.check_within("all nine learn: the least of their test accuracies", least, 0.3, 1);
  lab.check_within(
      "the best rates lie inside the intervals that were searched: the farthest from the middle, at most 0.5",
      farthest, 0, 0.47);
}

void pictures(Lab& lab) {
  lab.picture({.name = "search",
               .caption =
                   "The search: loss on the validation images after the last step, by learning rate, of the "
                   "trials of each method. Trials of like rate differ by the second hyper-parameter. Circles "
                   "are the best; trials at the top edge have diverged or learnt nothing.",
               .height = 620,
               .script = std::string(kMethodWords) + R"(
set multiplot layout 3,3 margins 0.09,0.97,0.12,0.95 spacing 0.05,0.12
set label 'learning rate' at screen 0.53, 0.025 center
set label 'validation loss (nats)' at screen 0.02, 0.53 rotate center
unset mxtics
unset mytics
set logscale xy
set format x '10^{%L}'
set ytics (0.3, 0.5, 1, 2)
set yrange [0.3:2.4]
unset key
do for [m=0:8] {
  set title word(names, m+1) offset 0,-0.8
  set format y m % 3 == 0 ? '%g' : ''
  if (m == 1) { unset label }
  plot $search using ($1==m+1 ? $2 : NaN):($4>2.4 ? 2.4 : $4) with points lt lt(m) pt 7 ps 0.7, \
       $tuned every ::m::m using 2:4 with points lt 7 pt 6 ps 1.7 lw 1.5
}
unset multiplot
)"});
  lab.picture({.name = "curves",
               .caption =
                   "Loss on the test images while training, each method at its best setting: the mean of the "
                   "seeds, and from the least to the most of them. In grey the means of the other eight.",
               .height = 620,
               .script = std::string(kMethodWords) + R"(
set multiplot layout 3,3 margins 0.09,0.97,0.12,0.95 spacing 0.05,0.12
set label 'step' at screen 0.53, 0.025 center
set label 'test loss (nats)' at screen 0.02, 0.53 rotate center
unset mxtics
unset mytics
unset grid
set logscale y
set ytics (0.4, 0.5, 0.7, 1, 2)
set xtics auto
set yrange [0.35:2.4]
unset key
do for [m=0:8] {
  set title word(names, m+1) offset 0,-0.8
  set format y m % 3 == 0 ? '%g' : ''
  if (m == 1) { unset label }
  plot for [o=0:8] $curves every 2 using 1:3*o+2 with lines lc rgb '#c9cfd6' lw 1, \
       $curves using 1:3*m+3:3*m+4 with filledcurves lt lt(m) fs transparent solid 0.35, \
       $curves using 1:3*m+2 with lines lt lt(m) lw 2
}
unset multiplot
)"});
  lab.picture({.name = "tuned",
               .caption =
                   "What each method reaches on the test images at its best setting: the mean of the seeds, "
                   "and from the least to the most of them.",
               .script = std::string(kMethodWords) + R"(
set multiplot layout 1,2
unset key
set yrange [9.6:0.4]
set ytics ('SGD' 1, 'momentum' 2, 'Nesterov' 3, 'Adagrad' 4, 'RMSprop' 5, 'Adam' 6, 'AdamW' 7, 'Lion' 8, 'Muon' 9)
set xlabel 'test loss (nats)'
set xtics 0.1
plot $tuned using 5:1:6:7 with xerrorbars lt 1 lw 2 pt 7 ps 0.9
set xlabel 'test accuracy (%)'
set xtics 2
plot $tuned using (100*$8):1:(100*$9):(100*$10) with xerrorbars lt 2 lw 2 pt 7 ps 0.9
unset multiplot
)"});
}

}  // namespace

void optimizers_tuned(Lab& lab, const ImageParts& parts) {
  const Experiment e{parts, lab.count("steps"), lab.count("batch-size"), default_generator().seed};
  const std::size_t count = methods().size(), per_method = static_cast<std::size_t>(lab.count("trials"));

  const std::vector<Trial> trials = search(lab, e);
  std::vector<Trial> best(count);
  Table search_table{"search", {"optimizer", "learning rate", "second hyper-parameter", "validation loss"}};
  for (std::size_t i = 0; i < trials.size(); ++i) {
    const Trial& t = trials[i];
    const std::size_t m = i / per_method;
    if (t.loss < best[m].loss) best[m] = t;
    search_table.rows.push_back({static_cast<double>(m + 1), t.setting.lr, t.setting.second, t.loss});
  }
  lab.table(std::move(search_table));

  constexpr int kTimes = 20;
  std::vector<std::int64_t> times;
  for (int i = 0; i <= kTimes; ++i) times.push_back(e.steps * i / kTimes);
  const Scores scores = final_runs(lab, e, best, times);
  const std::size_t seeds = scores[0].size();

  Table curves{"curves", {"step"}};
  for (const std::int64_t t : times) curves.rows.push_back({static_cast<double>(t)});
  Table tuned{"tuned",
              {"optimizer", "learning rate", "second hyper-parameter", "validation loss", "test loss, mean",
               "least", "most", "test accuracy, mean", "least", "most"}};
  for (std::size_t m = 0; m < count; ++m) {
    for (const char* what : {" mean", " least", " most"})
      curves.columns.push_back(std::string(methods()[m].name) + what);
    for (std::size_t t = 0; t < times.size(); ++t) {
      const Band b = band(seeds, [&](std::size_t s) { return scores[m][s][t].loss; });
      curves.rows[t].insert(curves.rows[t].end(), {b.mean, b.least, b.most});
    }
    const Band loss = band(seeds, [&](std::size_t s) { return scores[m][s].back().loss; });
    const Band accuracy = band(seeds, [&](std::size_t s) { return scores[m][s].back().accuracy; });
    tuned.rows.push_back({static_cast<double>(m + 1), best[m].setting.lr, best[m].setting.second,
                          best[m].loss, loss.mean, loss.least, loss.most, accuracy.mean, accuracy.least,
                          accuracy.most});
  }
  lab.table(std::move(curves));
  lab.table(std::move(tuned));
  claims(lab, scores, best);
  pictures(lab);
}

}  // namespace gradus::lecture
