// Order, batches, prefetching, and what happens when something fails or a loop is left.
#include "gradus/data/data_loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>

#include "gradus/base/random.h"
#include "gradus/data/dataset.h"
#include "gradus/data/tensor_dataset.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/random.h"

namespace gradus::data {
namespace {

Tensor numbers(std::int64_t n) {
  Tensor t = empty({n}, DType::i64);
  std::iota(t.mutable_span<std::int64_t>().begin(), t.mutable_span<std::int64_t>().end(), std::int64_t{0});
  return t;
}

// Row i is [i, i + 0.5, -i].
Tensor rows(std::int64_t n) {
  Tensor t = empty({n, 3});
  for (std::int64_t i = 0; i < n; ++i) {
    float* row = t.mutable_span<float>().data() + 3 * i;
    row[0] = static_cast<float>(i), row[1] = row[0] + 0.5F, row[2] = -row[0];
  }
  return t;
}

template <class Loader>
std::vector<std::int64_t> epoch_of(Loader& loader) {
  std::vector<std::int64_t> seen;
  for (auto [x, y] : loader) {
    for (std::int64_t i = 0; i < y.numel(); ++i) {
      const std::int64_t id = y.template span<std::int64_t>()[static_cast<std::size_t>(i)];
      seen.push_back(id);
      const float* row = x.template span<float>().data() + 3 * i;
      EXPECT_EQ(row[0], static_cast<float>(id));
      EXPECT_EQ(row[1], static_cast<float>(id) + 0.5F);
    }
  }
  return seen;
}

TEST(TensorDataset, GathersRows) {
  const TensorDataset data(rows(5), numbers(5));
  EXPECT_EQ(data.size(), 5);
  const std::int64_t indices[] = {4, 0, 4};
  const auto [x, y] = data.batch(indices);
  EXPECT_TRUE((x.shape() == Shape{3, 3}));
  EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{4, 4.5, -4, 0, 0.5, 0, 4, 4.5, -4}));
  EXPECT_EQ(y.to_vector<std::int64_t>(), (std::vector<std::int64_t>{4, 0, 4}));
  const std::int64_t bad[] = {5};
  EXPECT_THROW(data.batch(bad), ValueError);
}

TEST(TensorDataset, TensorsMustFitEachOther) {
  EXPECT_THROW(TensorDataset({rows(3), numbers(4)}), ShapeError);
  EXPECT_THROW(TensorDataset({rows(3), Tensor()}), ValueError);
  EXPECT_THROW(TensorDataset({empty({})}), ShapeError);
  EXPECT_EQ(TensorDataset({rows(3)}).size(), 3);
}

TEST(DataLoader, KeepsOrderWithoutShuffle) {
  DataLoader loader(TensorDataset({rows(10), numbers(10)}), {.batch_size = 4});
  EXPECT_EQ(loader.size(), 3);
  std::vector<std::int64_t> expected(10);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(epoch_of(loader), expected);
  std::vector<std::int64_t> sizes;
  for (auto [x, y] : loader) sizes.push_back(y.numel());
  EXPECT_EQ(sizes, (std::vector<std::int64_t>{4, 4, 2}));
}

TEST(DataLoader, DropLast) {
  DataLoader loader(TensorDataset({rows(10), numbers(10)}), {.batch_size = 4, .drop_last = true});
  EXPECT_EQ(loader.size(), 2);
  EXPECT_EQ(epoch_of(loader).size(), 8U);
  DataLoader none(TensorDataset({rows(3), numbers(3)}), {.batch_size = 4, .drop_last = true});
  EXPECT_TRUE(epoch_of(none).empty());
  DataLoader empty_one(TensorDataset({rows(0), numbers(0)}),
                       {.batch_size = 4, .shuffle = true, .prefetch = 2});
  EXPECT_TRUE(epoch_of(empty_one).empty());
}

TEST(DataLoader, ShufflesReproduciblyAndAnewEachEpoch) {
  const TensorDataset data({rows(101), numbers(101)});
  DataLoader a(data, {.batch_size = 7, .shuffle = true, .seed = 5});
  DataLoader b(data, {.batch_size = 7, .shuffle = true, .seed = 5, .prefetch = 3});
  DataLoader c(data, {.batch_size = 7, .shuffle = true, .seed = 6});
  const auto first = epoch_of(a), second = epoch_of(a);
  EXPECT_NE(first, second);
  EXPECT_EQ(first, epoch_of(b));
  EXPECT_EQ(second, epoch_of(b));
  EXPECT_NE(first, epoch_of(c));
  auto sorted = second;
  std::sort(sorted.begin(), sorted.end());
  for (std::int64_t i = 0; i < 101; ++i) EXPECT_EQ(sorted[static_cast<std::size_t>(i)], i);
  a.set_epoch(0);
  EXPECT_EQ(epoch_of(a), first);
}

TEST(DataLoader, WithoutASeedTheDefaultGeneratorDecides) {
  const TensorDataset data({rows(50), numbers(50)});
  const auto run = [&](std::uint64_t seed) {
    manual_seed(seed);
    DataLoader loader(data, {.batch_size = 50, .shuffle = true});
    return epoch_of(loader);
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

// All 24 orders of four samples, about equally often: 2,400 epochs, 100 each, deviation 9.8.
TEST(Sampler, EveryPermutationIsAsLikely) {
  std::map<std::vector<std::int64_t>, int> count;
  for (std::uint64_t epoch = 0; epoch < 2400; ++epoch) ++count[shuffled_indices(4, 9, epoch)];
  EXPECT_EQ(count.size(), 24U);
  for (const auto& [order, n] : count) EXPECT_NEAR(n, 100, 45);
}

// Counts what is alive and made, and fails on request.
struct Counting {
  struct Counters {
    std::atomic<std::int64_t> made{0};
    std::atomic<std::int64_t> fail_at{-1};
    std::thread::id thread;
  };
  std::shared_ptr<Counters> counters = std::make_shared<Counters>();

  std::int64_t size() const { return 20; }
  std::int64_t batch(std::span<const std::int64_t> indices) const {
    counters->thread = std::this_thread::get_id();
    if (counters->made == counters->fail_at) throw std::runtime_error("a broken sample");
    ++counters->made;
    return indices[0];
  }
};

TEST(Prefetch, RunsOnAThreadOfItsOwnAndBounded) {
  Counting data;
  DataLoader loader(data, {.batch_size = 1, .prefetch = 3});
  std::int64_t i = 0;
  for (const std::int64_t first : loader) {
    EXPECT_EQ(first, i++);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    EXPECT_LE(data.counters->made, i + 3);
  }
  EXPECT_EQ(i, 20);
  EXPECT_NE(data.counters->thread, std::this_thread::get_id());
}

TEST(Prefetch, ExceptionsArriveAtTheirPlace) {
  for (const std::int64_t prefetch : {0, 1, 4}) {
    Counting data;
    data.counters->fail_at = 5;
    DataLoader loader(data, {.batch_size = 2, .prefetch = prefetch});
    std::int64_t seen = 0;
    try {
      for ([[maybe_unused]] const std::int64_t first : loader) ++seen;
      FAIL() << "nothing was thrown";
    } catch (const std::runtime_error& e) {
      EXPECT_STREQ(e.what(), "a broken sample");
    }
    EXPECT_EQ(seen, 5);
    // The loader is usable afterwards.
    data.counters->fail_at = -1;
    seen = 0;
    for ([[maybe_unused]] const std::int64_t first : loader) ++seen;
    EXPECT_EQ(seen, 10);
  }
}

TEST(Prefetch, ALoopMayBeLeftAtAnyTime) {
  for (std::int64_t leave = 0; leave < 6; ++leave) {
    Counting data;
    {
      DataLoader loader(data, {.batch_size = 1, .prefetch = 4});
      std::int64_t i = 0;
      for ([[maybe_unused]] const std::int64_t first : loader) {
        if (i++ == leave) break;
      }
    }
    // The thread has ended: nothing is made any more, and nobody holds the dataset.
    EXPECT_EQ(data.counters.use_count(), 1);
    EXPECT_LE(data.counters->made, leave + 1 + 5);
  }
}

// Batch i of one sample takes longer the earlier it is, so that later ones are made first.
struct Slow {
  struct Counters {
    std::atomic<std::int64_t> running{0};
    std::atomic<std::int64_t> most{0};
    std::atomic<std::int64_t> made{0};
  };
  std::int64_t fail_at = -1;
  std::shared_ptr<Counters> counters = std::make_shared<Counters>();

  std::int64_t size() const { return 24; }
  std::int64_t batch(std::span<const std::int64_t> indices) const {
    const std::int64_t running = ++counters->running;
    std::int64_t most = counters->most;
    while (most < running && !counters->most.compare_exchange_weak(most, running)) {
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(indices[0] % 4 == 0 ? 12 : 2));
    --counters->running;
    ++counters->made;
    if (indices[0] == fail_at) throw std::runtime_error("sample " + std::to_string(indices[0]));
    return indices[0];
  }
};

TEST(PrefetchWorkers, RunAtOnceAndGiveBatchesInOrder) {
  for (const std::int64_t workers : {1, 2, 5, 100}) {
    for (const std::int64_t prefetch : {0, 1, 3}) {
      Slow data;
      DataLoader loader(data, {.batch_size = 1, .prefetch = prefetch, .workers = workers});
      std::int64_t i = 0;
      for (const std::int64_t first : loader) {
        EXPECT_EQ(first, i++);
        // Each may have two, or `prefetch`, batches ready, made or in the making.
        EXPECT_LE(data.counters->made, i + workers * (prefetch == 0 ? 2 : prefetch));
      }
      EXPECT_EQ(i, 24);
      EXPECT_LE(data.counters->most, workers);
      EXPECT_GE(data.counters->most, std::min<std::int64_t>(workers, 2));
    }
  }
}

TEST(PrefetchWorkers, ExceptionsArriveAtTheirPlace) {
  for (const std::int64_t workers : {1, 2, 7}) {
    Slow data;
    data.fail_at = 8;  // a slow one: others behind it are made before it fails
    DataLoader loader(data, {.batch_size = 1, .prefetch = 2, .workers = workers});
    std::int64_t seen = 0;
    try {
      for (const std::int64_t first : loader) EXPECT_EQ(first, seen++);
      FAIL() << "nothing was thrown";
    } catch (const std::runtime_error& e) {
      EXPECT_STREQ(e.what(), "sample 8");
    }
    EXPECT_EQ(seen, 8);
    EXPECT_LE(data.counters->made, 9 + 2 * workers);
  }
}

TEST(PrefetchWorkers, ALoopMayBeLeftAtAnyTime) {
  for (std::int64_t leave = 0; leave < 6; ++leave) {
    Slow data;
    {
      DataLoader loader(data, {.batch_size = 1, .prefetch = 2, .workers = 3});
      std::int64_t i = 0;
      for ([[maybe_unused]] const std::int64_t first : loader) {
        if (i++ == leave) break;
      }
    }
    EXPECT_EQ(data.counters.use_count(), 1);
    EXPECT_EQ(data.counters->running, 0);
    EXPECT_LE(data.counters->made, leave + 1 + 6);
  }
}

TEST(PrefetchWorkers, AnyNumberMakesTheSameEpochs) {
  const TensorDataset data({rows(101), numbers(101)});
  DataLoader one(data, {.batch_size = 7, .shuffle = true, .seed = 5});
  const auto first = epoch_of(one), second = epoch_of(one);
  for (const std::int64_t workers : {1, 2, 4}) {
    DataLoader many(data, {.batch_size = 7, .shuffle = true, .seed = 5, .workers = workers});
    EXPECT_EQ(epoch_of(many), first);
    EXPECT_EQ(epoch_of(many), second);
    // It goes on within an epoch, whatever was made ahead.
    many.set_epoch(0);
    std::int64_t batches = 0;
    for ([[maybe_unused]] auto batch : many) {
      if (++batches == 3) break;
    }
    DataLoader other(data, {.batch_size = 7, .shuffle = true, .seed = 9, .workers = workers});
    other.load_state(many.state());
    EXPECT_EQ(epoch_of(other), std::vector(first.begin() + 21, first.end()));
    EXPECT_EQ(epoch_of(other), second);
  }
}

// Row i, moved by a random number.
auto jittered(std::int64_t n) {
  return map_samples(TensorDataset({rows(n), numbers(n)}), [](std::array<Tensor, 2> s, Generator& g) {
    s[0] = s[0] + uniform({}, 0, 1, {.generator = &g});
    return s;
  });
}

std::map<std::int64_t, float> moves(DataLoader<decltype(jittered(1))>& loader) {
  std::map<std::int64_t, float> out;
  for (auto [x, y] : loader) {
    for (std::int64_t i = 0; i < y.numel(); ++i) {
      const std::int64_t id = y.span<std::int64_t>()[static_cast<std::size_t>(i)];
      out[id] = x.span<float>()[static_cast<std::size_t>(3 * i)];
    }
  }
  return out;
}

TEST(PrefetchWorkers, RandomTransformsDependOnSeedEpochAndSampleOnly) {
  DataLoader one(jittered(40), {.batch_size = 7, .seed = 5});
  const auto first = moves(one), second = moves(one);
  ASSERT_EQ(first.size(), 40U);
  std::set<float> parts;
  for (const auto& [id, x] : first) {
    const float part = x - static_cast<float>(id);
    EXPECT_TRUE(part >= 0 && part <= 1) << part;
    parts.insert(part);
  }
  EXPECT_GT(parts.size(), 35U);
  EXPECT_NE(first, second);
  for (const std::int64_t workers : {1, 2, 4}) {
    // Another batch size and order: the numbers of a sample stay.
    DataLoader many(jittered(40), {.batch_size = 3, .shuffle = true, .seed = 5, .workers = workers});
    EXPECT_EQ(moves(many), first);
    EXPECT_EQ(moves(many), second);
    many.set_epoch(1);
    EXPECT_EQ(moves(many), second);
  }
  DataLoader other(jittered(40), {.batch_size = 7, .seed = 6});
  EXPECT_NE(moves(other), first);
}

TEST(DataLoader, RandomTransformsWithoutASeedTakeOneFromTheDefaultGenerator) {
  const auto run = [](std::uint64_t seed) {
    manual_seed(seed);
    DataLoader loader(jittered(10), {.batch_size = 10});
    return moves(loader);
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(SampleRandomTest, GeneratorsDiffer) {
  std::set<std::uint64_t> seeds;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
      for (std::int64_t i = 0; i < 3; ++i) {
        const SampleRandom r{seed, epoch};
        EXPECT_EQ(r.generator(i).counter, 0U);
        EXPECT_EQ(r.generator(i).seed, r.generator(i).seed);
        seeds.insert(r.generator(i).seed);
        seeds.insert(r.inner().generator(i).seed);
      }
    }
  }
  EXPECT_EQ(seeds.size(), 54U);
}

TEST(DataLoader, RefusesBadOptions) {
  const TensorDataset data({rows(3)});
  EXPECT_THROW(DataLoader(data, {.batch_size = 0}), ValueError);
  EXPECT_THROW(DataLoader(data, {.batch_size = 1, .prefetch = -1}), ValueError);
  EXPECT_THROW(DataLoader(data, {.batch_size = 1, .workers = -1}), ValueError);
}

}  // namespace
}  // namespace gradus::data
