// The page of a graph: its data, texts that look like markup, size. What it does in a browser:
// html_browser_test.py.
#include "gradus/graph/html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "gradus/graph/json_text.h"
#include "gradus/tests/graph/test_ops.h"

namespace gradus::test_ops {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

json data_of(const std::string& page) {
  const std::string begin = "<script id=\"data\" type=\"application/json\">";
  const std::size_t from = page.find(begin) + begin.size();
  return json::parse(page.substr(from, page.find("</script>", from) - from));
}

std::string text(const json& data, const json& place) {
  return data.at("strings").at(place.get<std::size_t>());
}

TEST(Html, HoldsEveryNode) {
  Tensor x = leaf({1, 2, 3}).name("x");
  GraphSnapshot graph = snapshot(sum(mul(x, x)));
  graph.title = "squares";
  graph.nodes.back().forward_ns = 1500;
  graph.nodes.back().gradient = GraphSnapshot::Statistics{-1, 2, 0.5, HUGE_VAL, 3, 4};
  const json data = data_of(to_html(graph));
  EXPECT_EQ(data.at("title"), "squares");
  ASSERT_EQ(data.at("nodes").size(), 3U);
  const json& leaf_row = data.at("nodes")[0];
  EXPECT_EQ(leaf_row[0], static_cast<int>(GraphSnapshot::Kind::kParameter));
  EXPECT_EQ(text(data, leaf_row[3]), "x");
  EXPECT_EQ(text(data, leaf_row[13][0]), "3");
  EXPECT_EQ(text(data, leaf_row[13][1]), "f64");
  const json& mul_row = data.at("nodes")[1];
  EXPECT_EQ(text(data, mul_row[2]), "mul");
  EXPECT_EQ(mul_row[12], json({0, 0, 0, 0}));
  EXPECT_EQ(mul_row[8], -1) << "not measured";
  const json& sum_row = data.at("nodes")[2];
  EXPECT_EQ(sum_row[8], 1500);
  EXPECT_EQ(sum_row[10], 1) << "the result";
  EXPECT_EQ(text(data, sum_row[13][0]), "scalar");
  EXPECT_EQ(sum_row[15], json({-1, 2, 0.5, nullptr, 3, 4})) << "JSON has no infinity";
}

TEST(Html, NamesThatLookLikeMarkup) {
  const std::string name = "</script><b>\"\\\n\xE2\x80\xA8\xFF\x01";
  Tensor x = leaf({1, 2}).name(name);
  GraphSnapshot graph = snapshot(sum(x));
  graph.title = "<i>&</i>";
  const std::string page = to_html(graph);
  EXPECT_THAT(page, Not(HasSubstr("</script><b>")));
  EXPECT_THAT(page, HasSubstr("<title>&lt;i&gt;&amp;&lt;/i&gt;</title>"));
  const json data = data_of(page);
  EXPECT_EQ(text(data, data.at("nodes")[0][3]), "</script><b>\"\\\n\xE2\x80\xA8\xEF\xBF\xBD\x01");
}

TEST(Html, NeedsNoOtherFile) {
  const std::string page = to_html(snapshot(sum(leaf({1, 2}))));
  for (const char* reference :
       {"src=", "href=", "@import", "url(", "@DATA@", "@TITLE@", "@STYLE@", "@SCRIPT@"}) {
    EXPECT_THAT(page, Not(HasSubstr(reference)));
  }
}

TEST(Html, ParametersStandInTheModuleOfTheirName) {
  Tensor w = leaf({1, 2}).name("layers.3.weight");
  const json data = data_of(to_html(snapshot(sum(w))));
  EXPECT_EQ(text(data, data.at("nodes")[0][4]), "layers.3");
}

TEST(Html, OfAnEmptyGraph) { EXPECT_EQ(data_of(to_html(GraphSnapshot{})).at("nodes").size(), 0U); }

TEST(JsonText, IsWhatAParserReads) {
  for (const char* s :
       {"", "plain", "\"\\/", "\t\r\n\b", "\xE2\x98\x83", "\xF0\x9F\x98\x80", "\x7F", "a<b"}) {
    EXPECT_EQ(json::parse(json_text(s)).get<std::string>(), s);
  }
  // Cut off, overlong, a surrogate, beyond Unicode: each byte for itself.
  for (const char* s : {"\xE2\x98", "\xC0\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\x80"}) {
    EXPECT_THAT(json::parse(json_text(s)).get<std::string>(), HasSubstr("\xEF\xBF\xBD"));
  }
}

}  // namespace
}  // namespace gradus::test_ops
