// gradus/optim/search: spaces and grids, Hyperband's table, the Gaussian process against closed forms, and
// that plans depend on nothing but what they may look at.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numbers>
#include <set>

#include "gradus/base/error.h"
#include "gradus/base/random.h"
#include "gradus/graph/gradcheck.h"
#include "gradus/ops/creation.h"
#include "gradus/optim/search/gaussian_process.h"
#include "gradus/optim/search/hyperband.h"
#include "gradus/optim/search/plan.h"
#include "gradus/optim/search/space.h"

namespace gradus::optim::search {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Dimension kLr{.name = "lr", .scale = Scale::log, .least = 1e-4, .most = 1};
const Dimension kMomentum{.name = "momentum", .least = 0, .most = 0.9};
const Dimension kBatch{.name = "batch-size", .scale = Scale::log, .least = 16, .most = 512, .whole = true};
const Dimension kLayers{.name = "layers", .least = 1, .most = 3, .whole = true};
const Dimension kWidth{.name = "width", .scale = Scale::choice, .choices = {64, 8, 32}};

template <class F>
std::string message(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "nothing was thrown";
}

TEST(SearchSpace, PlacesBecomeValuesOnTheScale) {
  const Space space({kLr, kMomentum, kLayers, kWidth});
  EXPECT_THAT(space.at(std::vector{0.0, 0.0, 0.0, 0.0}), ElementsAre(1e-4, 0, 1, 64));
  EXPECT_THAT(space.at(std::vector{1.0, 1.0, 1.0, 1.0}), ElementsAre(1, 0.9, 3, 32));
  const Point middle = space.at(std::vector{0.5, 0.5, 0.5, 0.5});
  EXPECT_NEAR(middle[0], 1e-2, 1e-15);
  EXPECT_THAT(std::span(middle).subspan(1), ElementsAre(0.45, 2, 8));
  EXPECT_EQ(space.feature_count(), 6);
  const std::vector<double> features = space.features(middle);
  EXPECT_THAT(std::span(features).subspan(3), ElementsAre(0, 1, 0));
}

TEST(SearchSpace, APlaceOfAPointGivesThatPoint) {
  const Space space({kLr, kMomentum, kBatch, kLayers, kWidth});
  for (std::uint64_t i = 0; i < 500; ++i) {
    const Point p = random_point(space, 3, i);
    const Point again = space.at(space.place(p));
    for (std::size_t d = 0; d < p.size(); ++d) EXPECT_NEAR(again[d], p[d], 1e-12 * p[d]) << i << " " << d;
  }
}

TEST(SearchSpace, RandomPointsAreAlikeOnTheScale) {
  const Space space({kLr, kLayers, kWidth});
  constexpr int kDraws = 4000;
  int below = 0;
  std::map<double, int> layers, widths;
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    const Point p = random_point(space, 7, i);
    below += p[0] < 1e-2 ? 1 : 0;
    ++layers[p[1]];
    ++widths[p[2]];
  }
  // Five standard deviations.
  EXPECT_NEAR(below, kDraws / 2.0, 5 * std::sqrt(kDraws) / 2);
  for (const auto& counts : {layers, widths}) {
    ASSERT_EQ(counts.size(), 3U);
    for (const auto& [value, n] : counts) EXPECT_NEAR(n, kDraws / 3.0, 5 * std::sqrt(kDraws * 2 / 9.0));
  }
  EXPECT_EQ(random_point(space, 7, 5), random_point(space, 7, 5));
  EXPECT_NE(random_point(space, 7, 5), random_point(space, 8, 5));
}

TEST(SearchSpace, RefusesWhatIsNoSpace) {
  const auto refuses = [](std::vector<Dimension> d, const std::string& what) {
    EXPECT_THAT(message([&] { Space space(std::move(d)); }), HasSubstr(what));
  };
  refuses({}, "there is no dimension to search");
  refuses({kLr, kLr}, "lr is there twice");
  refuses({{.name = "a", .least = 2, .most = 2}}, "a: the range from 2 to 2 is empty");
  refuses({{.name = "a", .least = 2, .most = NAN}}, "a: the range from 2 to nan is empty");
  refuses({{.name = "a", .scale = Scale::log, .least = 0, .most = 1}},
          "a: a logarithmic range must begin above 0, not at 0");
  refuses({{.name = "a", .least = 0.5, .most = 3, .whole = true}}, "must begin and end at whole numbers");
  refuses({{.name = "a", .scale = Scale::choice}}, "a: there is nothing to choose from");
  refuses({{.name = "a", .scale = Scale::choice, .choices = {1, 2, 1}}}, "a: the choice 1 is there twice");
}

TEST(SearchGrid, TakesAsManyValuesAsFit) {
  const Space space({kLr, kMomentum, kWidth});
  const auto axes = grid_axes(space, 20);
  EXPECT_EQ(grid_size(axes), 18);
  EXPECT_EQ(axes[0].size(), 3U);
  EXPECT_EQ(axes[1].size(), 2U);
  EXPECT_THAT(axes[1], ElementsAre(0, 0.9));
  EXPECT_THAT(axes[2], ElementsAre(64, 8, 32));
  std::set<Point> all;
  for (std::int64_t i = 0; i < 18; ++i) all.insert(grid_point(axes, i));
  EXPECT_EQ(all.size(), 18U);
  EXPECT_THAT(grid_point(axes, 4), ElementsAre(1e-4, 0.9, 8));
  EXPECT_EQ(grid_size(grid_axes(Space({kLr, kMomentum}), 16)), 16);
  EXPECT_EQ(grid_size(grid_axes(Space({kLayers}), 100)), 3);
  EXPECT_THAT(grid_axes(Space({kMomentum}), 1)[0], ElementsAre(0.45));
  EXPECT_THAT(message([&] { grid_axes(space, 2); }), HasSubstr("choices alone make more than 2 points"));
}

// Algorithm 1 of Li et al. for R = 81 and eta = 3.
TEST(Hyperband, BracketsOfThePaper) {
  const std::vector<Bracket> expected = {{{81, 1}, {27, 3}, {9, 9}, {3, 27}, {1, 81}},
                                         {{34, 3}, {11, 9}, {3, 27}, {1, 81}},
                                         {{15, 9}, {5, 27}, {1, 81}},
                                         {{8, 27}, {2, 81}},
                                         {{5, 81}}};
  EXPECT_EQ(hyperband_brackets(81, 3), expected);
  EXPECT_EQ(cost(expected[0]), 5 * 81);
}

TEST(Hyperband, BracketsOfOtherBudgets) {
  EXPECT_EQ(hyperband_brackets(1), (std::vector<Bracket>{{{1, 1}}}));
  EXPECT_EQ(hyperband_brackets(10, 3),
            (std::vector<Bracket>{{{9, 1}, {3, 3}, {1, 10}}, {{5, 3}, {1, 10}}, {{3, 10}}}));
  EXPECT_EQ(hyperband_brackets(8, 2).size(), 4U);
  EXPECT_THAT(message([] { hyperband_brackets(0); }), HasSubstr("max_resource is 0"));
  EXPECT_THAT(message([] { hyperband_brackets(9, 1); }), HasSubstr("eta is 1"));
}

TEST(Hyperband, LeastPutsFailuresLast) {
  const std::vector<double> losses = {NAN, 2, 1, 2, INFINITY};
  EXPECT_THAT(least(losses, 9), ElementsAre(2, 1, 3, 4, 0));
  EXPECT_THAT(least(losses, 2), ElementsAre(2, 1));
}

TEST(Hyperband, ARungTakesTheBestOfTheOneBefore) {
  const Space space({kLr});
  const auto plan = hyperband_search(space, {.max_resource = 9, .trials = 40}, 1);
  const auto loss = [](std::int64_t, const Trial& t) {
    return std::abs(std::log10(t.point[0]) + 2) + 1.0 / static_cast<double>(t.resource);
  };
  const auto tried = search(*plan, loss);
  // 9, 3, 1; 5, 1; 3: 22 trials a pass.
  EXPECT_EQ(hyperband_search(space, {.max_resource = 9}, 1)->trials(), 22);
  const std::vector<double> first = [&] {
    std::vector<double> losses;
    for (std::size_t i = 0; i < 9; ++i) losses.push_back(tried[i].loss);
    return losses;
  }();
  const auto best = least(first, 3);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(tried[9 + i].point, tried[best[i]].point);
  EXPECT_EQ(plan->needs(8), 0);
  EXPECT_EQ(plan->needs(9), 9);
  EXPECT_EQ(plan->needs(12), 12);
  EXPECT_EQ(plan->needs(13), 0);
  EXPECT_EQ(plan->needs(22 + 9), 22 + 9);
  EXPECT_EQ(plan->trial(12, std::span(tried).first(12)).resource, 9);
  EXPECT_NE(tried[22].point, tried[0].point);
}

double matern(double r) { return (1 + std::sqrt(5) * r + 5 * r * r / 3) * std::exp(-std::sqrt(5) * r); }

TEST(GaussianProcess, TwoPointsByHand) {
  constexpr double kVariance = 1.7, kNoise = 0.03, kLength = 0.4;
  const std::vector<double> x = {0.2, 0.7}, y = {1.5, -0.3};
  const GaussianProcess process(tensor(x, {2, 1}), tensor(y),
                                {.lengths = {kLength}, .variance = kVariance, .noise = kNoise});
  const double at = 0.45;
  // K = [[a, b], [b, a]], so K^-1 = [[a, -b], [-b, a]] / (a^2 - b^2).
  const double a = kVariance + kNoise, b = kVariance * matern(0.5 / kLength);
  const double u = kVariance * matern((at - x[0]) / kLength), v = kVariance * matern((x[1] - at) / kLength);
  const double det = a * a - b * b;
  const auto p = process.at(tensor(std::vector{at}, {1, 1}));
  EXPECT_NEAR(p.mean.to_vector<double>()[0], (u * (a * y[0] - b * y[1]) + v * (a * y[1] - b * y[0])) / det,
              1e-12);
  EXPECT_NEAR(p.variance.to_vector<double>()[0],
              kVariance - (u * (a * u - b * v) + v * (a * v - b * u)) / det, 1e-12);
  // The density of (y0, y1).
  const double quadratic = (a * y[0] * y[0] - 2 * b * y[0] * y[1] + a * y[1] * y[1]) / det;
  const auto log_of = [](double value) { return tensor<double>(std::log(value)); };
  EXPECT_NEAR(log_marginal_likelihood(tensor(x, {2, 1}), tensor(y), tensor(std::vector{std::log(kLength)}),
                                      log_of(kVariance), log_of(kNoise))
                  .item<double>(),
              -quadratic / 2 - std::log(det) / 2 - std::log(2 * std::numbers::pi), 1e-6);
}

TEST(GaussianProcess, PassesThroughDataWithoutNoise) {
  std::vector<double> x(24), y(12);
  fill_uniform({.seed = 5}, 0, x);
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = std::sin(5 * x[2 * i]) + x[2 * i + 1];
  const GaussianProcess process(tensor(x, {12, 2}), tensor(y), {.lengths = {0.5, 0.8}});
  const auto p = process.at(tensor(x, {12, 2}));
  for (std::size_t i = 0; i < y.size(); ++i) {
    EXPECT_NEAR(p.mean.to_vector<double>()[i], y[i], 1e-8);
    EXPECT_NEAR(p.variance.to_vector<double>()[i], 0, 1e-8);
  }
  // Far away it knows nothing.
  const auto far = process.at(tensor(std::vector{50.0, 50.0}, {1, 2}));
  EXPECT_NEAR(far.mean.to_vector<double>()[0], 0, 1e-12);
  EXPECT_NEAR(far.variance.to_vector<double>()[0], 1, 1e-12);
}

TEST(GaussianProcess, RefusesTensorsThatDoNotFit) {
  const Tensor x = zeros({2, 1}, DType::f64), y = zeros({2}, DType::f64);
  EXPECT_THROW(GaussianProcess(x, zeros({3}, DType::f64), {.lengths = {1}}), ShapeError);
  EXPECT_THROW(GaussianProcess(x, y, {.lengths = {1, 1}}), ShapeError);
  EXPECT_THROW(GaussianProcess(x, zeros({2}), {.lengths = {1}}), DtypeError);
  EXPECT_THROW(GaussianProcess(x, y, {.lengths = {1}}), ValueError);  // one point twice
}

TEST(GaussianProcess, LikelihoodHasItsGradient) {
  std::vector<double> x(16), y(8);
  fill_uniform({.seed = 6}, 0, x);
  fill_normal({.seed = 7}, 0, y);
  const auto f = [&](const Tensor& lengths, const Tensor& variance, const Tensor& noise) {
    return log_marginal_likelihood(tensor(x, {8, 2}), tensor(y), lengths, variance, noise);
  };
  const GradcheckResult r =
      gradcheck(f, {tensor(std::vector{-0.5, 0.2}), tensor<double>(0.1), tensor<double>(-3)});
  EXPECT_TRUE(r.ok) << r.message;
}

TEST(GaussianProcess, FitFindsWhichAxisMatters) {
  std::vector<double> x(80), y(40);
  fill_uniform({.seed = 8}, 0, x);
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = std::sqrt(2) * std::sin(6 * x[2 * i]);
  const Kernel k = fit_kernel(tensor(x, {40, 2}), tensor(y));
  EXPECT_LT(2 * k.lengths[0], k.lengths[1]);
  EXPECT_LT(k.noise, 1e-2);
}

TEST(ExpectedImprovement, IsTheIntegral) {
  for (const auto& [mean, deviation, best] :
       {std::tuple{0.3, 0.5, 0.1}, std::tuple{-1.0, 0.2, 0.0}, std::tuple{2.0, 0.7, -0.5}}) {
    // Of max(best - f, 0) under the density of f, by Simpson's rule up to where it is 0.
    constexpr int kCells = 20000;
    const double from = mean - 12 * deviation, h = (best - from) / kCells;
    double sum = 0;
    for (int i = 0; i <= kCells; ++i) {
      const double f = from + i * h, z = (f - mean) / deviation;
      sum += (i == 0 || i == kCells ? 1 : i % 2 == 1 ? 4 : 2) * (best - f) * std::exp(-z * z / 2);
    }
    const double integral = sum * h / 3 / (deviation * std::sqrt(2 * std::numbers::pi));
    EXPECT_NEAR(expected_improvement(mean, deviation, best), integral, 1e-10);
  }
  EXPECT_EQ(expected_improvement(1, 0, 3), 2);
  EXPECT_EQ(expected_improvement(3, 0, 1), 0);
}

double bowl(const Point& p) { return std::pow(std::log10(p[0]) + 2, 2) + std::pow(p[1] - 0.6, 2); }

TEST(Bayes, BeatsRandomInABowl) {
  const Space space({kLr, kMomentum});
  const auto best = [](const std::vector<Tried>& tried) {
    double least = INFINITY;
    for (const Tried& t : tried) least = std::min(least, t.loss);
    return least;
  };
  const auto loss = [](std::int64_t, const Trial& t) { return bowl(t.point); };
  for (const std::uint64_t seed : {0, 1, 2}) {
    EXPECT_LT(30 * best(search(*bayes_search(space, 20, seed), loss)),
              best(search(*random_search(space, 20, seed), loss)));
  }
}

TEST(Bayes, LooksAtNoLossThatItDoesNotNeed) {
  const Space space({kLr, kMomentum});
  const auto plan = bayes_search(space, 30, 4, {.lag = 3});
  const auto tried = search(*plan, [](std::int64_t, const Trial& t) { return bowl(t.point); });
  EXPECT_EQ(plan->needs(3), 0);
  EXPECT_EQ(plan->needs(12), 9);
  std::vector<Tried> seen(tried.begin(), tried.begin() + 12);
  for (std::size_t i = 9; i < 12; ++i) seen[i].loss = -100;
  EXPECT_EQ(plan->trial(12, seen).point, tried[12].point);
  seen[8].loss = -100;
  EXPECT_NE(plan->trial(12, seen).point, tried[12].point);
}

TEST(Bayes, GoesOnWithFailuresAndEqualLosses) {
  const Space space({kLr, kLayers, kWidth});
  const auto all_fail = search(*bayes_search(space, 8, 0), [](std::int64_t, const Trial&) { return NAN; });
  EXPECT_EQ(all_fail[7].point, random_point(space, 0, 7));
  const auto equal = search(*bayes_search(space, 8, 0), [](std::int64_t, const Trial&) { return 1.0; });
  EXPECT_EQ(equal.size(), 8U);
  // Larger learning rates diverge: it must find out where.
  const auto half = search(*bayes_search(space, 25, 0), [](std::int64_t, const Trial& t) {
    return t.point[0] > 0.1 ? NAN : std::abs(std::log10(t.point[0]) + 1.2) + std::abs(t.point[2] - 8);
  });
  int failed = 0;
  for (std::size_t i = 15; i < 25; ++i) failed += std::isnan(half[i].loss) ? 1 : 0;
  EXPECT_LE(failed, 5);
}

// A small space is not tried twice before it is through.
TEST(Bayes, TriesNoPointTwice) {
  const Space space({kLayers, kWidth});
  const auto tried = search(*bayes_search(space, 9, 1),
                            [](std::int64_t, const Trial& t) { return t.point[0] + t.point[1]; });
  std::set<Point> later;
  for (std::size_t i = 4; i < 9; ++i) later.insert(tried[i].point);
  EXPECT_EQ(later.size(), 5U);
}

TEST(Plans, RefuseNoTrials) {
  const Space space({kLr});
  EXPECT_THAT(message([&] { grid_search(space, 0); }), HasSubstr("grid_search: 0 trials"));
  EXPECT_THAT(message([&] { random_search(space, 0, 0); }), HasSubstr("random_search: 0 trials"));
  EXPECT_THAT(message([&] { bayes_search(space, -1, 0); }), HasSubstr("bayes_search: -1 trials"));
  EXPECT_THAT(message([&] { bayes_search(space, 5, 0, {.lag = -1}); }), HasSubstr("must not be negative"));
}

}  // namespace
}  // namespace gradus::optim::search
