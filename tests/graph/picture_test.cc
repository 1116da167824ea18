// Folding: which boxes, frames and arrows are drawn of a snapshot.
#include "gradus/graph/picture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "gradus/graph/dot.h"
#include "gradus/graph/module_path.h"
#include "gradus/graph/write_graph.h"

namespace gradus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Kind = GraphSnapshot::Kind;

// Builds snapshots node by node.
class Builder {
 public:
  int leaf(Kind kind, std::string name) {
    GraphSnapshot::Node n;
    n.kind = kind;
    n.outputs.push_back({Shape{4, 4}, DType::f32, std::move(name)});
    return push(std::move(n));
  }
  int op(std::string name, std::vector<int> inputs, std::string module = "", Kind kind = Kind::kOp) {
    GraphSnapshot::Node n;
    n.kind = kind;
    n.op = std::move(name);
    for (const int i : inputs) n.inputs.push_back({i, 0});
    n.outputs.push_back({Shape{4, 4}, DType::f32, ""});
    n.module = std::move(module);
    n.saved_bytes = 64;
    return push(std::move(n));
  }
  GraphSnapshot take() {
    graph.nodes.back().is_root = true;
    return graph;
  }
  GraphSnapshot graph;

 private:
  int push(GraphSnapshot::Node n) {
    graph.nodes.push_back(std::move(n));
    return static_cast<int>(graph.nodes.size()) - 1;
  }
};

std::vector<std::string> titles(const GraphPicture& p) {
  std::vector<std::string> out;
  for (const auto& b : p.boxes) {
    if (b.kind == GraphPicture::Kind::kOp || b.kind == GraphPicture::Kind::kModule)
      out.push_back(b.title + (b.repeats > 1 ? " x" + std::to_string(b.repeats) : ""));
  }
  return out;
}

bool has_arrow(const GraphPicture& p, std::string_view from, std::string_view to) {
  return std::any_of(p.arrows.begin(), p.arrows.end(), [&](const auto& a) {
    return p.boxes[static_cast<std::size_t>(a.from)].title == from &&
           p.boxes[static_cast<std::size_t>(a.to)].title == to;
  });
}

// stem -> n blocks of linear, relu, add -> head, as a residual network.
GraphSnapshot blocks(int n) {
  Builder b;
  int x = b.op("conv", {b.leaf(Kind::kParameter, "stem.weight")}, "stem");
  for (int i = 0; i < n; ++i) {
    const std::string module = "blocks." + std::to_string(i);
    const int w = b.leaf(Kind::kParameter, module + ".fc.weight");
    const int h = b.op("relu", {b.op("linear", {x, w}, module + ".fc")}, module);
    x = b.op("add", {x, h}, module);
  }
  b.op("linear", {x, b.leaf(Kind::kParameter, "head.weight")}, "head");
  return b.take();
}

TEST(Picture, SmallGraphsAreDrawnInFull) {
  const GraphPicture p = make_picture(blocks(2));
  EXPECT_THAT(titles(p), ElementsAre("conv", "linear", "relu", "add", "linear", "relu", "add", "linear"));
  EXPECT_FALSE(p.folded);
  EXPECT_EQ(p.boxes.size(), 12U) << "parameters are boxes";
}

TEST(Picture, RepeatedBlocksAreDrawnOnce) {
  const GraphPicture p = make_picture(blocks(100));
  EXPECT_THAT(titles(p), ElementsAre("conv", "linear", "relu", "add", "linear"));
  ASSERT_EQ(p.frames.size(), 1U);
  EXPECT_EQ(p.frames[0].title, "blocks.0\u201399");
  EXPECT_EQ(p.frames[0].repeats, 100);
  EXPECT_TRUE(has_arrow(p, "conv", "linear"));
  EXPECT_TRUE(has_arrow(p, "add", "linear")) << "the last block feeds the head";
  for (const auto& a : p.arrows) EXPECT_LT(a.from, a.to) << "from one copy to the next there is no arrow";
  EXPECT_TRUE(p.folded);
  EXPECT_EQ(p.operations, 302);
  std::int64_t operations = 0, saved = 0;
  for (const auto& box : p.boxes) {
    operations += box.operations;
    saved += box.saved_bytes;
  }
  EXPECT_EQ(operations, 302) << "each box counts all that it stands for";
  EXPECT_EQ(saved, 302 * 64);
}

TEST(Picture, ABlockThatDiffersIsDrawnByItself) {
  GraphSnapshot g = blocks(20);
  for (auto& n : g.nodes) {
    if (n.module == "blocks.7" && n.op == "relu") n.op = "gelu";
  }
  const GraphPicture p = make_picture(g);
  std::vector<std::string> frames;
  for (const auto& f : p.frames) frames.push_back(f.title + " x" + std::to_string(f.repeats));
  EXPECT_THAT(frames, ElementsAre("blocks.0\u20136 x7", "blocks.7 x1", "blocks.8\u201319 x12"));
}

TEST(Picture, DepthClosesModules) {
  const GraphPicture p = make_picture(blocks(3), {.depth = 0, .fold = Choice::kNo});
  EXPECT_THAT(titles(p), ElementsAre("conv", "blocks.0", "blocks.1", "blocks.2", "linear"));
  const GraphPicture folded = make_picture(blocks(3), {.depth = 0, .fold = Choice::kYes});
  EXPECT_THAT(titles(folded), ElementsAre("conv", "blocks.0\u20132 x3", "linear"));
}

// h = tanh(x w + h u), unrolled: no modules, the same parameters in each step. The first step has another h.
TEST(Picture, UnrolledStepsAreDrawnOnce) {
  Builder b;
  const int w = b.leaf(Kind::kParameter, "w"), u = b.leaf(Kind::kParameter, "u");
  const int x = b.leaf(Kind::kInput, "x");
  int h = b.leaf(Kind::kInput, "h");
  for (int t = 0; t < 50; ++t) {
    const int step = b.op("select", {x}, "", Kind::kView);
    b.graph.nodes.back().attributes.push_back({"index", AttrType::i64, std::to_string(t), t, 0, {}});
    const int a = b.op("matmul", {step, w}), c = b.op("matmul", {h, u});
    h = b.op("tanh", {b.op("add", {a, c})});
  }
  b.op("sum", {h});
  const GraphPicture p = make_picture(b.take());
  ASSERT_EQ(p.frames.size(), 1U);
  EXPECT_EQ(p.frames[0].repeats, 50);
  EXPECT_THAT(titles(p), ElementsAre("matmul", "matmul", "add", "tanh", "sum"));
}

TEST(Picture, AChainWithoutModulesIsGathered) {
  Builder b;
  int x = b.leaf(Kind::kParameter, "w");
  std::mt19937 random(1);
  constexpr const char* kOps[] = {"exp", "log", "sin", "cos", "tanh"};
  for (int i = 0; i < 3000; ++i) x = b.op(kOps[random() % 5], {x});
  const GraphPicture p = make_picture(b.take());
  EXPECT_LE(p.boxes.size(), 40U);
  EXPECT_GE(p.boxes.size(), 10U);
  for (const auto& a : p.arrows) EXPECT_LT(a.from, a.to);
}

// One box for both calls would lie before and after "body".
TEST(Picture, AModuleThatRunsTwiceIsTwoBoxes) {
  Builder b;
  const int e = b.op("embedding", {b.leaf(Kind::kParameter, "tok.weight")}, "tok");
  const int e2 = b.op("mul", {e}, "tok");
  const int m = b.op("relu", {b.op("linear", {e2}, "body")}, "body");
  const int o = b.op("linear", {m}, "tok");
  b.op("softmax", {o}, "tok");
  const GraphPicture p = make_picture(b.take(), {.depth = 0});
  EXPECT_THAT(titles(p), ElementsAre("tok", "body", "tok"));
}

TEST(Picture, ViewsAreToldByShapesAtArrows) {
  Builder b;
  int x = b.op("linear", {b.leaf(Kind::kParameter, "w")});
  x = b.op("reshape", {x}, "", Kind::kView);
  b.graph.nodes.back().outputs[0].shape = Shape{2, 8};
  b.op("relu", {x});
  const GraphSnapshot g = b.take();
  const GraphPicture p = make_picture(g, {.views = Choice::kNo});
  EXPECT_THAT(titles(p), ElementsAre("linear", "relu"));
  EXPECT_EQ(p.arrows.back().values[0].shape, (Shape{2, 8}));
  EXPECT_THAT(titles(make_picture(g)), ElementsAre("linear", "reshape", "relu"));
}

TEST(Picture, ParametersAsLines) {
  const GraphPicture p = make_picture(blocks(1), {.parameters = ParameterStyle::kLines});
  EXPECT_EQ(p.boxes.size(), 5U);
  EXPECT_EQ(p.boxes[0].parameters.size(), 1U);
  EXPECT_THAT(to_dot(blocks(1), {.picture = {.parameters = ParameterStyle::kLines}}),
              HasSubstr("weight 4 × 4"));
  EXPECT_THAT(to_dot(blocks(1), {.picture = {.parameters = ParameterStyle::kNone}}),
              Not(HasSubstr("weight 4 × 4<")));
}

TEST(Picture, HeatSaysWhoKeepsTheMemory) {
  const std::string dot = to_dot(blocks(100), {.picture = {.heat = Heat::kMemory}});
  EXPECT_THAT(dot, HasSubstr("keeps 6.2 KiB, 33 %"));
  EXPECT_THAT(dot, HasSubstr("colour: bytes kept for backward"));
}

// The same for every graph: whatever its shape, each op is in one box and arrows are among boxes.
TEST(Picture, RandomGraphs) {
  std::mt19937 random(7);
  for (int round = 0; round < 60; ++round) {
    Builder b;
    b.leaf(Kind::kParameter, "w");
    const int n = 5 + static_cast<int>(random() % 300);
    for (int i = 0; i < n; ++i) {
      std::vector<int> inputs;
      const auto count = 1 + random() % 2;
      for (unsigned k = 0; k < count; ++k)
        inputs.push_back(static_cast<int>(b.graph.nodes.size() - 1 -
                                          random() % std::min<std::size_t>(b.graph.nodes.size(), 12)));
      std::string module;
      const auto depth = random() % 4;
      for (unsigned k = 0; k < depth; ++k)
        module += std::string(k == 0 ? "" : ".") + "m" + std::to_string(i / 16 % 5) +
                  (random() % 2 == 0 ? "a" : "b");
      b.op(random() % 2 == 0 ? "add" : "mul", inputs, module, random() % 5 == 0 ? Kind::kView : Kind::kOp);
    }
    const GraphSnapshot g = b.take();
    for (const Choice fold : {Choice::kAuto, Choice::kNo, Choice::kYes}) {
      for (const int depth : {PictureOptions::kFit, PictureOptions::kAll, 0, 1, 2}) {
        const PictureOptions o = {.depth = depth, .fold = fold, .views = Choice::kYes};
        const GraphPicture p = make_picture(g, o);
        std::int64_t operations = 0;
        for (const auto& box : p.boxes) operations += box.operations;
        ASSERT_EQ(operations, n) << round << " depth " << depth;
        for (const auto& a : p.arrows) {
          ASSERT_NE(a.from, a.to);
          ASSERT_LT(a.to, static_cast<int>(p.boxes.size()));
          ASSERT_FALSE(a.values.empty());
        }
        ASSERT_EQ(to_dot(g, {.picture = o}), to_dot(g, p, {.picture = o}));
      }
    }
  }
}

// A picture of more than Graphviz can lay out folds. Times: bench/graph_dot.cc.
TEST(Picture, OneHundredThousandNodes) {
  Builder b;
  const int w = b.leaf(Kind::kParameter, "w");
  int x = w;
  std::mt19937 random(3);
  for (int i = 0; i < 100'000; ++i)
    x = b.op(random() % 2 == 0 ? "mul" : "add", {x, random() % 4 == 0 ? w : x});
  const GraphSnapshot g = b.take();
  const std::string dot = to_dot(g, {.picture = {.depth = PictureOptions::kAll}});
  EXPECT_LT(dot.size(), 50'000'000U);
  const std::string svg = render_graph(g, "svg", {.picture = {.depth = PictureOptions::kAll}});
  EXPECT_THAT(svg, HasSubstr("100000 operations in"));
}

}  // namespace
}  // namespace gradus
