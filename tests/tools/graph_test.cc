// gradus graph: every built-in model in every format.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gradus/tools/models.h"
#include "tool.h"

namespace gradus::tools {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using testing::UnorderedElementsAre;

class Graph : public testing::TestWithParam<std::string> {};

TEST_P(Graph, DotGoesToTheTerminal) {
  const TemporaryFolder folder;
  const Outcome o = run_tool(folder.path(), {"graph", GetParam()});
  EXPECT_EQ(o.code, 0);
  EXPECT_EQ(o.err, "");
  EXPECT_THAT(o.out, StartsWith("digraph gradus {\n"));
  EXPECT_THAT(files_in(folder.path()), IsEmpty());
  EXPECT_EQ(run_tool(folder.path(), {"graph", GetParam()}).out, o.out) << "the same every time";
}

TEST_P(Graph, SvgAndPngGoToFiles) {
  const TemporaryFolder folder;
  const Outcome svg = run_tool(folder.path(), {"graph", GetParam(), "--format", "svg"});
  EXPECT_EQ(svg.code, 0);
  EXPECT_EQ(svg.out, GetParam() + ".svg\n");
  EXPECT_EQ(xml_root(folder / (GetParam() + ".svg")), "{http://www.w3.org/2000/svg}svg");
  const Outcome png = run_tool(folder.path(), {"graph", GetParam(), "--out", "picture.png"});
  EXPECT_EQ(png.code, 0);
  EXPECT_EQ(png.out, "picture.png\n");
  EXPECT_THAT(read_all(folder / "picture.png"), StartsWith("\x89PNG\r\n\x1a\n"));
  EXPECT_THAT(files_in(folder.path()), UnorderedElementsAre("picture.png", GetParam() + ".svg"));
}

INSTANTIATE_TEST_SUITE_P(Models, Graph, testing::ValuesIn(model_names()), [](const auto& info) {
  std::string name = info.param;
  std::erase(name, '-');
  return name;
});

TEST(GraphOfXor, ShowsNamesSizesAndOps) {
  const TemporaryFolder folder;
  const std::string dot = run_tool(folder.path(), {"graph", "xor"}).out;
  for (const char* word : {"hidden.weight", "hidden.bias", "out.weight", "tanh", "sigmoid", "mse_loss",
                           "prediction", "8 × 2", "4 × 1", "scalar"}) {
    EXPECT_THAT(dot, HasSubstr(word));
  }
}

TEST(GraphOfMlp, BatchSizeIsShown) {
  const TemporaryFolder folder;
  EXPECT_THAT(run_tool(folder.path(), {"graph", "mlp", "--batch-size", "7"}).out,
              AllOf(HasSubstr("7 × 784"), Not(HasSubstr("32 × 784"))));
}

TEST(GraphFile, AFolderInItsPlace) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "xor.svg");
  const Outcome o = run_tool(folder.path(), {"graph", "xor", "--format", "svg"});
  EXPECT_EQ(o.code, 2);
  EXPECT_EQ(o.err, "gradus graph: write_graph: cannot write xor.svg: it is a folder\n");
  EXPECT_THAT(files_in(folder.path()), ElementsAre("xor.svg"));
}

}  // namespace
}  // namespace gradus::tools
