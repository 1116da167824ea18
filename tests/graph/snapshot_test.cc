// Snapshots: what they say of a recorded graph, of names, modules and released parts; trees, parts,
// differences.
#include "gradus/graph/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gradus/graph/backward.h"
#include "gradus/graph/diff.h"
#include "gradus/graph/module_path.h"
#include "gradus/graph/part.h"
#include "message.h"
#include "test_ops.h"

namespace gradus {
namespace {

using test_ops::add;
using test_ops::affine;
using test_ops::message_of;
using test_ops::mul;
using test_ops::reverse;
using test_ops::sum;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Kind = GraphSnapshot::Kind;
using Node = GraphSnapshot::Node;

Tensor parameter(const char* name, std::int64_t n = 3) {
  Tensor t = empty({n}, DType::f64).name(name);
  t.fill_(1.0);
  return t.requires_grad(true);
}
Tensor constant(std::int64_t n = 3) {
  Tensor t = empty({n}, DType::f64);
  t.fill_(2.0);
  return t;
}

std::vector<std::string> ops_of(const GraphSnapshot& g) {
  std::vector<std::string> ops;
  for (const Node& n : g.nodes) {
    if (!n.is_leaf()) ops.push_back(n.op);
  }
  return ops;
}

const Node& only(const GraphSnapshot& g, const char* op) {
  const std::vector<int> found = find_nodes(g, op);
  EXPECT_EQ(found.size(), 1U) << op;
  return g.nodes[static_cast<std::size_t>(found.at(0))];
}

TEST(Snapshot, NodesStandBehindWhatTheyRead) {
  const Tensor w = parameter("w");
  const Tensor x = constant().name("x");
  const Tensor first = mul(w, x);
  const Tensor loss = sum(add(first, mul(w, constant()))).name("loss");
  const GraphSnapshot g = snapshot(loss);
  for (std::size_t i = 0; i < g.nodes.size(); ++i) {
    for (const GraphSnapshot::Input& in : g.nodes[i].inputs) EXPECT_LT(in.node, static_cast<int>(i));
  }
  EXPECT_THAT(ops_of(g), ElementsAre("mul", "mul", "add", "sum"));
  EXPECT_EQ(g.nodes[0].kind, Kind::kParameter);
  EXPECT_EQ(g.nodes[0].name(), "w");
  EXPECT_EQ(g.nodes[1].kind, Kind::kInput);
  const Node& root = g.nodes.back();
  EXPECT_TRUE(root.is_root);
  EXPECT_EQ(root.name(), "loss");
  EXPECT_THAT(root.where, HasSubstr("snapshot_test.cc:"));
  EXPECT_EQ(to_json(snapshot(loss)), to_json(g)) << "the same every time";
}

TEST(Snapshot, UnnamedTensorsAreConstantsAndViewsAreViews) {
  const Tensor w = parameter("w");
  const GraphSnapshot g = snapshot(sum(mul(reverse(w), constant())));
  EXPECT_EQ(only(g, "reverse").kind, Kind::kView);
  EXPECT_EQ(g.nodes[only(g, "mul").inputs[1].node].kind, Kind::kConstant);
}

TEST(Snapshot, NamesOfTensorsThatAreGone) {
  const Tensor w = parameter("w");
  Tensor y;
  {
    Tensor hidden = add(w, w);
    hidden.name("first");
    hidden.name("hidden");
    y = sum(hidden);
  }
  EXPECT_EQ(only(snapshot(y), "add").name(), "hidden");
}

TEST(Snapshot, WhatNoGradientReadsIsUnknown) {
  const GraphSnapshot g = snapshot(sum(add(parameter("w"), constant())));
  EXPECT_EQ(only(g, "add").inputs[1].node, -1);
}

TEST(Snapshot, BytesOfWhatIsSaved) {
  const Tensor w = parameter("w"), v = parameter("v");
  const GraphSnapshot g = snapshot(sum(mul(w, v)));
  EXPECT_EQ(only(g, "mul").saved_bytes, 48);
  EXPECT_EQ(g.saved_bytes, 48);
  const GraphSnapshot twice = snapshot(sum(add(mul(w, v), mul(w, v))));
  EXPECT_EQ(twice.saved_bytes, 48) << "each tensor once";
}

TEST(Snapshot, AReleasedGraphIsRefused) {
  const Tensor loss = sum(parameter("w")).name("loss");
  loss.backward();
  EXPECT_THAT(
      message_of<GraphError>([&] { snapshot(loss); }),
      AllOf(HasSubstr("the graph of sum \"loss\" (recorded at snapshot_test.cc:"),
            HasSubstr("was released by the backward at snapshot_test.cc:"), HasSubstr("retain_graph")));
  const Tensor again = sum(parameter("w"));
  again.backward({.retain_graph = true});
  EXPECT_THAT(ops_of(snapshot(again)), ElementsAre("sum"));
}

TEST(Snapshot, APartThatABackwardReleasedIsMarked) {
  const Tensor h = affine(parameter("w"), 2, 0);
  sum(h).backward();
  const GraphSnapshot g = snapshot(sum(h));
  EXPECT_TRUE(only(g, "affine").released);
  EXPECT_THAT(ops_of(g), ElementsAre("affine", "sum"));
}

TEST(Snapshot, EmptyHandle) {
  EXPECT_THAT(message_of<ValueError>([] { snapshot(Tensor()); }),
              HasSubstr("snapshot: a root is an empty handle"));
}

TEST(Snapshot, BothPasses) {
  const Tensor w = parameter("w");
  const Tensor loss = sum(mul(w, w));
  const std::vector<Tensor> g = grad(loss, std::vector<Tensor>{w}, {.create_graph = true});
  const GraphSnapshot both = snapshot(loss, {.gradients = g});
  int forward = 0, backward = 0;
  for (const Node& n : both.nodes) {
    if (n.is_leaf()) continue;
    ++(n.pass == GraphSnapshot::Pass::kForward ? forward : backward);
  }
  EXPECT_EQ(forward, 2);
  EXPECT_GT(backward, 0);
  EXPECT_THAT(recorded_parameters(loss), testing::SizeIs(1));
  EXPECT_TRUE(recorded_parameters(loss)[0].is(w));
}

TEST(ModuleScope, GivesItsPathToWhatIsRecordedInside) {
  const Tensor w = parameter("");
  Tensor y;
  {
    const ModuleScope encoder("encoder");
    Tensor h = affine(w, 2, 0);
    {
      const ModuleScope layer("layers.3");
      h = mul(h, h);
    }
    y = add(h, h);
  }
  const GraphSnapshot g = snapshot(sum(y));
  EXPECT_EQ(only(g, "affine").module, "encoder");
  EXPECT_EQ(only(g, "mul").module, "encoder.layers.3");
  EXPECT_EQ(only(g, "add").module, "encoder");
  EXPECT_EQ(only(g, "sum").module, "");
  EXPECT_THAT(message_of<ValueError>([] { const ModuleScope nothing(""); }), HasSubstr("the name is empty"));
}

TEST(ModuleScope, ParametersKnowItCloser) {
  const Tensor w = parameter("encoder.layers.0.weight"), v = parameter("head.weight");
  const Tensor x = constant();
  const ModuleScope scope("encoder");
  const GraphSnapshot g = snapshot(sum(add(mul(w, x), affine(v, 1, 0))));
  EXPECT_EQ(only(g, "mul").module, "encoder.layers.0");
  EXPECT_EQ(only(g, "affine").module, "encoder") << "head is elsewhere";
}

TEST(InferModules, OpsWithoutParametersBelongToWhatLiesAround) {
  const Tensor a = parameter("block.fc1.weight"), b = parameter("block.fc2.weight"),
               c = parameter("head.weight");
  const Tensor h = test_ops::tanh(mul(constant(), a));  // between two parts of block
  const Tensor y = mul(h, b);
  const Tensor loss = sum(mul(y, c));
  const GraphSnapshot g = snapshot(loss);
  EXPECT_EQ(only(g, "tanh").module, "block");
  EXPECT_EQ(only(g, "sum").module, "");
  GraphSnapshot plain = snapshot(loss, {.infer_modules = false});
  EXPECT_EQ(only(plain, "tanh").module, "");
  infer_modules(plain);
  EXPECT_EQ(to_json(plain), to_json(g));
}

// x + f(x) of a list of blocks, and what reads it is the next block.
TEST(InferModules, AResidualBelongsToItsBlock) {
  Tensor x = mul(constant(), parameter("stem.weight"));
  for (const char* name : {"blocks.0.fc.weight", "blocks.1.fc.weight"}) {
    x = add(x, test_ops::tanh(mul(x, parameter(name))));
  }
  const GraphSnapshot g = snapshot(sum(x));
  std::vector<std::string> modules;
  for (const int i : find_nodes(g, "add")) modules.push_back(g.nodes[static_cast<std::size_t>(i)].module);
  EXPECT_THAT(modules, ElementsAre("blocks.0", "blocks.1"));
}

TEST(SnapshotTree, ResultsFirstAndSharedOpsOnce) {
  const Tensor w = parameter("w");
  const Tensor h = affine(w, 2, 1);
  const std::string tree = to_string(snapshot(sum(mul(h, h)).name("loss")));
  EXPECT_THAT(tree, AllOf(testing::StartsWith("3: sum [] f64 \"loss\""),
                          HasSubstr("\u251C\u2500 1: affine(scale=2, shift=1) [3] f64"),
                          HasSubstr("parameter [3] f64 \"w\""), HasSubstr("\u2514\u2500 ^1 affine")));
}

TEST(SnapshotTree, AnyDepth) {
  Tensor x = parameter("w");
  for (int i = 0; i < 200'000; ++i) x = affine(x, 1, 0);
  EXPECT_GT(to_string(snapshot(x)).size(), 200'000U);
}

class Parts : public testing::Test {
 protected:
  // w -> affine -> tanh -> mul(., v) -> sum
  Tensor w_ = parameter("net.w"), v_ = parameter("net.v");
  GraphSnapshot g_ = snapshot(sum(mul(test_ops::tanh(affine(w_, 1, 0)), v_)).name("loss"));
};

TEST_F(Parts, FindByNameOpModuleAndNumber) {
  EXPECT_THAT(find_nodes(g_, "net.w"), ElementsAre(0));
  EXPECT_THAT(find_nodes(g_, "tanh"), ElementsAre(2));
  EXPECT_THAT(find_nodes(g_, "#1"), ElementsAre(1));
  EXPECT_THAT(find_nodes(g_, "net"), testing::Not(IsEmpty()));
  for (const char* none : {"", "#", "#99", "#1x", "ne", "net.w.x"})
    EXPECT_THAT(find_nodes(g_, none), IsEmpty()) << none;
  EXPECT_THAT(node_names(g_), testing::IsSupersetOf({"net.w", "tanh", "loss", "net"}));
}

TEST_F(Parts, Around) {
  EXPECT_THAT(ops_of(part(g_, around(g_, find_nodes(g_, "tanh"), 1))), ElementsAre("affine", "tanh", "mul"));
  EXPECT_THAT(ops_of(part(g_, around(g_, find_nodes(g_, "tanh"), 0))), ElementsAre("tanh"));
}

TEST_F(Parts, ReachingAParameter) {
  EXPECT_THAT(ops_of(part(g_, reaching(g_, find_nodes(g_, "net.v")))), ElementsAre("mul", "sum"));
}

TEST_F(Parts, WhatIsLeftOutIsMarked) {
  const GraphSnapshot p = part(g_, matching(g_, "^(sum|affine)$"));
  EXPECT_THAT(ops_of(p), ElementsAre("affine", "sum"));
  EXPECT_EQ(p.nodes[1].inputs[0].node, 0);
  EXPECT_TRUE(p.nodes[1].inputs[0].indirect);
  EXPECT_THAT(message_of<ValueError>([&] { matching(g_, "("); }),
              HasSubstr("\"(\" is no regular expression"));
}

TEST(Diff, AddedRemovedReshapedChanged) {
  const auto build = [](std::int64_t n, double scale, bool more) {
    Tensor h = affine(parameter("w", n), scale, 0);
    if (more) h = test_ops::tanh(h);
    return snapshot(sum(h));
  };
  const GraphSnapshot a = build(3, 1, false);
  EXPECT_TRUE(diff(a, build(3, 1, false)).same());
  EXPECT_THAT(to_string(diff(a, build(3, 1, true)), a, build(3, 1, true)),
              AllOf(HasSubstr("added     tanh"), HasSubstr("operations 2 -> 3")));
  const GraphSnapshot shorter = build(2, 1, true);
  EXPECT_THAT(to_string(diff(shorter, a), shorter, a),
              AllOf(HasSubstr("removed   tanh"), HasSubstr("reshaped  affine: [2] f64 -> [3] f64"),
                    HasSubstr("parameters 2 -> 3")));
  EXPECT_THAT(to_string(diff(a, build(3, 2, false)), a, build(3, 2, false)),
              HasSubstr("changed   affine: scale=1, shift=0 -> scale=2, shift=0"));
}

TEST(Diff, Slower) {
  GraphSnapshot a = snapshot(sum(parameter("w")));
  GraphSnapshot b = a;
  a.nodes[1].forward_ns = 1'000'000;
  b.nodes[1].forward_ns = 2'000'000;
  const GraphDiff d = diff(a, b);
  EXPECT_TRUE(d.same()) << "time is no difference of the graph";
  EXPECT_THAT(to_string(d, a, b), HasSubstr("slower    sum: 1 ms -> 2 ms"));
  EXPECT_THAT(to_string(diff(b, a), b, a), HasSubstr("faster    sum: 2 ms -> 1 ms"));
}

}  // namespace
}  // namespace gradus
