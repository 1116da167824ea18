// Places of a loader, states of random numbers, and files of both.
#include "gradus/data/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "gradus/base/error.h"
#include "gradus/base/random.h"
#include "gradus/data/data_loader.h"
#include "gradus/data/format/safetensors.h"
#include "gradus/data/tensor_dataset.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/random.h"
#include "gradus/tests/graph/message.h"

namespace gradus::data {
namespace {

using test_ops::message_of;
using ::testing::HasSubstr;

class CheckpointTest : public ::testing::Test {
 protected:
  CheckpointTest()
      : path_(
            (std::filesystem::temp_directory_path() / ("gradus_" + std::to_string(getpid()) + ".checkpoint"))
                .string()) {}
  ~CheckpointTest() override { std::filesystem::remove(path_); }
  std::string path_;
};

TEST_F(CheckpointTest, PartsComeBack) {
  const CheckpointParts parts = {{"model", {{"fc.weight", full({2, 3}, 1.5)}, {"a/b", full({}, 2)}}},
                                 {"nothing", {}}};
  ASSERT_TRUE(save_checkpoint(path_, parts).ok());
  const auto back = load_checkpoint(path_);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_TRUE(back->has("nothing"));
  EXPECT_TRUE(back->part("nothing").empty());
  ASSERT_EQ(back->part("model").size(), 2U);
  for (const NamedTensor& t : back->part("model")) {
    EXPECT_TRUE(t.name == "fc.weight" || t.name == "a/b") << t.name;
  }
  EXPECT_FALSE(back->has("optimizer"));
  EXPECT_THAT(message_of<ValueError>([&] { (void)back->part("optimizer"); }),
              HasSubstr("no part \"optimizer\"; the parts are model, nothing"));
}

TEST_F(CheckpointTest, RefusesWhatIsNone) {
  EXPECT_THAT(save_checkpoint(path_, {{"a/b", {}}}).message(), HasSubstr("without '/'"));
  EXPECT_THAT(save_checkpoint(path_, {{"", {}}}).message(), HasSubstr("without '/'"));
  EXPECT_THAT(save_checkpoint(path_, {{"a", {}}, {"a", {}}}).message(), HasSubstr("two parts"));
  EXPECT_FALSE(std::filesystem::exists(path_));
  ASSERT_TRUE(save_safetensors(path_, {{"x", zeros({1})}}).ok());
  EXPECT_THAT(load_checkpoint(path_).status().ToString(), HasSubstr("no checkpoint of gradus"));
  ASSERT_TRUE(
      save_safetensors(path_, {{"x", zeros({1})}}, {{"gradus_checkpoint", "1"}, {"parts", "a"}}).ok());
  EXPECT_THAT(load_checkpoint(path_).status().ToString(), HasSubstr("\"x\" belongs to no part"));
  ASSERT_TRUE(save_safetensors(path_, {}, {{"gradus_checkpoint", "2"}, {"parts", "a"}}).ok());
  EXPECT_THAT(load_checkpoint(path_).status().ToString(), HasSubstr("version \"2\""));
  EXPECT_EQ(load_checkpoint("/nowhere/c").status().code(), absl::StatusCode::kNotFound);
}

TEST(RandomStateTest, TheSameNumbersFollow) {
  manual_seed(5);
  (void)normal({3});
  const NamedTensors state = random_state();
  const std::vector<float> first = normal({100}).to_vector<float>();
  (void)normal({7});
  load_random_state(state);
  EXPECT_EQ(normal({100}).to_vector<float>(), first);
  EXPECT_THAT(message_of<ValueError>([&] { load_random_state({state[0]}); }),
              HasSubstr("the state lacks \"counter\""));
  EXPECT_THAT(message_of<ValueError>([&] {
                load_random_state({state[0], state[0], state[1]});
              }),
              HasSubstr("twice"));
  EXPECT_THAT(message_of<ValueError>([&] {
                load_random_state({state[0], state[1], {"more", state[0].tensor}});
              }),
              HasSubstr("the state holds \"more\", which belongs to nothing here"));
  EXPECT_THAT(message_of<DtypeError>([&] {
                load_random_state({state[0], {"counter", full({}, 1)}});
              }),
              HasSubstr("it must be u64"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                load_random_state({state[0], {"counter", zeros({2}, DType::u64)}});
              }),
              HasSubstr("it must be one number"));
  manual_seed(0);
}

using Loader = DataLoader<TensorDataset<1>>;

Loader make(std::int64_t prefetch, std::uint64_t seed = 3) {
  return Loader(TensorDataset(arange(0, 11, 1, DType::i64)),
                {.batch_size = 3, .shuffle = true, .seed = seed, .prefetch = prefetch});
}

// The batches of two epochs, one after the other, from where the loader stands.
std::vector<std::vector<std::int64_t>> rest(Loader& loader, std::uint64_t epochs) {
  std::vector<std::vector<std::int64_t>> out;
  while (loader.epoch() < epochs) {
    for (auto [x] : loader) out.push_back(x.to_vector<std::int64_t>());
  }
  return out;
}

TEST(LoaderStateTest, GoesOnBehindAnyBatch) {
  Loader whole_run = make(0);
  const auto all = rest(whole_run, 3);
  ASSERT_EQ(all.size(), 12U);
  for (const std::int64_t prefetch : {0, 2}) {
    for (std::size_t stop = 0; stop <= 12; ++stop) {
      Loader loader = make(prefetch);
      NamedTensors state = loader.state();
      for (std::size_t seen = 0; seen < stop;) {
        for (auto [x] : loader) {
          EXPECT_EQ(x.to_vector<std::int64_t>(), all[seen]);
          state = loader.state();
          if (++seen == stop) break;
        }
      }
      Loader resumed = make(prefetch, /*seed=*/99);  // the seed is part of the state
      resumed.load_state(state);
      EXPECT_EQ(rest(resumed, 3), std::vector(all.begin() + static_cast<std::ptrdiff_t>(stop), all.end()))
          << stop;
    }
  }
}

TEST(LoaderStateTest, StatesOfOtherDataAreRefused) {
  Loader loader = make(0);
  (void)rest(loader, 1);
  const NamedTensors state = loader.state();
  Loader small(TensorDataset(arange(0, 10, 1, DType::i64)), {.batch_size = 3});
  EXPECT_THAT(message_of<ValueError>([&] { small.load_state(state); }),
              HasSubstr("one of 11 samples in batches of 3; this loader has 10 in batches of 3"));
  NamedTensors wrong = state;
  wrong[1].tensor = full({}, 4, DType::u64);
  EXPECT_THAT(message_of<ValueError>([&] { loader.load_state(wrong); }),
              HasSubstr("batch 4 is not there; an epoch has 4"));
  EXPECT_EQ(loader.epoch(), 1U);
}

}  // namespace
}  // namespace gradus::data
