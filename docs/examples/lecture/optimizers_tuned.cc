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
    trials[at].loss = train({.images = &e.parts.train,
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
    scores[m][s] = train({.images = &e.parts.train,
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

}  // namespace

void optimizers_tuned(Lab& lab) {
  const ImageParts parts = load_parts(lab);
  const Experiment e{parts, lab.count("steps"), lab.count("batch-size"), default_generator().seed};
  const std::size_t count = methods().size(), per_method = static_cast<std::size_t>(lab.count("trials"));

  const std::vector<Trial> trials = search(lab, e);
  std::vector<Trial> best(count);
  Table search_table{"search", {"optimizer", "learning rate", "second hyper-parameter", "validation loss"}};
  for (std::size_t i = 0; i < trials.size(); ++i) {
    const Trial& t = trials[i];
    if (t.loss < best[i / per_method].loss) best[i / per_method] = t;
    search_table.rows.push_back(
        {static_cast<double>(i / per_method + 1), t.setting.lr, t.setting.second, t.loss});
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
  lab.table(tuned);
}

}  // namespace gradus::lecture
