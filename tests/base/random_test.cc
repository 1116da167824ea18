// base/random.h: the published test vectors, independence of how a range is cut, and the distributions.
#include "gradus/base/random.h"

#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <cmath>
#include <map>
#include <numbers>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gradus/base/generator_scope.h"

namespace gradus {
namespace {

using Block = std::array<std::uint32_t, 4>;

// The known answers that the authors publish with Random123 (kat_vectors, philox4x32 10).
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// The vector code against the function above, at every length and where the low counter word wraps around.
TEST(Random, WordsAreThoseOfPhilox) {
  for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{5}, (std::uint64_t{1} << 32) - 7,
                                     (std::uint64_t{3} << 32) - 1, ~std::uint64_t{0} - 100}) {
    const RandomStream stream{0x123456789abcdef0, offset};
    for (std::uint64_t first = 0; first < 5; ++first) {
      for (std::size_t n = 0; n < 140; ++n) {
        std::vector<std::uint32_t> words(n + 1, 77);
        fill_words(stream, first, {words.data(), n});
        for (std::size_t i = 0; i < n; ++i) {
          const std::uint64_t w = first + i;
          ASSERT_EQ(words[i], random_block(stream, w / 4)[w % 4])
              << offset << " " << first << " " << n << " " << i;
        }
        ASSERT_EQ(words[n], 77U);
      }
    }
  }
}

template <class T>
struct Fill {
  const char* name;
  void (*fill)(RandomStream, std::uint64_t, std::span<T>);
};

template <class T>
void expect_same_in_pieces(const Fill<T>& f) {
  const RandomStream stream{7, 11};
  constexpr std::size_t kN = 5000;
  std::vector<T> whole(kN);
  f.fill(stream, 0, whole);
  for (const std::size_t piece : {1, 2, 3, 5, 64, 127, 511, 1023, 1025, 4999}) {
    std::vector<T> parts(kN);
    for (std::size_t i = 0; i < kN; i += piece) {
      f.fill(stream, i, std::span(parts).subspan(i, std::min(piece, kN - i)));
    }
    EXPECT_EQ(parts, whole) << f.name << " in pieces of " << piece;
  }
}

TEST(Random, FillingInPiecesGivesTheSame) {
  expect_same_in_pieces<float>({"uniform f32", &fill_uniform});
  expect_same_in_pieces<double>({"uniform f64", &fill_uniform});
  expect_same_in_pieces<float>({"normal f32", &fill_normal});
  expect_same_in_pieces<double>({"normal f64", &fill_normal});
}

TEST(Random, UniformIsTheConversionOfTheWords) {
  const RandomStream stream{3, 4};
  std::vector<float> f(1000);
  std::vector<double> d(1000);
  fill_uniform(stream, 0, std::span(f));
  fill_uniform(stream, 0, std::span(d));
  for (std::size_t i = 0; i < f.size(); ++i) {
    ASSERT_EQ(f[i], uniform_f32(random_block(stream, i / 4)[i % 4]));
    const Block b = random_block(stream, i / 2);
    ASSERT_EQ(d[i], uniform_f64(b[2 * (i % 2)], b[2 * (i % 2) + 1]));
  }
  EXPECT_EQ(uniform_f32(0), 0.0F);
  EXPECT_EQ(uniform_f32(~0U), 1.0F - 0x1p-24F);
  EXPECT_EQ(uniform_f64(0, 0), 0.0);
  EXPECT_EQ(uniform_f64(~0U, ~0U), 1.0 - 0x1p-53);
}

// The f32 numbers come from polynomials of our own; here is the same in double by the C library.
TEST(Random, NormalIsBoxMuller) {
  const RandomStream stream{99, 0};
  std::vector<float> z(200000);
  fill_normal(stream, 0, std::span(z));
  double worst = 0;
  for (std::size_t i = 0; i < z.size(); i += 2) {
    const Block b = random_block(stream, i / 4);
    const std::uint32_t w0 = b[i % 4];
    const std::uint32_t w1 = b[i % 4 + 1];
    const double u = static_cast<float>((w0 >> 1) | 1) * 0x1p-31F;  // rounded to f32, as there
    const double r = std::sqrt(-2 * std::log(u));
    const double angle = (w1 >> 30) * (std::numbers::pi / 2) +
                         (static_cast<double>(w1 & 0x3FFFFFFF) - 0x1p29) * 0x1p-31 * std::numbers::pi;
    worst = std::max(worst, std::fabs(z[i] - r * std::cos(angle)));
    worst = std::max(worst, std::fabs(z[i + 1] - r * std::sin(angle)));
  }
  EXPECT_LT(worst, 2e-6);
  EXPECT_GT(worst, 0);
}

TEST(Random, EveryInstructionSetGivesTheSame) {
  std::vector<float> uniform(1000);
  std::vector<float> normal(1000);
  fill_uniform({7, 1}, 0, std::span(uniform));
  fill_normal({7, 1}, 0, std::span(normal));
  int sets = 0;
  const std::int64_t all = hwy::SupportedTargets();
  for (std::int64_t target = all & -all, rest = all; rest != 0; rest &= rest - 1, target = rest & -rest) {
    hwy::SetSupportedTargetsForTest(target | HWY_STATIC_TARGET);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    std::vector<float> u(1000);
    std::vector<float> z(1000);
    fill_uniform({7, 1}, 0, std::span(u));
    fill_normal({7, 1}, 0, std::span(z));
    EXPECT_EQ(u, uniform) << hwy::TargetName(target);
    EXPECT_EQ(z, normal) << hwy::TargetName(target);
    ++sets;
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  EXPECT_GT(sets, 0);
}

template <class T>
void expect_standard_normal(const std::vector<T>& z) {
  const double n = static_cast<double>(z.size());
  double m1 = 0;
  double m2 = 0;
  double m3 = 0;
  double m4 = 0;
  double neighbours = 0;
  std::size_t beyond_two = 0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double x = z[i];
    m1 += x / n;
    m2 += x * x / n;
    m3 += x * x * x / n;
    m4 += x * x * x * x / n;
    neighbours += x * z[i ^ 1] / n;
    beyond_two += std::fabs(x) > 2;
  }
  // Five standard deviations of each estimate.
  EXPECT_NEAR(m1, 0, 5 / std::sqrt(n));
  EXPECT_NEAR(m2, 1, 5 * std::sqrt(2 / n));
  EXPECT_NEAR(m3, 0, 5 * std::sqrt(15 / n));
  EXPECT_NEAR(m4, 3, 5 * std::sqrt(96 / n));
  EXPECT_NEAR(neighbours, 0, 5 * std::sqrt(2 / n));
  EXPECT_NEAR(static_cast<double>(beyond_two) / n, std::erfc(std::sqrt(2.0)), 5 * std::sqrt(0.0455 / n));
}

TEST(Random, NormalHasTheMoments) {
  std::vector<float> f(1 << 20);
  fill_normal({1, 0}, 0, std::span(f));
  expect_standard_normal(f);
  std::vector<double> d(1 << 20);
  fill_normal({1, 0}, 0, std::span(d));
  expect_standard_normal(d);
}

TEST(Random, UniformFillsItsCellsEvenly) {
  std::vector<float> f(1 << 20);
  fill_uniform({5, 0}, 0, std::span(f));
  std::vector<int> cells(256);
  for (const float x : f) ++cells[static_cast<std::size_t>(x * 256)];
  double chi2 = 0;
  const double expected = static_cast<double>(f.size()) / 256;
  for (const int c : cells) chi2 += (c - expected) * (c - expected) / expected;
  EXPECT_LT(chi2, 255 + 5 * std::sqrt(2 * 255.0));
  EXPECT_GT(chi2, 255 - 5 * std::sqrt(2 * 255.0));
}

TEST(Random, BelowIsInRangeAndEven) {
  const RandomStream stream{8, 0};
  std::map<std::uint64_t, int> counts;
  constexpr int kN = 70000;
  for (int i = 0; i < kN; ++i) ++counts[random_below(stream, static_cast<std::uint64_t>(i), 7)];
  ASSERT_EQ(counts.size(), 7U);
  EXPECT_EQ(counts.rbegin()->first, 6U);
  for (const auto& [value, count] : counts) EXPECT_NEAR(count, kN / 7.0, 5 * std::sqrt(kN / 7.0)) << value;
  for (std::uint64_t i = 0; i < 100; ++i) EXPECT_EQ(random_below(stream, i, 1), 0U);
}

// At 3 * 2^62 a quarter of the draws is thrown away; without that the lowest third would get half of the
// numbers.
TEST(Random, BelowRejectsWhatWouldBeUneven) {
  const RandomStream stream{8, 0};
  const std::uint64_t bound = std::uint64_t{3} << 62;
  int lowest_third = 0;
  constexpr int kN = 20000;
  for (int i = 0; i < kN; ++i) {
    const std::uint64_t x = random_below(stream, static_cast<std::uint64_t>(i), bound);
    ASSERT_LT(x, bound);
    lowest_third += x < bound / 3;
  }
  EXPECT_NEAR(lowest_third, kN / 3.0, 5 * std::sqrt(kN * 2 / 9.0));
  // 2^64 itself: the raw bits.
  const Block b = random_block(stream, 3);
  EXPECT_EQ(random_below(stream, 3, 0), std::uint64_t{b[1]} << 32 | b[0]);
}

TEST(Random, StreamsDoNotOverlap) {
  Generator g{.seed = 4, .counter = 0};
  const RandomStream a = g.reserve(blocks_for_f32(10));
  const RandomStream b = g.reserve(blocks_for_f64(3));
  EXPECT_EQ(a, (RandomStream{4, 0}));
  EXPECT_EQ(b, (RandomStream{4, 3}));
  EXPECT_EQ(g.counter, 5U);
  EXPECT_EQ(blocks_for_words(4), 1U);
  EXPECT_EQ(blocks_for_words(5), 2U);
  EXPECT_EQ(blocks_for_below(5), 5U);
  EXPECT_NE(random_block({1, 0}, 0), random_block({2, 0}, 0));
  EXPECT_NE(random_block({std::uint64_t{1} << 32, 0}, 0), random_block({0, 0}, 0));
  EXPECT_NE(random_block({1, 0}, 0, 1), random_block({1, 0}, 0, 0));
}

TEST(Random, AThreadWithAScopeDrawsFromItsOwnGenerator) {
  const Generator saved = default_generator();
  manual_seed(5);
  RandomStream inner[2];
  std::thread([&inner] {
    const GeneratorScope scope({.seed = 7});
    inner[0] = reserve_random(3);
    {
      const GeneratorScope nested({.seed = 8});
      manual_seed(9);
      EXPECT_EQ(reserve_random(1), (RandomStream{9, 0}));
    }
    inner[1] = reserve_random(1);
    EXPECT_EQ(default_generator().counter, 4U);
  }).join();
  EXPECT_EQ(inner[0], (RandomStream{7, 0}));
  EXPECT_EQ(inner[1], (RandomStream{7, 3}));
  EXPECT_EQ(reserve_random(1), (RandomStream{5, 0}));
  set_default_generator(saved);
}

TEST(Random, DefaultGeneratorRepeatsAfterTheSameSeed) {
  manual_seed(42);
  EXPECT_EQ(reserve_random(10), (RandomStream{42, 0}));
  const Generator saved = default_generator();
  EXPECT_EQ(reserve_random(5), (RandomStream{42, 10}));
  set_default_generator(saved);
  EXPECT_EQ(reserve_random(5), (RandomStream{42, 10}));
  manual_seed(0);
}

TEST(Random, ThreadsReserveDisjointRanges) {
  manual_seed(1);
  constexpr int kThreads = 4;
  constexpr int kEach = 500;
  std::vector<std::vector<std::uint64_t>> offsets(kThreads);
  {
    std::vector<std::jthread> threads;
    for (auto& mine : offsets) {
      threads.emplace_back([&mine] {
        for (int i = 0; i < kEach; ++i) mine.push_back(reserve_random(3).offset);
      });
    }
  }
  std::set<std::uint64_t> all;
  for (const auto& mine : offsets) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), static_cast<std::size_t>(kThreads * kEach));
  EXPECT_EQ(*all.rbegin(), static_cast<std::uint64_t>(3 * (kThreads * kEach - 1)));
  manual_seed(0);
}

}  // namespace
}  // namespace gradus
