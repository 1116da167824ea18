// gradus graph: every built-in model in every format.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "gradus/data/format/snapshot.h"
#include "gradus/graph/dot.h"
#include "gradus/tools/graph_source.h"
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

// What Graphviz's own programs complain of in a text; "" where they take it.
std::string complaints(const std::string& path) {
  std::string said;
  for (const std::string command : {"dot -Tcanon -o /dev/null '", "gvpr -o /dev/null 'N { $.name }' '"}) {
    std::FILE* pipe = popen((command + path + "' 2>&1").c_str(), "r");
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) said += static_cast<char>(c);
    if (pclose(pipe) != 0) said += "it failed";
  }
  return said;
}

TEST_P(Graph, DotGoesToTheTerminal) {
  const TemporaryFolder folder;
  const Outcome o = run_tool(folder.path(), {"graph", GetParam()});
  EXPECT_EQ(o.code, 0);
  EXPECT_EQ(o.err, "");
  EXPECT_THAT(o.out, StartsWith("digraph gradus {\n"));
  EXPECT_THAT(files_in(folder.path()), IsEmpty());
  EXPECT_EQ(run_tool(folder.path(), {"graph", GetParam()}).out, o.out) << "the same every time";
}

TEST_P(Graph, GraphvizTakesItWithoutAWarning) {
  const TemporaryFolder folder;
  for (const std::string depth : {"auto", "all", "0"}) {
    // Of two rows: Graphviz takes minutes for the thousands of boxes of a whole batch of trees.
    run_tool(folder.path(), {"graph", GetParam(), "--depth", depth, "--batch-size", "2", "--out", "a.dot"});
    EXPECT_EQ(complaints(folder / "a.dot"), "") << depth;
  }
  run_tool(folder.path(), {"graph", GetParam(), "--pass", "both", "--heat", "memory", "--batch-size", "2",
                           "--out", "a.dot"});
  EXPECT_EQ(complaints(folder / "a.dot"), "");
}

TEST_P(Graph, ASnapshotIsDrawnAsItsModel) {
  const TemporaryFolder folder;
  EXPECT_EQ(run_tool(folder.path(), {"graph", GetParam(), "--out", "a.json"}).code, 0);
  EXPECT_EQ(run_tool(folder.path(), {"graph", "a.json"}).out,
            run_tool(folder.path(), {"graph", GetParam()}).out);
  const Outcome same = run_tool(folder.path(), {"graph", "diff", "a.json", GetParam()});
  EXPECT_EQ(same.code, 0) << same.out;
}

TEST_P(Graph, SvgAndPngGoToFiles) {
  const TemporaryFolder folder;
  const Outcome svg = run_tool(folder.path(), {"graph", GetParam(), "--format", "svg"});
  EXPECT_EQ(svg.code, 0);
  EXPECT_EQ(svg.out, GetParam() + ".svg\n");
  EXPECT_EQ(xml_root(folder / (GetParam() + ".svg")), "{http://www.w3.org/2000/svg}svg");
  EXPECT_EQ(run_tool(folder.path(), {"graph", GetParam(), "--out", "picture.pdf"}).code, 0);
  EXPECT_THAT(read_all(folder / "picture.pdf"), StartsWith("%PDF"));
  const Outcome png = run_tool(folder.path(), {"graph", GetParam(), "--out", "picture.png"});
  EXPECT_EQ(png.code, 0);
  EXPECT_EQ(png.out, "picture.png\n");
  EXPECT_THAT(read_all(folder / "picture.png"), StartsWith("\x89PNG\r\n\x1a\n"));
  EXPECT_THAT(files_in(folder.path()),
              UnorderedElementsAre("picture.png", "picture.pdf", GetParam() + ".svg"));
}

INSTANTIATE_TEST_SUITE_P(Models, Graph, testing::ValuesIn(graph_model_names()), [](const auto& info) {
  std::string name = info.param;
  std::erase(name, '-');
  std::erase(name, '_');
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

TEST(GraphNames, AnyTextIsTakenByGraphviz) {
  const TemporaryFolder folder;
  for (const std::string name :
       {"a\"b", "<b>x</b>", "x & y", "back\\slash", "two\nlines", "\x01\x7f", "\xff\xfe", "größe",
        "\\N \\G \\", "]; } digraph {", "-->", "模型.層", "&#65;", "\xed\xa0\x80"}) {
    GraphSnapshot g;
    GraphSnapshot::Node leaf;
    leaf.kind = GraphSnapshot::Kind::kParameter;
    leaf.outputs.push_back({Shape{2}, DType::f32, name + ".weight"});
    g.nodes.push_back(leaf);
    for (int i = 0; i < 2; ++i) {
      GraphSnapshot::Node op;
      op.op = name;
      op.module = name + ".fc";
      op.where = name;
      op.attributes.push_back({name, AttrType::cstring, name, 0, 0, {}});
      op.inputs.push_back({i, 0});
      op.outputs.push_back({Shape{2}, DType::f32, name});
      g.nodes.push_back(op);
    }
    g.title = name;
    for (const int depth : {PictureOptions::kFit, 0}) {
      for (const ParameterStyle style : {ParameterStyle::kBoxes, ParameterStyle::kLines}) {
        write_all(folder / "a.dot", to_dot(g, {.picture = {.depth = depth, .parameters = style}}));
        EXPECT_EQ(complaints(folder / "a.dot"), "") << name;
      }
    }
    const absl::StatusOr<GraphSnapshot> back = parse_snapshot(to_json(g));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(to_json(*back), to_json(g));
  }
}

TEST(GraphDiff, TellsWhatDiffersAndExitsWithOne) {
  const TemporaryFolder folder;
  const Outcome o = run_tool(folder.path(), {"graph", "diff", "xor", "linear-regression"});
  EXPECT_EQ(o.code, 1);
  EXPECT_THAT(o.out, AllOf(HasSubstr("removed   tanh"), HasSubstr("operations ")));
}

TEST(GraphParts, AroundReachingAndFilter) {
  const TemporaryFolder folder;
  EXPECT_THAT(run_tool(folder.path(), {"graph", "mlp", "--around", "cross_entropy", "--radius", "1"}).out,
              AllOf(HasSubstr("<b>linear</b>"), Not(HasSubstr("<b>relu</b>"))));
  EXPECT_THAT(run_tool(folder.path(), {"graph", "mlp", "--reaching", "fc3.weight"}).out,
              AllOf(HasSubstr("fc3.weight"), Not(HasSubstr("fc1.weight"))));
  EXPECT_THAT(run_tool(folder.path(), {"graph", "mlp", "--filter", "^relu$"}).out,
              AllOf(HasSubstr("<b>relu</b>"), HasSubstr("style=dashed"), Not(HasSubstr("<b>linear</b>"))));
  EXPECT_THAT(run_tool(folder.path(), {"graph", "mlp", "--format", "text"}).out, HasSubstr("cross_entropy"));
  EXPECT_THAT(run_tool(folder.path(), {"graph", "mlp", "--pass", "both"}).out, HasSubstr("> backward <"));
}

TEST(GraphOnnx, AFileIsDrawn) {
  const TemporaryFolder folder;
  ASSERT_EQ(run_tool(folder.path(), {"onnx", "export", "mlp", "--out", "m.onnx"}).code, 0);
  const Outcome o = run_tool(folder.path(), {"graph", "m.onnx"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.out, AllOf(HasSubstr("fc1.weight"), HasSubstr("relu"), HasSubstr("logits")));
}

TEST(GraphErrors, ExitWithTwoAndLeaveNothing) {
  const TemporaryFolder folder;
  write_all(folder / "cut.json", "{\"format\": \"gradus graph\", \"version\": 1, \"nodes\": [");
  write_all(folder / "old.json", "{\"format\": \"gradus graph\", \"version\": 9, \"nodes\": []}");
  write_all(folder / "no.onnx", "x");
  const std::pair<std::vector<std::string>, const char*> kWrong[] = {
      {{"graph", "mpl"}, "unknown model 'mpl'; did you mean mlp?"},
      {{"graph", "mlp", "--format", "svgg"}, "unknown format 'svgg'; did you mean svg?"},
      {{"graph", "mlp", "--out", "a.gif"}, "--out a.gif: unknown format 'gif'"},
      {{"graph", "mlp", "--around", "fc1.wieght", "--out", "a.svg"},
       "unknown node 'fc1.wieght'; did you mean fc1.weight"},
      {{"graph", "mlp", "--reaching", "zzz", "--out", "a.svg"}, "unknown node 'zzz'; --format text shows"},
      {{"graph", "mlp", "--filter", "(", "--out", "a.svg"}, "\"(\" is no regular expression"},
      {{"graph", "mlp", "--filter", "zzz", "--out", "a.svg"}, "no name, op or module matches"},
      {{"graph", "mlp", "--depth", "x"}, "neither auto, all nor a number"},
      {{"graph", "mlp", "--heat", "time", "--out", "a.svg"}, "no times were measured"},
      {{"graph", "cut.json", "--out", "a.svg"}, "cut.json: line 1: the text is cut off"},
      {{"graph", "old.json", "--out", "a.svg"}, "old.json: it is of version 9"},
      {{"graph", "none.json"}, "none.json"},
      {{"graph", "no.onnx", "--out", "a.svg"}, "no.onnx"},
      {{"graph", "mlp", "xor"}, "one model at a time; what is 'xor'?"},
      {{"graph", "diff", "mlp"}, "diff takes two"},
      {{"graph", "mlp", "--out", "none/a.svg"}, "cannot write none/a.svg"},
  };
  for (const auto& [args, what] : kWrong) {
    const Outcome o = run_tool(folder.path(), args);
    EXPECT_EQ(o.code, 2) << what;
    EXPECT_THAT(o.err, HasSubstr(what));
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
    EXPECT_THAT(files_in(folder.path()), UnorderedElementsAre("cut.json", "old.json", "no.onnx"));
  }
}

TEST(GraphFile, AFolderInItsPlace) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "xor.svg");
  const Outcome o = run_tool(folder.path(), {"graph", "xor", "--format", "svg"});
  EXPECT_EQ(o.code, 2);
  EXPECT_EQ(o.err, "gradus graph: cannot write xor.svg: it is a folder\n");
  EXPECT_THAT(files_in(folder.path()), ElementsAre("xor.svg"));
}

}  // namespace
}  // namespace gradus::tools
