// Bayesian search: a Gaussian process is fitted to the losses so far, and the next trial is where it expects
// the largest improvement. Its maximum is sought among random points and points near the best ones. Sources:
// gaussian_process.h; J. Snoek, H. Larochelle, R. Adams: "Practical Bayesian optimization of machine learning
// algorithms", 2012; for trials that still run D. Ginsbourger, R. Le Riche, L. Carraro: "Kriging is
// well-suited to parallelize optimization", 2010.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "gradus/base/error.h"
#include "gradus/base/random.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/view.h"
#include "gradus/optim/search/gaussian_process.h"
#include "gradus/optim/search/plan.h"

namespace gradus::optim::search {
namespace {

constexpr std::size_t kAnywhere = 1000;  // candidates all over the space
constexpr std::size_t kNear = 100;       // around each of the best points, at each distance
constexpr std::size_t kBest = 3;

// Losses of mean 0 and variance 1. What is far above the median counts as bad, no matter how bad: one
// training that diverged would leave no difference between all others.
std::vector<double> standardized(std::span<const Tried> tried) {
  std::vector<double> known;
  for (const Tried& t : tried)
    if (std::isfinite(t.loss)) known.push_back(t.loss);
  if (known.empty()) return {};
  std::ranges::sort(known);
  const double median = known[known.size() / 2];
  const double worst = std::min(known.back(), median + 2 * (median - known[0]));
  std::vector<double> y;
  double mean = 0, square = 0;
  for (const Tried& t : tried) {
    y.push_back(std::isfinite(t.loss) ? std::min(t.loss, worst) : worst);
    mean += y.back() / static_cast<double>(tried.size());
  }
  for (const double v : y) square += (v - mean) * (v - mean) / static_cast<double>(tried.size());
  const double scale = square > 0 ? std::sqrt(square) : 1;
  for (double& v : y) v = (v - mean) / scale;
  return y;
}

Tensor features(const Space& space, std::span<const Point> points) {
  std::vector<double> rows;
  for (const Point& p : points) {
    const std::vector<double> row = space.features(p);
    rows.insert(rows.end(), row.begin(), row.end());
  }
  return reshape(tensor(rows), {static_cast<std::int64_t>(points.size()), space.feature_count()});
}

// Random numbers of one trial.
class Draw {
 public:
  Draw(std::uint64_t seed, std::int64_t number) {
    // Behind the streams of random_point(), which start at offset 0 and stay far below.
    const auto block =
        random_block({.seed = seed, .offset = std::uint64_t{1} << 62}, static_cast<std::uint64_t>(number));
    generator_.seed = std::uint64_t{block[0]} << 32 | block[1];
  }
  std::vector<double> uniform(std::size_t n) {
    std::vector<double> values(n);
    fill_uniform(generator_.reserve(blocks_for_f64(n)), 0, values);
    return values;
  }
  std::vector<double> normal(std::size_t n) {
    std::vector<double> values(n);
    fill_normal(generator_.reserve(blocks_for_f64(n)), 0, values);
    return values;
  }

 private:
  Generator generator_;
};

Point near(const Space& space, const Point& centre, double distance, Draw& draw) {
  const auto dimensions = space.dimensions();
  std::vector<double> place = space.place(centre);
  const std::vector<double> moves = draw.normal(place.size());
  const std::vector<double> elsewhere = draw.uniform(2 * place.size());
  for (std::size_t i = 0; i < place.size(); ++i) {
    if (dimensions[i].scale != Scale::choice) {
      place[i] += distance * moves[i];
    } else if (elsewhere[2 * i] < 0.2) {
      place[i] = elsewhere[2 * i + 1];
    }
  }
  return space.at(place);
}

class Bayes : public Plan {
 public:
  Bayes(Space space, std::int64_t trials, std::uint64_t seed, const BayesOptions& options)
      : space_(std::move(space)),
        trials_(trials),
        seed_(seed),
        lag_(options.lag),
        at_first_(options.at_first > 0 ? options.at_first
                                       : static_cast<std::int64_t>(space_.dimensions().size()) + 2) {}
  std::int64_t trials() const override { return trials_; }
  std::int64_t needs(std::int64_t number) const override {
    return number < at_first_ ? 0 : std::max<std::int64_t>(0, number - lag_);
  }

  Trial trial(std::int64_t number, std::span<const Tried> earlier) const override {
    const Point drawn = random_point(space_, seed_, static_cast<std::uint64_t>(number));
    const auto known = static_cast<std::size_t>(needs(number));
    std::vector<double> y = standardized(earlier.first(known));
    if (y.size() < 2) return {drawn};
    const NoGrad no_grad;
    std::vector<Point> points;
    for (const Tried& t : earlier.first(static_cast<std::size_t>(number))) points.push_back(t.point);
    const GaussianProcess process = model(points, y);

    Draw draw(seed_, number);
    std::vector<Point> candidates = {drawn};
    for (std::size_t i = 0; i < kAnywhere; ++i)
      candidates.push_back(space_.at(draw.uniform(space_.dimensions().size())));
    for (const std::size_t best : least(std::span(y).first(known), kBest)) {
      for (const double distance : {0.1, 0.02}) {
        for (std::size_t i = 0; i < kNear; ++i)
          candidates.push_back(near(space_, points[best], distance, draw));
      }
    }
    const double best = *std::min_element(y.begin(), y.begin() + static_cast<std::ptrdiff_t>(known));
    const Point coarse = most_promising(process, candidates, points, best);
    candidates = {coarse};
    for (std::size_t i = 0; i < kNear; ++i) candidates.push_back(near(space_, coarse, 0.01, draw));
    return {most_promising(process, candidates, points, best)};
  }

 private:
  // Of all points; those behind the first y.size() have no loss yet.
  GaussianProcess model(std::span<const Point> points, std::vector<double>& y) const {
    const Tensor x = features(space_, points.first(y.size()));
    const Kernel kernel = [&] {
      const EnableGrad grad;
      return fit_kernel(x, tensor(y));
    }();
    GaussianProcess process(x, tensor(y), kernel);
    if (points.size() == y.size()) return process;
    const std::vector<double> believed =
        process.at(features(space_, points.subspan(y.size()))).mean.to_vector<double>();
    y.insert(y.end(), believed.begin(), believed.end());
    return {features(space_, points), tensor(y), kernel};
  }

  // The first of those with the highest expected improvement that has not been tried, if there is one.
  Point most_promising(const GaussianProcess& process, std::span<const Point> candidates,
                       std::span<const Point> tried, double best) const {
    const GaussianProcess::Posterior p = process.at(features(space_, candidates));
    const auto mean = p.mean.to_vector<double>(), variance = p.variance.to_vector<double>();
    std::size_t found = 0;
    double most = -1;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const double gain = expected_improvement(mean[i], std::sqrt(variance[i]), best);
      if (gain > most && std::ranges::find(tried, candidates[i]) == tried.end()) {
        most = gain;
        found = i;
      }
    }
    return candidates[found];
  }

  Space space_;
  std::int64_t trials_;
  std::uint64_t seed_;
  std::int64_t lag_, at_first_;
};

}  // namespace

std::unique_ptr<Plan> bayes_search(const Space& space, std::int64_t trials, std::uint64_t seed,
                                   const BayesOptions& options) {
  if (trials < 1)
    throw ValueError(fmt::format("bayes_search: {} trials; there must be one at least", trials));
  if (options.lag < 0 || options.at_first < 0)
    throw ValueError("bayes_search: lag and at_first must not be negative");
  return std::make_unique<Bayes>(space, trials, seed, options);
}

}  // namespace gradus::optim::search
