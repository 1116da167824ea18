// Datasets as ranges of C++20, ranges as datasets, and datasets piped.
#include "gradus/data/views.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <list>
#include <numeric>
#include <ranges>
#include <set>
#include <sstream>
#include <string>

#include "gradus/base/error.h"
#include "gradus/data/tensor_dataset.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/random.h"
#include "gradus/ops/view.h"
#include "gradus/tests/graph/message.h"

namespace gradus::data {
namespace {

using test_ops::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Sample i is ([i, -i], i).
TensorDataset<2> pairs(std::int64_t n) {
  const Tensor i = arange(0, n, 1, DType::i64);
  return TensorDataset(reshape(arange(0, 2 * n, 1, DType::i64), {n, 2}), i);
}

std::vector<std::int64_t> ids(const Tensor& t) { return t.to_vector<std::int64_t>(); }

template <class Loader>
std::vector<std::vector<std::int64_t>> batches(Loader loader) {
  std::vector<std::vector<std::int64_t>> out;
  for (const auto& [x, y] : loader) out.push_back(ids(y));
  return out;
}

using PairSamples = Samples<TensorDataset<2>>;
static_assert(std::ranges::random_access_range<PairSamples>);
static_assert(std::ranges::random_access_range<const PairSamples>);
static_assert(std::ranges::sized_range<PairSamples>);
static_assert(std::ranges::common_range<PairSamples>);
static_assert(std::ranges::view<PairSamples>);
static_assert(std::same_as<std::ranges::range_value_t<PairSamples>, std::array<Tensor, 2>>);
static_assert(std::ranges::input_range<DataLoader<TensorDataset<2>>>);
static_assert(Dataset<decltype(from_range(std::vector<float>()))>);

TEST(SamplesTest, AreThoseOfTheDataset) {
  std::int64_t i = 0;
  for (const auto& [x, y] : samples(pairs(3))) {
    EXPECT_EQ(x.shape(), Shape({2}));
    EXPECT_THAT(ids(x), ElementsAre(2 * i, 2 * i + 1));
    EXPECT_EQ(y.rank(), 0);
    EXPECT_EQ(y.item<std::int64_t>(), i++);
  }
  EXPECT_EQ(i, 3);
  EXPECT_TRUE(samples(pairs(0)).empty());
}

TEST(SamplesTest, IteratorsMoveAsTheirConceptSays) {
  const auto view = samples(pairs(6));
  EXPECT_EQ(view.size(), 6U);
  EXPECT_EQ(view[4][1].item<std::int64_t>(), 4);
  auto a = view.begin();
  const auto b = a + 3;
  EXPECT_EQ(b - a, 3);
  EXPECT_EQ((*b)[1].item<std::int64_t>(), 3);
  EXPECT_EQ(a[5][1].item<std::int64_t>(), 5);
  EXPECT_EQ((*a++)[1].item<std::int64_t>(), 0);
  EXPECT_EQ((*++a)[1].item<std::int64_t>(), 2);
  EXPECT_EQ((*a--)[1].item<std::int64_t>(), 2);
  EXPECT_EQ((*--a)[1].item<std::int64_t>(), 0);
  EXPECT_TRUE(a < b && b > a && a + 3 == b && 3 + a == b && b - 3 == a && a == view.begin());
  EXPECT_EQ(view.end() - view.begin(), 6);
  EXPECT_EQ(std::ranges::distance(view), 6);
}

TEST(SamplesTest, StandardViewsAndAlgorithmsTakeThem) {
  auto label = [](const std::array<Tensor, 2>& s) { return s[1].item<std::int64_t>(); };
  std::vector<std::int64_t> seen;
  for (const std::int64_t y : samples(pairs(8)) | std::views::drop(2) | std::views::transform(label) |
                                  std::views::filter([](std::int64_t i) { return i % 2 == 1; }) |
                                  std::views::reverse) {
    seen.push_back(y);
  }
  EXPECT_THAT(seen, ElementsAre(7, 5, 3));
  const auto view = pairs(8) | views::samples;
  // Binary search needs random access.
  EXPECT_EQ(std::ranges::lower_bound(view, 5, {}, label) - view.begin(), 5);
  EXPECT_THAT(message_of<ValueError>([&] { (void)view[8]; }), HasSubstr("index 8 is out of range"));
}

TEST(SamplesTest, TheViewKeepsTheDataset) {
  auto view = [] { return samples(pairs(2)); }();
  const auto copy = view;
  view = samples(pairs(5));
  EXPECT_EQ(copy.size(), 2U);
  EXPECT_EQ(copy[1][1].item<std::int64_t>(), 1);
}

TEST(FromRange, ContainersAndViews) {
  const std::int64_t indices[] = {2, 0};
  std::vector<float> numbers = {1, 2, 3};
  const auto kept = from_range(numbers);
  numbers[2] = 9;  // the dataset has a copy
  EXPECT_THAT(kept.batch(indices).to_vector<float>(), ElementsAre(3, 1));

  const auto squares = from_range(
      std::views::iota(std::int64_t{0}, std::int64_t{10}) |
      std::views::transform([](std::int64_t i) { return std::pair(full({2}, i * i, DType::i64), i); }));
  EXPECT_EQ(squares.size(), 10);
  const auto [square, i] = squares.batch(indices);
  EXPECT_THAT(ids(square), ElementsAre(4, 4, 0, 0));
  EXPECT_THAT(ids(i), ElementsAre(2, 0));

  const auto flags = from_range(std::vector<bool>{true, false, true});
  EXPECT_THAT(flags.batch(indices).to_vector<std::uint8_t>(), ElementsAre(1, 1));
  const auto texts = from_range(std::vector<std::string>{"a", "b", "c"});
  EXPECT_THAT(texts.batch(indices), ElementsAre("c", "a"));
  EXPECT_THAT(message_of<ValueError>([&] {
                const std::int64_t bad[] = {3};
                (void)texts.batch(bad);
              }),
              HasSubstr("index 3 is out of range for 3 samples"));
}

TEST(FromRange, OtherRangesAreTakenAtOnce) {
  const std::int64_t indices[] = {1, 0};
  EXPECT_THAT(ids(from_range(std::list<std::int64_t>{5, 6}).batch(indices)), ElementsAre(6, 5));
  std::istringstream text("7 8 9");
  const auto read = from_range(std::views::istream<std::int64_t>(text));
  EXPECT_EQ(read.size(), 3);
  EXPECT_THAT(ids(read.batch(indices)), ElementsAre(8, 7));
  int calls = 0;
  const auto even = from_range(std::views::iota(0, 10) | std::views::filter([&](int i) {
                                 ++calls;
                                 return i % 2 == 0;
                               }));
  EXPECT_EQ(even.size(), 5);
  const int before = calls;
  EXPECT_THAT(even.batch(indices).to_vector<std::int32_t>(), ElementsAre(2, 0));
  EXPECT_EQ(calls, before);
}

TEST(FromRange, SamplesAreADatasetAgain) {
  const auto odd = from_range(samples(pairs(6)) | std::views::transform([](std::array<Tensor, 2> s) {
                                s[0] = s[0] + 1;
                                return s;
                              }));
  const std::int64_t indices[] = {5};
  const auto [x, y] = odd.batch(indices);
  EXPECT_THAT(ids(x), ElementsAre(11, 12));
  EXPECT_THAT(ids(y), ElementsAre(5));
}

TEST(ViewsTest, AreTheFunctionsOfDatasets) {
  const auto odd = [](std::int64_t i) { return i % 2 == 1; };
  EXPECT_EQ(batches(pairs(9) | views::filter(odd) | views::shuffle(3) | views::batch(3)),
            batches(DataLoader(shuffle(filter(pairs(9), odd), 3), {.batch_size = 3})));
  EXPECT_THAT(batches(pairs(9) | views::take(4) | views::batch({.batch_size = 3, .drop_last = true})),
              ElementsAre(ElementsAre(0, 1, 2)));
  const auto negative = [](std::array<Tensor, 2> b) {
    b[1] = -b[1];
    return b;
  };
  EXPECT_THAT(batches(pairs(2) | views::map(negative) | views::batch(2)), ElementsAre(ElementsAre(0, -1)));
  EXPECT_THAT(batches(pairs(2) | views::map_samples(negative) | views::batch(2)),
              ElementsAre(ElementsAre(0, -1)));
  static_assert(std::same_as<decltype(pairs(2) | views::take(1)), Subset<TensorDataset<2>>>);
}

TEST(ViewsTest, ComposeWithoutADataset) {
  const auto prepare = views::shuffle(1) | views::take(4) | views::batch(2);
  EXPECT_EQ(batches(pairs(8) | prepare),
            batches(pairs(8) | views::shuffle(1) | views::take(4) | views::batch(2)));
  EXPECT_EQ(batches(prepare(pairs(8))), batches(pairs(8) | prepare));
  std::int64_t n = 0;
  for (const auto& [x, y] : pairs(8) | prepare) n += y.numel();
  EXPECT_EQ(n, 4);
}

TEST(ViewsTest, ErrorsNameTheLineOfTheView) {
  const int line = __LINE__ + 1;
  const auto four = views::take(4);
  EXPECT_THAT(message_of<ValueError>([&] { (void)(pairs(3) | four); }),
              HasSubstr("views_test.cc:" + std::to_string(line) + ": take: 4 samples are asked for"));
  EXPECT_THAT(message_of<ValueError>([] { (void)(pairs(3) | views::batch(0)); }),
              HasSubstr("batch_size is 0"));
}

TEST(ViewsTest, ALoaderIsARange) {
  DataLoader loader = pairs(10) | views::batch({.batch_size = 2, .workers = 2});
  std::vector<std::int64_t> firsts;
  for (const std::int64_t first :
       loader | std::views::take(3) |
           std::views::transform([](const std::array<Tensor, 2>& b) { return ids(b[1])[0]; })) {
    firsts.push_back(first);
  }
  EXPECT_THAT(firsts, ElementsAre(0, 2, 4));
  EXPECT_EQ(std::ranges::distance(pairs(3) | views::samples), 3);
}

TEST(PrefetchWorkers, ReadARangeAtOnce) {
  const auto numbers = from_range(std::views::iota(std::int64_t{0}, std::int64_t{1000}) |
                                  std::views::transform([](std::int64_t i) { return 3 * i; }));
  const auto epoch = [&](std::int64_t workers) {
    std::vector<std::int64_t> out;
    for (const Tensor& t :
         numbers | views::map_samples([](const Tensor&i, Generator&g) {
           return i.item<std::int64_t>() + static_cast<std::int64_t>(random_below(g.reserve(1), 0, 3));
         }) | views::batch({.batch_size = 7, .shuffle = true, .seed = 2, .workers = workers})) {
      for (const std::int64_t i : ids(t)) out.push_back(i);
    }
    return out;
  };
  const std::vector<std::int64_t> one = epoch(0);
  EXPECT_EQ(one, epoch(4));
  EXPECT_EQ(std::set<std::int64_t>(one.begin(), one.end()).size(), 1000U);
}

}  // namespace
}  // namespace gradus::data
