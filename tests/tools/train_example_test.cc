// gradus train NAME for examples of the model zoo: what it leaves, and what it refuses. That each example
// learns is tested in tests/zoo.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "gradus/data/format/safetensors.h"
#include "tool.h"

namespace gradus::tools {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

const std::vector<std::string> kSmall = {
    "train", "matrix-factorization", "--epochs", "2", "--users", "30", "--items", "20"};

std::vector<std::string> small(std::vector<std::string> more = {}) {
  std::vector<std::string> args = kSmall;
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

TEST(TrainExample, LeavesHistoryPictureAndWeights) {
  const TemporaryFolder folder;
  const Outcome o = run_tool(folder.path(), small());
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.out, AllOf(StartsWith("matrix-factorization: "), HasSubstr("\nepoch 1  "),
                           HasSubstr("\nepoch 2  "), HasSubstr("\ntest rmse: ")));
  EXPECT_THAT(files_in(folder / "out/matrix-factorization"),
              ElementsAre("factors.safetensors", "history.csv", "history.svg"));
  EXPECT_THAT(read_all(folder / "out/matrix-factorization/history.csv"),
              AllOf(StartsWith("epoch,"), HasSubstr("\n1,"), HasSubstr("\n2,")));
  EXPECT_THAT(read_all(folder / "out/matrix-factorization/history.svg"), HasSubstr("test rmse"));
  EXPECT_TRUE(data::load_safetensors(folder / "out/matrix-factorization/factors.safetensors").ok());
}

TEST(TrainExample, TheSeedIsAllThatChangesANumber) {
  const TemporaryFolder folder;
  const auto weights = [&](const std::string& out, const std::string& seed) {
    EXPECT_EQ(run_tool(folder.path(), small({"--out", out, "--seed", seed})).code, 0);
    return read_all(folder / (out + "/factors.safetensors"));
  };
  const std::string first = weights("a", "1");
  EXPECT_EQ(weights("b", "1"), first);
  EXPECT_NE(weights("c", "2"), first);
}

TEST(TrainExample, WithoutGnuplotTheNumbersStay) {
  const TemporaryFolder folder;
  const Outcome o = run_tool(folder.path(), small({"--out", "out"}), /*path_variable=*/folder.path());
  EXPECT_EQ(o.code, 0);
  EXPECT_THAT(o.err, HasSubstr("no history.svg: gnuplot is not installed (package gnuplot-nox)"));
  EXPECT_THAT(files_in(folder / "out"), ElementsAre("factors.safetensors", "history.csv"));
}

TEST(TrainExample, WrongInputIsOneLineAndNoFile) {
  const TemporaryFolder folder;
  const auto refuses = [&](std::vector<std::string> more, const std::string& message) {
    const Outcome o = run_tool(folder.path(), small(std::move(more)));
    EXPECT_EQ(o.code, 2);
    EXPECT_THAT(o.err, AllOf(StartsWith("gradus train matrix-factorization: "), HasSubstr(message)));
    EXPECT_THAT(files_in(folder.path()), IsEmpty());
  };
  refuses({"--rank", "x"}, "--rank: 'x' is not a whole number from ");
  refuses({"--rank", "0"}, "--rank: '0' is not a whole number from ");
  refuses({"--lr", "nan"}, "--lr: 'nan' is not a number from ");
  refuses({"--rnak", "3"}, "unknown option '--rnak'; did you mean --rank?");
  refuses({"--seed", "-1"}, "--seed: '-1' is not a whole number of at least 0");
  refuses({"--out", "/proc/none"}, "/proc/none");
}

TEST(TrainExample, StopsOnASignalAndLeavesNothing) {
  const TemporaryFolder folder;
  Tool tool(folder.path(), {"train", "matrix-factorization", "--epochs", "10000", "--out", "out"});
  while (tool.out().find("epoch 1") == std::string::npos)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  tool.send(SIGINT);
  const Outcome o = tool.wait();
  EXPECT_EQ(o.code, 130);
  EXPECT_EQ(o.err, "gradus train matrix-factorization: stopped; no file was changed\n");
  EXPECT_FALSE(std::filesystem::exists(folder / "out"));
}

}  // namespace
}  // namespace gradus::tools
