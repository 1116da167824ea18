// Profiles: which calls they see, whose derivative a call belongs to, what is left after an error; the files
// for flame graphs.
#include "gradus/graph/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "gradus/graph/backward.h"
#include "gradus/graph/node.h"
#include "gradus/graph/profile_export.h"
#include "gradus/graph/recording.h"
#include "gradus/graph/snapshot.h"
#include "gradus/graph/trace.h"
#include "gradus/tests/graph/message.h"
#include "gradus/tests/graph/test_ops.h"

namespace gradus::test_ops {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using Kind = ProfiledCall::Kind;

std::vector<std::string> names(const Profile& p, Kind kind) {
  std::vector<std::string> out;
  for (const ProfiledCall& c : p.calls()) {
    if (c.kind == kind) out.emplace_back(c.op->name);
  }
  return out;
}

const auto no_module = [](const ProfiledCall&) { return std::string(); };

TEST(Profile, SeesOpsWithShapesNamesAndPlaces) {
  Tensor x = leaf({1, 2, 3}).name("x");
  const Profile profile;
  const std::uint32_t line = __LINE__ + 1;
  const Tensor y = mul(x, x);
  ASSERT_EQ(profile.calls().size(), 1U);
  const ProfiledCall& c = profile.calls()[0];
  EXPECT_STREQ(c.op->name, kMul.name);
  EXPECT_EQ(c.where.line, line);
  EXPECT_EQ(c.sequence, y.impl()->node->sequence);
  ASSERT_EQ(c.inputs.size(), 2U);
  EXPECT_EQ(c.inputs[0].name, "x");
  EXPECT_EQ(c.inputs[0].shape, Shape({3}));
  EXPECT_EQ(c.inputs[0].dtype, DType::f64);
  ASSERT_EQ(c.outputs.size(), 1U);
  EXPECT_EQ(c.bytes, 3 * 3 * 8);
  EXPECT_EQ(c.flops, 3);
  EXPECT_GE(c.start_ns, 0);
  EXPECT_LE(c.start_ns + c.duration_ns, profile.now_ns());
}

TEST(Profile, DerivativesBelongToTheNodesTheyAreOf) {
  const Tensor x = leaf({1, 2, 3});
  const Profile profile;
  const Tensor product = mul(x, x);
  const Tensor loss = sum(product);
  const std::uint64_t of_product = product.impl()->node->sequence;
  const std::uint64_t of_loss = loss.impl()->node->sequence;
  loss.backward();
  EXPECT_THAT(names(profile, Kind::forward), ElementsAre("mul", "sum"));
  EXPECT_THAT(names(profile, Kind::rule), ElementsAre("sum", "mul"));
  const ProfiledCall* walk = nullptr;
  std::int64_t inside = 0;
  std::int64_t bytes = 0;
  const ProfiledCall* rule = nullptr;
  for (const ProfiledCall& c : profile.calls()) {
    if (c.kind == Kind::walk) walk = &c;
    if (c.kind == Kind::rule) rule = &c;
    if (c.kind != Kind::in_rule) continue;
    EXPECT_EQ(c.sequence, rule->sequence);
    EXPECT_GE(c.start_ns, rule->start_ns);
    EXPECT_LE(c.start_ns + c.duration_ns, rule->start_ns + rule->duration_ns);
    if (c.sequence == of_product) {
      ++inside;
      bytes += c.bytes;
    }
  }
  EXPECT_EQ(inside, 2) << "the cotangent times each operand";
  EXPECT_EQ(rule->sequence, of_product);
  EXPECT_EQ(rule->bytes, bytes);
  EXPECT_NE(of_product, of_loss);
  ASSERT_NE(walk, nullptr);
  EXPECT_GE(walk->duration_ns, rule->duration_ns);
}

TEST(Profile, EndsWithItsLife) {
  const Tensor x = leaf({1, 2});
  {
    const Profile profile;
    mul(x, x);
    EXPECT_EQ(profile.calls().size(), 1U);
  }
  EXPECT_EQ(graph_internal::watched, nullptr);
  mul(x, x);
}

TEST(Profile, SeveralMayLiveAndATraceBeside) {
  const Tensor x = leaf({1, 2});
  const Profile outer;
  Trace trace;
  mul(x, x);
  {
    const Profile inner;
    tanh(x);
    EXPECT_THAT(names(inner, Kind::forward), ElementsAre("tanh"));
  }
  trace.stop();
  exp(x);
  EXPECT_THAT(names(outer, Kind::forward), ElementsAre("mul", "tanh", "exp"));
  EXPECT_EQ(trace.calls().size(), 2U);
}

TEST(Profile, UnrecordedOpsHaveNoNode) {
  const Tensor x = leaf({1, 2});
  const NoGrad off;
  const Profile profile;
  mul(x, x);
  EXPECT_EQ(profile.calls()[0].sequence, 0U);
}

TEST(Profile, AnOpThatThrowsLeavesNothing) {
  const Tensor x = leaf({1, 2});
  const Tensor y = leaf({1, 2, 3});
  const Profile profile;
  EXPECT_THROW(mul(x, y), ShapeError);
  mul(x, x);
  EXPECT_THAT(names(profile, Kind::forward), ElementsAre("mul"));
}

TEST(Profile, AfterAFailedBackwardOpsAreTheProgramsAgain) {
  const Tensor x = leaf({1, 2});
  const Profile profile;
  EXPECT_THROW(sum(throwing(x)).backward(), std::runtime_error);
  mul(x, x);
  EXPECT_EQ(profile.calls().back().kind, Kind::forward);
}

TEST(Profile, GradIsSeenAsBackwardIs) {
  const Tensor x = leaf({1, 2});
  const Profile profile;
  grad(sum(mul(x, x)), {x}, {.create_graph = true});
  EXPECT_THAT(names(profile, Kind::rule), ElementsAre("sum", "mul"));
}

TEST(Profile, StatisticsOfValuesAndGradients) {
  Tensor x = leaf({1, -2, 4}).name("x");
  const Profile profile({.statistics = true});
  sum(mul(x, x)).backward();
  const ProfiledCall& product = profile.calls()[0];
  EXPECT_EQ(product.statistics.min, 1);
  EXPECT_EQ(product.statistics.max, 16);
  EXPECT_EQ(product.statistics.mean, 7);
  for (const ProfiledCall& c : profile.calls()) {
    if (c.kind != Kind::rule) continue;
    EXPECT_EQ(c.statistics.max, 1) << "the cotangents are ones";
  }
  ASSERT_EQ(profile.leaves().size(), 1U);
  EXPECT_EQ(profile.leaves()[0].name, "x");
  EXPECT_EQ(profile.leaves()[0].value.min, -2);
  EXPECT_EQ(profile.leaves()[0].gradient.min, -4);
  EXPECT_EQ(profile.leaves()[0].gradient.max, 8);
}

TEST(Profile, FillsASnapshot) {
  Tensor x = leaf({1, -2, 4}).name("x");
  const Profile profile({.statistics = true});
  const Tensor loss = sum(mul(x, x));
  loss.backward({.retain_graph = true});
  GraphSnapshot graph = snapshot(loss);
  add_measurements(graph, profile);
  for (const GraphSnapshot::Node& n : graph.nodes) {
    ASSERT_TRUE(n.value.has_value()) << n.op;
    ASSERT_TRUE(n.gradient.has_value()) << n.op;
    EXPECT_EQ(n.forward_ns.has_value(), !n.is_leaf());
    EXPECT_EQ(n.backward_ns.has_value(), !n.is_leaf());
    if (n.is_leaf()) {
      EXPECT_EQ(n.gradient->max, 8);
    }
    if (n.op == "mul") {
      EXPECT_EQ(n.value->max, 16);
    }
  }
}

TEST(Profile, RowsAreSumsLongestFirst) {
  const Tensor x = leaf({1, 2, 3});
  const Profile profile;
  sum(mul(mul(x, x), x)).backward();
  const auto rows = sum_calls(profile.calls(), [](const ProfiledCall& c) { return c.op ? c.op->name : ""; });
  ASSERT_EQ(rows.size(), 2U);
  for (const ProfileRow& r : rows) {
    EXPECT_EQ(r.calls, r.name == "mul" ? 2 : 1);
    EXPECT_GT(r.backward_ns, 0);
  }
  EXPECT_GE(rows[0].forward_ns + rows[0].backward_ns, rows[1].forward_ns + rows[1].backward_ns);
}

// What https://www.speedscope.app/file-format-schema.json asks of an evented profile.
void check_speedscope(const json& file) {
  EXPECT_EQ(file.at("$schema"), "https://www.speedscope.app/file-format-schema.json");
  const json& frames = file.at("shared").at("frames");
  for (const json& f : frames) EXPECT_TRUE(f.at("name").is_string());
  ASSERT_EQ(file.at("profiles").size(), 1U);
  const json& p = file.at("profiles")[0];
  EXPECT_EQ(p.at("type"), "evented");
  EXPECT_EQ(p.at("unit"), "nanoseconds");
  std::vector<int> open;
  std::int64_t last = p.at("startValue");
  for (const json& e : p.at("events")) {
    const std::int64_t at = e.at("at");
    const int frame = e.at("frame");
    EXPECT_GE(at, last);
    last = at;
    EXPECT_LT(frame, static_cast<int>(frames.size()));
    if (e.at("type") == "O") {
      open.push_back(frame);
    } else {
      ASSERT_EQ(e.at("type"), "C");
      ASSERT_FALSE(open.empty());
      EXPECT_EQ(open.back(), frame);
      open.pop_back();
    }
  }
  EXPECT_TRUE(open.empty());
  EXPECT_LE(last, p.at("endValue").get<std::int64_t>());
}

// What the "Trace Event Format" asks of begin and end events.
void check_chrome(const json& file) {
  std::vector<std::string> open;
  double last = 0;
  for (const json& e : file.at("traceEvents")) {
    for (const char* field : {"name", "ph", "pid", "tid"}) EXPECT_TRUE(e.contains(field)) << field;
    if (e.at("ph") == "M") continue;
    const double at = e.at("ts");
    EXPECT_GE(at, last);
    last = at;
    if (e.at("ph") == "B") {
      open.push_back(e.at("name"));
    } else {
      ASSERT_EQ(e.at("ph"), "E");
      ASSERT_FALSE(open.empty());
      EXPECT_EQ(open.back(), e.at("name"));
      open.pop_back();
    }
  }
  EXPECT_TRUE(open.empty());
}

TEST(ProfileExport, NestsModulesOpsAndDerivatives) {
  const Tensor x = leaf({1, 2, 3});
  const Profile profile;
  const Tensor h = mul(x, x);
  const std::uint64_t sequence = h.impl()->node->sequence;
  sum(tanh(h)).backward();
  const auto module_of = [&](const ProfiledCall& c) {
    return c.sequence == sequence ? std::string("net.first \"<b>\"") : std::string("net");
  };
  const json speedscope = json::parse(to_speedscope(profile.calls(), module_of, {.title = "a \"title\""}));
  check_speedscope(speedscope);
  EXPECT_EQ(speedscope.at("name"), "a \"title\"");
  const json chrome = json::parse(to_chrome_trace(profile.calls(), module_of));
  check_chrome(chrome);
  std::vector<std::string> begun;
  for (const json& e : chrome.at("traceEvents")) {
    if (e.at("ph") == "B") begun.push_back(e.at("name"));
  }
  EXPECT_THAT(begun, testing::IsSupersetOf({"forward", "net", "first \"<b>\"", "mul", "tanh", "backward",
                                            "mul backward", "tanh backward", "sum backward"}));
}

TEST(ProfileExport, OfNothing) {
  const Profile profile;
  check_speedscope(json::parse(to_speedscope(profile.calls(), no_module)));
  check_chrome(json::parse(to_chrome_trace(profile.calls(), no_module)));
}

}  // namespace
}  // namespace gradus::test_ops
