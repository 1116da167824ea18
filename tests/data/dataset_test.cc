// Samplers, datasets made of others, and padding.
#include "gradus/data/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <string>

#include "gradus/base/error.h"
#include "gradus/data/collate.h"
#include "gradus/data/data_loader.h"
#include "gradus/data/tensor_dataset.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/tests/graph/message.h"

namespace gradus::data {
namespace {

using test_ops::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TensorDataset<1> numbers(std::int64_t n) { return TensorDataset(arange(0, n, 1, DType::i64)); }

template <class D>
std::vector<std::int64_t> all_of(const D& data) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(data.size()));
  std::iota(indices.begin(), indices.end(), 0);
  return data.batch(indices)[0].template to_vector<std::int64_t>();
}

TEST(WeightedSamplerTest, DrawsInProportionToTheWeights) {
  const double weights[] = {0, 1, 3, 0, 4, 0};
  constexpr std::int64_t kDraws = 80'000;
  const WeightedSampler sampler(weights, kDraws);
  std::int64_t counts[6] = {};
  for (const std::int64_t i : sampler.indices(7, 0)) ++counts[i];
  for (int i = 0; i < 6; ++i) {
    const double p = weights[i] / 8;
    // Five standard deviations of a binomial count.
    EXPECT_NEAR(static_cast<double>(counts[i]), kDraws * p, 5 * std::sqrt(kDraws * p * (1 - p))) << i;
  }
  EXPECT_EQ(sampler.indices(7, 0), sampler.indices(7, 0));
  EXPECT_NE(sampler.indices(7, 0), sampler.indices(7, 1));
  EXPECT_NE(sampler.indices(7, 0), sampler.indices(8, 0));
}

TEST(WeightedSamplerTest, RefusesWeightsThatAreNone) {
  const auto message = [](std::vector<double> w, std::int64_t count = 1) {
    return message_of<ValueError>([&] { WeightedSampler(w, count); });
  };
  EXPECT_THAT(message({}), HasSubstr("the sum of the 0 weights is 0"));
  EXPECT_THAT(message({0, 0}), HasSubstr("the sum of the 2 weights is 0"));
  EXPECT_THAT(message({1, -1}), HasSubstr("weight 1 is -1"));
  EXPECT_THAT(message({NAN}), HasSubstr("weight 0 is nan"));
  EXPECT_THAT(message({INFINITY}), HasSubstr("weight 0 is inf"));
  EXPECT_THAT(message({1}, -1), HasSubstr("count is -1"));
}

TEST(StratifiedSamplerTest, EveryStretchHasTheClassesInProportion) {
  // 300 of class 5, 100 of class -1, sorted by class.
  std::vector<std::int64_t> labels(400, 5);
  std::fill(labels.begin() + 300, labels.end(), -1);
  const StratifiedSampler sampler(labels);
  const std::vector<std::int64_t> order = sampler.indices(1, 2);
  EXPECT_EQ(std::set<std::int64_t>(order.begin(), order.end()).size(), 400U);
  for (std::size_t begin = 0; begin < 400; begin += 40) {
    const auto rare = std::count_if(order.begin() + static_cast<std::ptrdiff_t>(begin),
                                    order.begin() + static_cast<std::ptrdiff_t>(begin) + 40,
                                    [](auto i) { return i >= 300; });
    EXPECT_NEAR(static_cast<double>(rare), 10, 2) << begin;
  }
  EXPECT_EQ(order, sampler.indices(1, 2));
  EXPECT_NE(order, sampler.indices(1, 3));
  // The order within a class is random too.
  std::vector<std::int64_t> common;
  std::copy_if(order.begin(), order.end(), std::back_inserter(common), [](auto i) { return i < 300; });
  EXPECT_FALSE(std::is_sorted(common.begin(), common.end()));
}

TEST(SamplerTest, ALoaderVisitsWhatItsSamplerSays) {
  const double weights[] = {0, 0, 1, 0};
  for (const std::int64_t prefetch : {0, 2}) {
    DataLoader loader(
        numbers(4),
        {.batch_size = 2, .prefetch = prefetch, .sampler = std::make_shared<WeightedSampler>(weights, 5)});
    EXPECT_EQ(loader.size(), 3);
    std::vector<std::int64_t> seen;
    for (auto [x] : loader) {
      for (const std::int64_t v : x.to_vector<std::int64_t>()) seen.push_back(v);
    }
    EXPECT_THAT(seen, ElementsAre(2, 2, 2, 2, 2));
  }
  EXPECT_THAT(message_of<ValueError>([&] {
                DataLoader(numbers(4),
                           {.shuffle = true, .sampler = std::make_shared<WeightedSampler>(weights, 5)});
              }),
              HasSubstr("both shuffle and a sampler"));
}

TEST(DatasetTest, SubsetTakeAndFilter) {
  EXPECT_THAT(all_of(Subset(numbers(5), {4, 0, 4})), ElementsAre(4, 0, 4));
  EXPECT_THAT(all_of(take(numbers(5), 2)), ElementsAre(0, 1));
  EXPECT_THAT(all_of(filter(numbers(6), [](std::int64_t i) { return i % 2 == 1; })), ElementsAre(1, 3, 5));
  EXPECT_THAT(all_of(take(filter(numbers(6), [](std::int64_t i) { return i > 2; }), 2)), ElementsAre(3, 4));
  EXPECT_THAT(message_of<ValueError>([] { Subset(numbers(5), {5}); }),
              HasSubstr("index 5 is out of range for 5 samples"));
  EXPECT_THAT(message_of<ValueError>([] { (void)take(numbers(5), 6); }),
              HasSubstr("6 samples are asked for; the dataset has 5"));
  const std::int64_t indices[] = {2};
  EXPECT_THAT(message_of<ValueError>([&] { (void)take(numbers(5), 2).batch(indices); }),
              HasSubstr("index 2 is out of range for 2"));
}

TEST(DatasetTest, MapChangesBatches) {
  const auto doubled =
      map(numbers(4), [](const std::array<Tensor, 1>& b) { return std::array<Tensor, 1>{b[0] * 2}; });
  static_assert(Dataset<std::remove_const_t<decltype(doubled)>>);
  EXPECT_THAT(all_of(doubled), ElementsAre(0, 2, 4, 6));
  DataLoader loader(doubled, {.batch_size = 3, .prefetch = 2});
  std::vector<std::int64_t> sizes;
  for (auto [x] : loader) sizes.push_back(x.numel());
  EXPECT_THAT(sizes, ElementsAre(3, 1));
}

TEST(DatasetTest, MapSamplesChangesSamples) {
  const auto pairs = map_samples(numbers(4), [](const std::array<Tensor, 1>& s) {
    EXPECT_EQ(s[0].rank(), 0);
    const auto i = s[0].item<std::int64_t>();
    return std::tuple(full({2}, i, DType::i64), static_cast<float>(i) / 2, i > 1);
  });
  static_assert(!TakesRandom<decltype(pairs)>);
  const std::int64_t indices[] = {3, 0};
  const auto [x, half, large] = pairs.batch(indices);
  EXPECT_EQ(x.shape(), Shape({2, 2}));
  EXPECT_THAT(x.to_vector<std::int64_t>(), ElementsAre(3, 3, 0, 0));
  EXPECT_THAT(half.to_vector<float>(), ElementsAre(1.5F, 0));
  EXPECT_THAT(large.to_vector<std::uint8_t>(), ElementsAre(1, 0));
  EXPECT_EQ(large.dtype(), DType::boolean);
  EXPECT_THAT(message_of<ValueError>([&] { (void)pairs.batch({}); }), HasSubstr("there is no sample"));
  const auto ragged = map_samples(
      numbers(4), [](const std::array<Tensor, 1>& s) { return zeros({s[0].item<std::int64_t>()}); });
  EXPECT_THAT(message_of<ShapeError>([&] { (void)ragged.batch(indices); }), HasSubstr("stack"));
}

TEST(DatasetTest, RandomSamplesKeepTheirNumbersWithinOtherDatasets) {
  const auto draw = [](const std::array<Tensor, 1>& s, Generator& g) {
    return std::pair(s[0], random_below(g.reserve(1), 0, 0));
  };
  const auto one = map_samples(numbers(5), draw);
  static_assert(TakesRandom<decltype(one)>);
  static_assert(TakesRandom<decltype(take(one, 2))>);
  static_assert(TakesRandom<decltype(map(one, [](auto b) { return b; }))>);
  const SampleRandom random{3, 4};
  const std::int64_t indices[] = {0, 1, 2};
  const auto [id, x] = one.batch(indices, random);
  const auto moved = map(Subset(one, {4, 2, 1, 0}), [](auto b) { return b; });
  const auto [id2, y] = moved.batch(indices, random);
  EXPECT_THAT(id2.to_vector<std::int64_t>(), ElementsAre(4, 2, 1));
  EXPECT_EQ(y.to_vector<std::uint64_t>()[1], x.to_vector<std::uint64_t>()[2]);
  EXPECT_EQ(y.to_vector<std::uint64_t>()[2], x.to_vector<std::uint64_t>()[1]);
  // Without a loader: seed 0, epoch 0.
  EXPECT_EQ(one.batch(indices).second.to_vector<std::uint64_t>(),
            one.batch(indices, SampleRandom{}).second.to_vector<std::uint64_t>());
  // Two that draw draw apart.
  const auto two = map_samples(one, [](const std::pair<Tensor, Tensor>& s, Generator& g) {
    return std::pair(s.second, random_below(g.reserve(1), 0, 0));
  });
  const auto [inner, outer] = two.batch(indices, random);
  EXPECT_EQ(outer.to_vector<std::uint64_t>(), x.to_vector<std::uint64_t>());
  EXPECT_NE(inner.to_vector<std::uint64_t>(), outer.to_vector<std::uint64_t>());
}

TEST(DatasetTest, ShuffleHasEverySampleOnce) {
  const auto order = all_of(shuffle(numbers(20), 1));
  EXPECT_EQ(order, shuffled_indices(20, 1, 0));
  EXPECT_EQ(order, all_of(shuffle(numbers(20), 1)));
  EXPECT_NE(order, all_of(shuffle(numbers(20), 2)));
}

TEST(DatasetTest, RandomSplitHasEverySampleOnce) {
  const auto parts = random_split(numbers(10), {0.7, 0.2, 0.1}, 3);
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].size(), 7);
  EXPECT_EQ(parts[1].size(), 2);
  EXPECT_EQ(parts[2].size(), 1);
  std::vector<std::int64_t> all;
  for (const auto& p : parts) {
    for (const std::int64_t v : all_of(p)) all.push_back(v);
  }
  EXPECT_FALSE(std::is_sorted(all.begin(), all.end()));
  std::sort(all.begin(), all.end());
  EXPECT_THAT(all, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_EQ(random_split(numbers(10), {0.5}, 3)[0].indices(),
            random_split(numbers(10), {0.5}, 3)[0].indices());
  EXPECT_THAT(message_of<ValueError>([] {
                (void)random_split(numbers(10), {0.7, 0.4}, 3);
              }),
              HasSubstr("more than 1"));
  EXPECT_THAT(message_of<ValueError>([] { (void)random_split(numbers(10), {-0.1}, 3); }),
              HasSubstr("a share is -0.1"));
}

TEST(CollateTest, PadsBehindEachSequence) {
  const Tensor sequences[] = {full({2, 2}, 1), full({0, 2}, 2), full({3, 2}, 3).requires_grad(true)};
  const Padded p = pad_sequences(sequences, -1);
  EXPECT_EQ(p.values.shape(), Shape({3, 3, 2}));
  EXPECT_THAT(p.values.to_vector<float>(),
              ElementsAre(1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1, 3, 3, 3, 3, 3, 3));
  EXPECT_THAT(p.lengths.to_vector<std::int64_t>(), ElementsAre(2, 0, 3));
  EXPECT_FALSE(p.values.requires_grad());
}

TEST(CollateTest, Refuses) {
  EXPECT_THAT(message_of<ValueError>([] { (void)pad_sequences({}); }), HasSubstr("no sequence"));
  const Tensor shapes[] = {zeros({2, 2}), zeros({2, 3})};
  EXPECT_THAT(message_of<ShapeError>([&] { (void)pad_sequences(shapes); }),
              HasSubstr("differ behind the first axis"));
  const Tensor types[] = {zeros({2}), zeros({2}, DType::i64)};
  EXPECT_THAT(message_of<DtypeError>([&] { (void)pad_sequences(types); }), HasSubstr("dtypes differ"));
  const Tensor scalar[] = {zeros({})};
  EXPECT_THAT(message_of<ShapeError>([&] { (void)pad_sequences(scalar); }), HasSubstr("is a scalar"));
}

TEST(CollateTest, SamplesAndBatches) {
  const std::vector<std::array<float, 2>> points = {{1, 2}, {3, 4}};
  const std::array<Tensor, 2> batch = collate(std::span(points));
  EXPECT_THAT(batch[0].to_vector<float>(), ElementsAre(1, 3));
  EXPECT_THAT(batch[1].to_vector<float>(), ElementsAre(2, 4));
  const std::vector<std::string> texts = {"a", "b"};
  EXPECT_EQ(collate(std::span(texts)), texts);
  const bool flags[] = {true, false};
  EXPECT_THAT(collate(std::span<const bool>(flags)).to_vector<std::uint8_t>(), ElementsAre(1, 0));
  const std::pair<Tensor, std::tuple<Tensor>> nested = {arange(0, 2, 1, DType::i64).requires_grad(false),
                                                        {zeros({1, 3})}};
  EXPECT_THAT(message_of<ShapeError>([&] { (void)sample_of(nested); }), HasSubstr("no batch of one sample"));
  EXPECT_EQ(std::get<0>(sample_of(nested.second)).shape(), Shape({3}));
  EXPECT_EQ(sample_of(7), 7);
  EXPECT_EQ(sample_of(std::vector<std::string>{"a"}), "a");
  EXPECT_THAT(message_of<ValueError>([&] { (void)sample_of(texts); }), HasSubstr("a batch of 2 samples"));
}

}  // namespace
}  // namespace gradus::data
