// gradus profile and gradus why-nan.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "gradus/tools/models.h"
#include "tool.h"

namespace gradus::tools {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using testing::UnorderedElementsAre;

const json* row(const json& rows, const std::string& name) {
  for (const json& r : rows) {
    if (r.at("name") == name) return &r;
  }
  return nullptr;
}

class ProfileOf : public testing::TestWithParam<std::string> {};

TEST_P(ProfileOf, HasATable) {
  const TemporaryFolder folder;
  const Outcome o = run_tool(folder.path(), {"profile", GetParam(), "--repetitions", "2"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(o.err, "");
  EXPECT_THAT(o.out, AllOf(StartsWith(GetParam() + ": medians of 2 steps"), HasSubstr("GFLOP/s"),
                           HasSubstr("module"), HasSubstr("total")));
  EXPECT_THAT(files_in(folder.path()), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Models, ProfileOf, testing::ValuesIn(model_names()), [](const auto& info) {
  std::string name = info.param;
  std::erase(name, '-');
  return name;
});

TEST(Profile, CountsByOpAndByModule) {
  const TemporaryFolder folder;
  const Outcome o = run_tool(
      folder.path(), {"profile", "mlp", "--format", "json", "--batch-size", "16", "--repetitions", "3"});
  ASSERT_EQ(o.code, 0) << o.err;
  const json out = json::parse(o.out);
  const json* linear = row(out.at("ops"), "linear");
  ASSERT_NE(linear, nullptr);
  EXPECT_EQ(linear->at("calls"), 3);
  EXPECT_GT(linear->at("forward_ns"), 0);
  EXPECT_GT(linear->at("backward_ns"), 0);
  // 2 * 16 * (784 * 256 + 256 * 128 + 128 * 10), and the biases.
  EXPECT_EQ(linear->at("forward_flops"), 2 * 16 * (784 * 256 + 256 * 128 + 128 * 10) + 16 * (256 + 128 + 10));
  // Each weight's gradient, and each input's but the first's, is a product as large.
  EXPECT_GE(linear->at("backward_flops"), 2 * 16 * (784 * 256 + 2 * 256 * 128 + 2 * 128 * 10));
  const json* fc2 = row(out.at("modules"), "fc2");
  ASSERT_NE(fc2, nullptr) << o.out;
  EXPECT_GE(fc2->at("calls"), 1);
  std::int64_t calls = 0;
  for (const json& r : out.at("ops")) calls += r.at("calls").get<std::int64_t>();
  EXPECT_EQ(out.at("total").at("calls"), calls);
}

TEST(Profile, Csv) {
  const TemporaryFolder folder;
  const Outcome o = run_tool(folder.path(), {"profile", "xor", "--format", "csv", "--repetitions", "1"});
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.out,
              StartsWith("by,name,calls,forward_ns,backward_ns,forward_flops,backward_flops,forward_bytes,"
                         "backward_bytes\n"));
  EXPECT_THAT(o.out, AllOf(HasSubstr("\nop,linear,2,"), HasSubstr("\nmodule,"), HasSubstr("\ntotal,total,")));
}

TEST(Profile, FlameGraphsAndAGraphWithTimes) {
  const TemporaryFolder folder;
  const Outcome o = run_tool(folder.path(), {"profile", "mlp", "--repetitions", "1", "--speedscope", "s.json",
                                             "--chrome", "c.json", "--graph", "g.json"});
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(files_in(folder.path()), UnorderedElementsAre("s.json", "c.json", "g.json"));
  const json speedscope = json::parse(read_all(folder / "s.json"));
  EXPECT_EQ(speedscope.at("profiles")[0].at("type"), "evented");
  EXPECT_EQ(speedscope.at("name"), "mlp");
  const json chrome = json::parse(read_all(folder / "c.json"));
  std::int64_t begun = 0;
  std::int64_t backward = 0;
  for (const json& e : chrome.at("traceEvents")) {
    begun += e.at("ph") == "B" ? 1 : e.at("ph") == "E" ? -1 : 0;
    if (e.at("name") == "linear backward" && e.at("ph") == "B") ++backward;
  }
  EXPECT_EQ(begun, 0);
  EXPECT_EQ(backward, 3);
  for (const json& n : json::parse(read_all(folder / "g.json")).at("nodes")) {
    if (!n.contains("op")) continue;
    EXPECT_GT(n.at("forward_ns"), 0) << n.at("op");
    EXPECT_TRUE(n.contains("gradient")) << n.at("op");
  }
}

TEST(Profile, WrongInput) {
  const TemporaryFolder folder;
  const Outcome model = run_tool(folder.path(), {"profile", "mpl"});
  EXPECT_EQ(model.code, 2);
  EXPECT_THAT(model.err, HasSubstr("unknown model 'mpl'; did you mean mlp?"));
  const Outcome file = run_tool(folder.path(), {"profile", "mlp", "--speedscope", "no/such/folder/s.json"});
  EXPECT_EQ(file.code, 2);
  EXPECT_EQ(file.out, "") << "the path is tried before the steps run";
  EXPECT_EQ(run_tool(folder.path(), {"profile", "mlp", "--graph", "g.txt"}).code, 2);
  EXPECT_EQ(run_tool(folder.path(), {"profile", "mlp", "--format", "xml"}).code, 2);
  EXPECT_EQ(run_tool(folder.path(), {"profile", "mlp", "--repetitions", "0"}).code, 2);
  EXPECT_THAT(files_in(folder.path()), IsEmpty());
}

TEST(WhyNan, CleanModels) {
  const TemporaryFolder folder;
  for (const std::string& model : model_names()) {
    const Outcome o = run_tool(folder.path(), {"why-nan", model});
    EXPECT_EQ(o.code, 0) << model << o.out << o.err;
    EXPECT_THAT(o.out, StartsWith("clean: 1 step, "));
  }
  EXPECT_THAT(files_in(folder.path()), IsEmpty());
}

TEST(WhyNan, NamesAndDrawsTheFirstOp) {
  const TemporaryFolder folder;
  const Outcome o =
      run_tool(folder.path(), {"why-nan", "linear-regression", "--scale", "1e30", "--out", "n.svg"});
  EXPECT_EQ(o.code, 1) << o.err;
  // The prediction is of the size of 1e30; its square is no f32.
  EXPECT_THAT(o.out, AllOf(StartsWith("step 1, forward: mse_loss at models.cc:"),
                           HasSubstr("result [] f32: 0 NaN, 1 inf of 1"),
                           HasSubstr("\"prediction\" [32, 1] f32: min"), HasSubstr("n.svg\n")));
  EXPECT_EQ(xml_root(folder / "n.svg"), "{http://www.w3.org/2000/svg}svg");
  EXPECT_THAT(read_all(folder / "n.svg"), AllOf(HasSubstr("mse_loss"), HasSubstr("1 inf")));
  EXPECT_THAT(files_in(folder.path()), ElementsAre("n.svg"));
}

TEST(WhyNan, InTheBackward) {
  const TemporaryFolder folder;
  // With one row the loss is p^2 for a prediction p, the gradient of a weight 2 p x: x is larger than p, so
  // the gradient is the first to leave f32 as inputs grow.
  Outcome o;
  for (double scale = 1e19; scale < 1e21 && o.code != 1; scale *= 1.1) {
    o = run_tool(folder.path(), {"why-nan", "linear-regression", "--batch-size", "1", "--scale",
                                 std::to_string(scale), "--out", "n.dot"});
  }
  EXPECT_EQ(o.code, 1) << o.out << o.err;
  EXPECT_THAT(
      o.out, AllOf(StartsWith("step 1, backward: "), HasSubstr("  gradient of "), HasSubstr("  cotangent ")));
  EXPECT_THAT(read_all(folder / "n.dot"), HasSubstr("gradient of"));
}

TEST(WhyNan, TrainsUntilItBreaks) {
  const TemporaryFolder folder;
  const Outcome clean =
      run_tool(folder.path(), {"why-nan", "linear-regression", "--lr", "0.1", "--steps", "20"});
  EXPECT_EQ(clean.code, 0) << clean.out;
  const Outcome broken =
      run_tool(folder.path(), {"why-nan", "linear-regression", "--lr", "1e6", "--steps", "50"});
  EXPECT_EQ(broken.code, 1) << broken.out;
  EXPECT_THAT(broken.out, testing::Not(StartsWith("step 1,")));
}

TEST(WhyNan, WrongInput) {
  const TemporaryFolder folder;
  const Outcome ending = run_tool(folder.path(), {"why-nan", "mlp", "--out", "n.txt"});
  EXPECT_EQ(ending.code, 2);
  EXPECT_THAT(ending.err, HasSubstr("--out n.txt does not end in .svg"));
  EXPECT_EQ(run_tool(folder.path(), {"why-nan", "mlp", "--steps", "0"}).code, 2);
  EXPECT_EQ(run_tool(folder.path(), {"why-nan", "nothing"}).code, 2);
}

}  // namespace
}  // namespace gradus::tools
