// Random tensors: the same seed gives the same numbers with any number of threads, streams do not overlap,
// bounds hold, moments are right, dropout keeps the expectation and its mask.
#include "gradus/ops/random.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "gmock/gmock.h"
#include "gradus/base/parallel.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/reduction.h"
#include "gradus/tests/graph/message.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

using test_ops::message_of;
using ::testing::Each;
using ::testing::HasSubstr;

// Large enough to be cut between threads, and no multiple of any block.
constexpr std::int64_t kMany = 100003;

// All that draws, by one generator.
std::vector<double> draw_everything(std::uint64_t seed, std::int64_t n) {
  Generator g{.seed = seed};
  std::vector<double> all;
  const auto append = [&](const Tensor& t) {
    Tensor f = empty(t.shape(), DType::f64);
    f.copy_(t);
    const auto v = f.to_vector<double>();
    all.insert(all.end(), v.begin(), v.end());
  };
  for (const DType dtype : {DType::f32, DType::f64}) {
    append(uniform({n}, -1, 3, {.dtype = dtype, .generator = &g}));
    append(normal({n}, 2, 0.5, {.dtype = dtype, .generator = &g}));
    append(bernoulli({n}, 0.3, {.dtype = dtype, .generator = &g}));
    append(bernoulli(full({n}, 0.3, dtype), &g));
    append(dropout(ones({n}, dtype), 0.3, true, &g));
  }
  append(randint(-5, 1000, {n}, {.generator = &g}));
  append(permutation(n, &g));
  return all;
}

TEST(Random, TheSameSeedIsTheSameNumbersWithAnyNumberOfThreads) {
  const int before = threads();
  set_threads(1);
  const std::vector<double> one = draw_everything(42, kMany);
  set_threads(2);
  const std::vector<double> two = draw_everything(42, kMany);
  set_threads(before);
  EXPECT_TRUE(one == two);
  EXPECT_FALSE(one == draw_everything(43, kMany));
}

TEST(Random, TheDefaultGeneratorFollowsManualSeed) {
  manual_seed(7);
  const auto a = uniform({9}).to_vector<float>(), b = uniform({9}).to_vector<float>();
  EXPECT_NE(a, b);
  manual_seed(7);
  EXPECT_EQ(uniform({9}).to_vector<float>(), a);
  const Generator saved = default_generator();
  EXPECT_EQ(uniform({9}).to_vector<float>(), b);
  set_default_generator(saved);
  EXPECT_EQ(uniform({9}).to_vector<float>(), b);
}

TEST(Random, MomentsAndBounds) {
  manual_seed(1);
  const double n = kMany;
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Tensor u = uniform({kMany}, -1, 3, {.dtype = dtype});
    EXPECT_GE(min(u).item(), -1);
    EXPECT_LT(max(u).item(), 3);
    EXPECT_NEAR(mean(u).item(), 1, 5 * std::sqrt(16.0 / 12 / n));
    EXPECT_NEAR(var(u).item(), 16.0 / 12, 0.03);
    const Tensor z = normal({kMany}, 2, 0.5, {.dtype = dtype});
    EXPECT_NEAR(mean(z).item(), 2, 5 * 0.5 / std::sqrt(n));
    EXPECT_NEAR(std(z).item(), 0.5, 5 * 0.5 / std::sqrt(2 * n));
  }
  const auto r = randint(-3, 4, {kMany}).to_vector<std::int64_t>();
  for (std::int64_t k = -3; k < 4; ++k) {
    EXPECT_NEAR(static_cast<double>(std::count(r.begin(), r.end(), k)), n / 7, 5 * std::sqrt(n * 6 / 49));
  }
  EXPECT_NEAR(sum(bernoulli({kMany}, 0.3)).item(), 0.3 * n, 5 * std::sqrt(0.21 * n));
}

TEST(Random, CornersOfTheRanges) {
  EXPECT_THAT(uniform({70}, 2, 2).to_vector<float>(), Each(2.0F));
  EXPECT_THAT(normal({70}, 3, 0).to_vector<float>(), Each(3.0F));
  EXPECT_THAT(bernoulli({70}, 1).to_vector<float>(), Each(1.0F));
  EXPECT_THAT(bernoulli({70}, 0).to_vector<float>(), Each(0.0F));
  EXPECT_THAT(randint(255, 256, {5}, {.dtype = DType::u8}).to_vector<std::uint8_t>(), Each(255));
  EXPECT_EQ(uniform({0, 3}).numel(), 0);
  EXPECT_EQ(permutation(0).numel(), 0);
}

TEST(Random, APermutationHasEachIndexOnce) {
  auto p = permutation(1000).to_vector<std::int64_t>();
  EXPECT_FALSE(std::is_sorted(p.begin(), p.end()));
  std::sort(p.begin(), p.end());
  std::vector<std::int64_t> all(1000);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(p, all);
}

TEST(Dropout, KeepsTheExpectationAndItsMask) {
  Tensor x = ones({kMany}, {.requires_grad = true});
  const Tensor y = dropout(x, 0.25);
  EXPECT_NEAR(mean(y).item(), 1, 5 * std::sqrt(1.0 / 3 / kMany));
  sum(y).backward();
  EXPECT_EQ(x.grad().to_vector<float>(), y.to_vector<float>());
}

TEST(Dropout, IsNothingInEvaluation) {
  const Tensor x = ones({4});
  EXPECT_TRUE(dropout(x, 0.5, /*training=*/false).is(x));
  EXPECT_TRUE(dropout(x, 0).is(x));
}

TEST(Dropout, DropsNaNToo) {
  Generator g{.seed = 3};
  for (const float v : dropout(full({200}, NAN), 0.5, true, &g).to_vector<float>()) {
    EXPECT_TRUE(v == 0 || std::isnan(v));
  }
}

TEST(Random, RefusesWithTheCallersLine) {
  EXPECT_THAT(message_of<ValueError>([] { uniform({2}, 1, 0); }), HasSubstr("random_test.cc:"));
  EXPECT_THAT(message_of<ValueError>([] { uniform({2}, 1, 0); }),
              HasSubstr("uniform: the range [1, 0) is not one of finite numbers, low <= high"));
  EXPECT_THAT(message_of<ValueError>([] { uniform({2}, 0, INFINITY); }), HasSubstr("finite numbers"));
  EXPECT_THAT(message_of<ValueError>([] { normal({2}, 0, -1); }),
              HasSubstr("normal: the standard deviation is -1; it is not negative"));
  EXPECT_THAT(message_of<DtypeError>([] { normal({2}, 0, 1, {.dtype = DType::i64}); }),
              HasSubstr("normal: makes floating-point numbers, not i64; see randint()"));
  EXPECT_THAT(message_of<ValueError>([] { randint(3, 3, {2}); }),
              HasSubstr("randint: there is no integer in [3, 3)"));
  EXPECT_THAT(message_of<ValueError>([] { randint(0, 257, {2}, {.dtype = DType::u8}); }),
              HasSubstr("randint: 256 has no place in u8"));
  EXPECT_THAT(message_of<DtypeError>([] { randint(0, 2, {2}, {.dtype = DType::boolean}); }),
              HasSubstr("randint: makes numbers, not bool; see bernoulli()"));
  EXPECT_THAT(message_of<ValueError>([] { permutation(-1); }), HasSubstr("the number of elements is -1"));
  EXPECT_THAT(message_of<ValueError>([] { bernoulli({2}, 1.5); }),
              HasSubstr("bernoulli: the probability is 1.5; it lies in [0, 1]"));
  EXPECT_THAT(message_of<ValueError>([] { bernoulli(full({2}, NAN)); }), HasSubstr("is no probability"));
  EXPECT_THAT(message_of<ValueError>([] { dropout(ones({2}), 1); }), HasSubstr("dropout: p is 1"));
}

}  // namespace
}  // namespace gradus
