// Snapshots as JSON: what is written is read back, and texts that are no snapshot say where they are wrong.
#include "gradus/data/format/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "gradus/base/file.h"
#include "gradus/nn/linear.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/loss.h"
#include "gradus/ops/random.h"

namespace gradus {
namespace {

using testing::HasSubstr;

GraphSnapshot example() {
  const nn::Linear fc(4, 2);
  static_cast<void>(fc.named_parameters());
  const Tensor x = uniform({3, 4}, 0.0, 1.0).name("x");
  const Tensor loss = mse_loss(softmax(fc(x), -1), zeros({3, 2}).name("größe <\"&\\\n>")).name("loss");
  GraphSnapshot g = snapshot(loss);
  g.title = "a \"title\"";
  g.nodes.back().forward_ns = 12;
  g.nodes.back().backward_ns = 0;
  g.nodes.back().value = {-1.5, 2, 0.25, std::numeric_limits<double>::infinity(), 3, 1};
  g.nodes.back().gradient = {std::nan(""), 1, 1, 1, 0, 0};
  g.nodes.back().attributes.push_back({"eps", AttrType::f64, "0.1", 0, 0.1, {}});
  g.nodes.back().attributes.push_back({"rate", AttrType::f64, "inf", 0, HUGE_VAL, {}});
  g.nodes.back().attributes.push_back({"big", AttrType::i64, "-9223372036854775808", INT64_MIN, 0, {}});
  g.nodes.back().attributes.push_back({"dims", AttrType::dims, "{0, -1}", 0, 0, {0, -1}});
  g.nodes.back().attributes.push_back({"to", AttrType::dtype, "bf16", 0, 0, {}});
  g.nodes.back().inputs[0].indirect = true;
  return g;
}

TEST(SnapshotJson, ReadsBackWhatItWrites) {
  const GraphSnapshot g = example();
  const std::string text = to_json(g);
  const absl::StatusOr<GraphSnapshot> back = parse_snapshot(text);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(to_json(*back), text);
  const GraphSnapshot::Node& n = back->nodes.back();
  EXPECT_EQ(n.name(), "loss");
  EXPECT_EQ(n.forward_ns, 12);
  EXPECT_EQ(n.value->mean, 0.25);
  EXPECT_TRUE(std::isinf(n.value->norm));
  EXPECT_TRUE(std::isnan(n.gradient->min));
  EXPECT_EQ(n.attributes.back().text, "bf16");
  EXPECT_TRUE(n.inputs[0].indirect);
  EXPECT_EQ(back->title, g.title);
  EXPECT_EQ(back->saved_bytes, g.saved_bytes);
}

TEST(SnapshotJson, CutOffAnywhere) {
  const std::string text = to_json(example());
  for (std::size_t n = 0; n + 2 < text.size(); n += 7) {
    const absl::StatusOr<GraphSnapshot> g = parse_snapshot(std::string_view(text).substr(0, n));
    ASSERT_FALSE(g.ok()) << n;
    EXPECT_THAT(std::string(g.status().message()), testing::AnyOf(HasSubstr("cut off"), HasSubstr("line ")))
        << n;
  }
}

TEST(SnapshotJson, Faults) {
  const std::pair<const char*, const char*> kFaults[] = {
      {"", "cut off"},
      {"[]", "no snapshot"},
      {"{\"format\": \"x\"}", "no snapshot"},
      {"{\"format\": \"gradus graph\"}", "version none"},
      {"{\"format\": \"gradus graph\", \"version\": 2, \"nodes\": []}",
       "it is of version 2, this program reads version 1"},
      {"{\"format\": \"gradus graph\", \"version\": 1}", "the head: \"nodes\" is missing"},
      {"{\"format\": \"gradus graph\", \"version\": 1, \"nodes\": {}}", "\"nodes\" is not an array"},
      {"{\"format\": \"gradus graph\", \"version\": 1, \"nodes\": [1]}", "node 0: it is not an object"},
      {"{,}", "line 1, byte 2: this is not JSON"},
  };
  for (const auto& [text, what] : kFaults) {
    const absl::StatusOr<GraphSnapshot> g = parse_snapshot(text);
    ASSERT_FALSE(g.ok()) << text;
    EXPECT_THAT(std::string(g.status().message()), HasSubstr(what)) << text;
  }
}

// One field of a good snapshot is made wrong.
TEST(SnapshotJson, WrongFields) {
  using Json = nlohmann::json;
  const Json good = Json::parse(to_json(example()));
  const std::size_t last = good["nodes"].size() - 1;
  const auto message = [&](const char* key, const Json& value) {
    Json bad = good;
    bad["nodes"][last][key] = value;
    const absl::StatusOr<GraphSnapshot> g = parse_snapshot(bad.dump());
    return g.ok() ? std::string("it was read") : std::string(g.status().message());
  };
  const std::string node = "node " + std::to_string(last) + ": ";
  EXPECT_EQ(message("kind", "x"), node + "\"kind\" is \"x\"; known: op, view, parameter, input, constant");
  EXPECT_EQ(message("kind", "input"), node + "a leaf has an \"op\"");
  EXPECT_EQ(message("op", ""), node + "\"op\" is missing");
  EXPECT_EQ(message("op", 3), node + "\"op\" is not a string");
  EXPECT_EQ(message("inputs", Json::array({{99, 0}})),
            node + "input 0 is node 99, which does not lie before it");
  EXPECT_EQ(message("inputs", Json::array({{last, 0}})),
            node + "input 0 is node " + std::to_string(last) + ", which does not lie before it");
  EXPECT_EQ(message("inputs", Json::array({{0, 5}})), node + "input 0 is output 5 of node 0, which has 1");
  EXPECT_EQ(message("inputs", Json::array({"x"})),
            node + "input 0 is \"x\", neither [node, output] nor null");
  EXPECT_EQ(message("outputs", Json::array()), node + "it has no outputs");
  EXPECT_EQ(message("outputs", Json::array({{{"shape", {-1}}, {"dtype", "f32"}}})),
            node + "a size is negative");
  EXPECT_EQ(message("outputs", Json::array({{{"shape", {1, 1, 1, 1, 1, 1, 1, 1, 1}}, {"dtype", "f32"}}})),
            node + "\"shape\" has 9 items, more than 8");
  EXPECT_EQ(message("outputs", Json::array({{{"shape", {1}}, {"dtype", "f31"}}})),
            node + "\"dtype\" is \"f31\", which is no dtype");
  EXPECT_EQ(message("saved_bytes", -1), node + "\"saved_bytes\" is -1");
  EXPECT_EQ(message("saved_bytes", 1.5),
            node + "\"saved_bytes\" holds 1.5, which is not a whole number of 64 bits");
  EXPECT_EQ(message("forward_ns", 18446744073709551615U),
            node + "\"forward_ns\" holds 18446744073709551615, which is not a whole number of 64 bits");
  EXPECT_EQ(message("root", 1), node + "\"root\" is neither true nor false");
  EXPECT_EQ(message("value", 1), node + "\"value\" is not an object");
  EXPECT_EQ(message("attributes", Json::array({{{"name", "a"}, {"type", "i64"}}})),
            node + "attribute a has no value");
}

TEST(SnapshotJson, BytesThatAreNoText) {
  GraphSnapshot g = example();
  g.nodes[0].outputs[0].name = "\xff\x01\xed\xa0\x80";
  const absl::StatusOr<GraphSnapshot> back = parse_snapshot(to_json(g));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_THAT(back->nodes[0].name(), HasSubstr("\xEF\xBF\xBD"));
}

TEST(SnapshotJson, Files) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("gradus_snapshot_" + std::to_string(getpid()) + ".json"))
          .string();
  ASSERT_TRUE(write_file(path, "{").ok());
  EXPECT_THAT(std::string(load_snapshot(path).status().message()), testing::StartsWith(path + ": line 1: "));
  ASSERT_TRUE(write_file(path, to_json(example())).ok());
  EXPECT_TRUE(load_snapshot(path).ok());
  std::filesystem::remove(path);
  EXPECT_FALSE(load_snapshot(path).ok());
}

}  // namespace
}  // namespace gradus
