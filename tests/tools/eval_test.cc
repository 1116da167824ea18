// gradus eval: the score of what train wrote, and every way in which a file of weights is the wrong one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "gradus/data/format/safetensors.h"
#include "gradus/nn/nn.h"
#include "tool.h"

namespace gradus::tools {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

using Words = std::vector<std::string>;

class Eval : public testing::Test {
 protected:
  // One training serves all tests; each works on its copy.
  static void SetUpTestSuite() {
    shared_ = new TemporaryFolder;
    write_small_data(*shared_ / "data");
    trained_ = run_tool(shared_->path(),
                        {"train", "fashion-mnist", "--data", "data", "--epochs", "3", "--out", "out"});
    lenet_ = run_tool(shared_->path(), {"train", "fashion-mnist", "--data", "data", "--epochs", "1",
                                        "--model", "lenet", "--out", "lenet"});
  }
  static void TearDownTestSuite() { delete shared_; }

  Eval() { std::filesystem::copy(shared_->path(), folder_.path(), std::filesystem::copy_options::recursive); }

  std::string weights_path() const { return folder_ / "out/weights.safetensors"; }
  Outcome eval(const std::string& weights = "out/weights.safetensors") const {
    return run_tool(folder_.path(), {"eval", "fashion-mnist", "--data", "data", "--weights", weights});
  }
  static void expect_refused(const Outcome& o, const std::string& message) {
    EXPECT_EQ(o.code, 2);
    EXPECT_EQ(o.out, "");
    EXPECT_THAT(o.err, AllOf(StartsWith("gradus eval: "), HasSubstr(message)));
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
  }

  static TemporaryFolder* shared_;
  static Outcome trained_, lenet_;
  TemporaryFolder folder_;
};
TemporaryFolder* Eval::shared_ = nullptr;
Outcome Eval::trained_, Eval::lenet_;

// "0.1234  test accuracy 98.00 %"
std::string score_in(const std::string& text) {
  const std::size_t begin = text.rfind("test loss ");
  return begin == std::string::npos ? "" : text.substr(begin, text.find('%', begin) - begin);
}

TEST_F(Eval, TheScoreIsThatOfTheLastEpoch) {
  ASSERT_EQ(trained_.code, 0) << trained_.err;
  const Outcome o = eval();
  EXPECT_EQ(o.code, 0);
  EXPECT_EQ(o.err, "");
  EXPECT_THAT(o.out, HasSubstr("% of 100 images\n"));
  EXPECT_NE(score_in(o.out), "");
  EXPECT_EQ(score_in(o.out), score_in(trained_.out));
  for (const char* name : {"T-shirt/top", "Trouser", "Ankle boot"}) EXPECT_THAT(o.out, HasSubstr(name));
}

TEST_F(Eval, TheModelIsKnownFromTheWeights) {
  ASSERT_EQ(lenet_.code, 0) << lenet_.err;
  const Words args = {"eval", "fashion-mnist", "--data", "data", "--weights", "lenet/weights.safetensors"};
  const auto eval_as = [&](const char* model) {
    Words more = args;
    more.insert(more.end(), {"--model", model});
    return run_tool(folder_.path(), more);
  };
  const Outcome o = run_tool(folder_.path(), args);
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(score_in(o.out), score_in(lenet_.out));
  EXPECT_EQ(eval_as("lenet").out, o.out);
  expect_refused(eval_as("mlp"), "; its names are those of --model lenet");
  expect_refused(eval_as("resnet"), "; its names are those of --model lenet");
}

TEST_F(Eval, NoFile) {
  expect_refused(eval("none.safetensors"), "none.safetensors");
  expect_refused(eval("none.safetensors"), "`gradus train` writes it, --weights names another file");
  expect_refused(eval("data"), "cannot read data: it is a folder");
}

TEST_F(Eval, DamagedFile) {
  const std::string whole = read_all(weights_path());
  const auto with = [&](const std::string& content) {
    write_all(weights_path(), content);
    return eval();
  };
  expect_refused(with(""), "out/weights.safetensors: cut off after 0 bytes");
  expect_refused(with(whole.substr(0, 100)), "out/weights.safetensors: at byte 0: a header of ");
  expect_refused(with(whole.substr(0, whole.size() - 1)), "the file is cut off");
  expect_refused(with(whole + "x"), "something follows them");
  std::string other = whole;
  other[8] = '[';
  expect_refused(with(other), "at byte 8: the header does not begin with '{'");
  other = whole;
  other[whole.find("F32")] = 'X';
  expect_refused(with(other), "gradus has no dtype X32");
  EXPECT_EQ(with(whole).code, 0);
}

TEST_F(Eval, WeightsOfAnotherModel) {
  ASSERT_TRUE(data::save_safetensors(weights_path(), nn::Linear(784, 10).state_dict()).ok());
  expect_refused(eval(), "fc1.weight");
  auto state = data::load_safetensors(*shared_ / "out/weights.safetensors");
  ASSERT_TRUE(state.ok());
  (*state)[0].tensor = empty({128, 784});
  ASSERT_TRUE(data::save_safetensors(weights_path(), *state).ok());
  const Outcome o = eval();
  expect_refused(o, "out/weights.safetensors: ");
  EXPECT_THAT(o.err, AllOf(HasSubstr("fc1.weight"), HasSubstr("[128, 784]"), HasSubstr("[256, 784]")));
}

}  // namespace
}  // namespace gradus::tools
