// Tables of text: what RFC 4180 allows, and where a message points.
#include "gradus/data/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gradus::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

CsvTable parse(const std::string& text, const CsvOptions& options = {}) {
  absl::StatusOr<CsvTable> t = parse_csv(text, "t.csv", options);
  EXPECT_TRUE(t.ok()) << t.status();
  return t.ok() ? *std::move(t) : CsvTable();
}
std::string error(const std::string& text) {
  return std::string(parse_csv(text, "t.csv").status().message());
}

TEST(CsvTest, ReadsQuotesLineEndsAndEmptyFields) {
  const CsvTable t = parse(
      "\xEF\xBB\xBF"
      "name,\"a \"\"b\"\"\",c\r\n\"x,y\",,\"two\nlines\"\r\n\n1,2,3");
  EXPECT_THAT(t.names(), ElementsAre("name", "a \"b\"", "c"));
  ASSERT_EQ(t.rows(), 2);
  EXPECT_EQ(t.at(0, 0), "x,y");
  EXPECT_EQ(t.at(0, 1), "");
  EXPECT_EQ(t.at(0, 2), "two\nlines");
  EXPECT_EQ(t.at(1, 2), "3");
}

TEST(CsvTest, OneColumnMayHaveEmptyFields) {
  const CsvTable t = parse("a\n1\n\n2\n");
  ASSERT_EQ(t.rows(), 3);
  EXPECT_EQ(t.at(1, 0), "");
}

TEST(CsvTest, ColumnsBecomeNumbers) {
  const CsvTable t = parse("a;b;c\n1; 2.5;x\n-3;+1e3 ;y\n0;nan;x\n", {.delimiter = ';'});
  const auto ab = t.numbers({"b", "a"});
  ASSERT_TRUE(ab.ok()) << ab.status();
  EXPECT_EQ(ab->shape(), Shape({3, 2}));
  const std::vector<float> v = ab->to_vector<float>();
  EXPECT_EQ(v[0], 2.5F);
  EXPECT_EQ(v[2], 1000.0F);
  EXPECT_EQ(v[3], -3.0F);
  EXPECT_TRUE(v[4] != v[4]);
  EXPECT_THAT(t.numbers({"a"}, DType::i64)->to_vector<std::int64_t>(), ElementsAre(1, -3, 0));
  EXPECT_EQ(t.numbers({"a"}, DType::f64)->dtype(), DType::f64);
  const auto c = t.categories("c");
  ASSERT_TRUE(c.ok());
  EXPECT_THAT(c->codes.to_vector<std::int64_t>(), ElementsAre(0, 1, 0));
  EXPECT_THAT(c->words, ElementsAre("x", "y"));
}

TEST(CsvTest, WithoutHeaderColumnsAreNumbered) {
  const CsvTable t = parse("1,2\n3,4\n", {.header = false});
  EXPECT_THAT(t.names(), ElementsAre("0", "1"));
  EXPECT_THAT(t.numbers({"1"})->to_vector<float>(), ElementsAre(2, 4));
}

TEST(CsvTest, MessagesGiveTheLine) {
  EXPECT_EQ(error("a,b\n1,2\n3\n"), "t.csv:3: 1 fields; the table has 2 columns");
  EXPECT_EQ(error("a,b\n\"1\n\n2\",3\n4,5,6"), "t.csv:5: 3 fields; the table has 2 columns");
  EXPECT_EQ(error("a\n\"1"), "t.csv:2: the quote of a field does not end");
  EXPECT_EQ(error("a\n\"1\"x"), "t.csv:2: something follows the quote that ends a field");
  EXPECT_EQ(error("a,a\n"), "t.csv:1: two columns are called \"a\"");
  EXPECT_EQ(error(""), "t.csv:1: empty: a row of names is expected");
  const CsvTable t = parse("a,b\n1,2\n\n3,x\n");
  EXPECT_EQ(t.numbers({"a", "b"}).status().message(), "t.csv:4: column \"b\": \"x\" is no number of f32");
  EXPECT_EQ(t.numbers({"c"}).status().message(), "t.csv: there is no column \"c\"; the columns are a, b");
  EXPECT_THAT(t.numbers({"a"}, DType::u8).status().ToString(), HasSubstr("f32, f64 or i64, not u8"));
  EXPECT_THAT(parse("a\n1.5\n").numbers({"a"}, DType::i64).status().ToString(),
              HasSubstr("\"1.5\" is no number of i64"));
  EXPECT_EQ(read_csv("/nowhere/t.csv").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(parse_csv("a", "t.csv", {.delimiter = '"'}).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gradus::data
