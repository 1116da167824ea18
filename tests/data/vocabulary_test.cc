// Characters and bytes as codes, and windows over them.
#include "gradus/data/vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gradus/base/error.h"
#include "gradus/data/data_loader.h"
#include "gradus/ops/creation.h"
#include "gradus/tests/graph/message.h"

namespace gradus::data {
namespace {

using test_ops::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(VocabularyTest, CharactersAreCodePointsInTheirOrder) {
  const Vocabulary v = Vocabulary::of_characters(
      "b\xC3\xA9"
      "a\xE2\x82\xAC"
      "b\xF0\x9F\x98\x80");
  EXPECT_THAT(v.tokens(), ElementsAre("a", "b", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"));
  const std::string text =
      "a\xE2\x82\xAC"
      "b\xC3\xA9";
  const Tensor codes = v.encode(text);
  EXPECT_THAT(codes.to_vector<std::int64_t>(), ElementsAre(0, 3, 1, 2));
  EXPECT_EQ(v.decode(codes), text);
  EXPECT_EQ(v.encode("").numel(), 0);
}

TEST(VocabularyTest, BytesTakeAnyText) {
  const Vocabulary v = Vocabulary::of_bytes();
  EXPECT_EQ(v.size(), 256);
  const std::string text("a\xFF\0\x80", 4);
  EXPECT_THAT(v.encode(text).to_vector<std::int64_t>(), ElementsAre(97, 255, 0, 128));
  EXPECT_EQ(v.decode(v.encode(text)), text);
}

TEST(VocabularyTest, CopiesAndMovesAreWhole) {
  auto first = std::make_unique<Vocabulary>(Vocabulary::of_characters("abc"));
  const Vocabulary copy = *first;
  const Vocabulary moved = std::move(*first);
  first.reset();
  EXPECT_THAT(copy.encode("cb").to_vector<std::int64_t>(), ElementsAre(2, 1));
  EXPECT_THAT(moved.encode("cb").to_vector<std::int64_t>(), ElementsAre(2, 1));
}

TEST(VocabularyTest, SaysWhatIsWrongAndWhere) {
  const Vocabulary v = Vocabulary::of_characters("abc");
  EXPECT_THAT(message_of<ValueError>([&] { (void)v.encode("ab\xC3\xA9"); }),
              HasSubstr("Vocabulary::encode: byte 2 begins \"\xC3\xA9\", which is none of the 3 tokens"));
  for (const char* wrong :
       {"a\x80", "a\xC0\xAF", "a\xE0\x80\x80", "a\xED\xA0\x80", "a\xF4\x90\x80\x80", "a\xE2\x82"}) {
    EXPECT_THAT(message_of<ValueError>([&] { (void)Vocabulary::of_characters(wrong); }),
                HasSubstr("no UTF-8: byte 1"));
  }
  EXPECT_THAT(message_of<ValueError>([&] { (void)v.decode(full({1}, 3, DType::i64)); }),
              HasSubstr("3 is no code; there are 3"));
  EXPECT_THAT(message_of<DtypeError>([&] { (void)v.decode(full({1}, 1, DType::f32)); }), HasSubstr("f32"));
  EXPECT_THAT(message_of<ValueError>([&] {
                Vocabulary({"a", "b", "a"});
              }),
              HasSubstr("token 2, \"a\", is there twice"));
  EXPECT_THAT(message_of<ValueError>([&] { Vocabulary({"a", ""}); }), HasSubstr("token 1 is empty"));
}

TEST(TextWindowsTest, TargetsAreOneAhead) {
  const TextWindows w(arange(0, 6, 1, DType::i64), 3);
  EXPECT_EQ(w.size(), 3);
  const std::int64_t indices[] = {2, 0};
  const auto [x, y] = w.batch(indices);
  EXPECT_EQ(x.shape(), Shape({2, 3}));
  EXPECT_THAT(x.to_vector<std::int64_t>(), ElementsAre(2, 3, 4, 0, 1, 2));
  EXPECT_THAT(y.to_vector<std::int64_t>(), ElementsAre(3, 4, 5, 1, 2, 3));
  DataLoader loader(w, {.batch_size = 2, .prefetch = 1});
  std::int64_t rows = 0;
  for (auto [a, b] : loader) rows += a.size(0);
  EXPECT_EQ(rows, 3);
}

TEST(TextWindowsTest, Refuses) {
  const Tensor codes = arange(0, 6, 1, DType::i64);
  EXPECT_THAT(message_of<ValueError>([&] { TextWindows(codes, 6); }), HasSubstr("do not fit into 6 codes"));
  EXPECT_THAT(message_of<ValueError>([&] { TextWindows(codes, 0); }), HasSubstr("windows of 0"));
  EXPECT_THAT(message_of<DtypeError>([&] { TextWindows(zeros({4}), 2); }), HasSubstr("codes are f32"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                TextWindows(zeros({4, 4}, DType::i64), 2);
              }),
              HasSubstr("[4, 4]"));
  const std::int64_t indices[] = {4};
  EXPECT_THAT(message_of<ValueError>([&] { (void)TextWindows(codes, 2).batch(indices); }),
              HasSubstr("index 4 is out of range"));
}

}  // namespace
}  // namespace gradus::data
