// The text of the examples that learn to write: where it comes from, how it is cut, what goes wrong; and how
// the next character is drawn.
#include "gradus/docs/examples/zoo/corpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "gradus/base/error.h"
#include "gradus/base/random.h"
#include "gradus/ops/creation.h"

namespace gradus::zoo {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

// A folder of its own; with use_path() the only one in which programs are looked for.
class Corpora : public testing::Test {
 protected:
  Corpora() { std::filesystem::create_directories(folder_); }
  ~Corpora() override {
    setenv("PATH", path_.c_str(), 1);
    std::filesystem::remove_all(folder_);
  }
  std::string write(const std::string& name, const std::string& content) const {
    const std::filesystem::path file = folder_ / name;
    std::ofstream(file, std::ios::binary) << content;
    return file.string();
  }
  // A program `bible` that is this script.
  void write_program(const std::string& script) const {
    std::filesystem::permissions(write("bible", "#!/bin/sh\n" + script), std::filesystem::perms::owner_exec,
                                 std::filesystem::perm_options::add);
    use_path();
  }
  void use_path() const { setenv("PATH", folder_.c_str(), 1); }

 private:
  std::string path_ = std::getenv("PATH");
  std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) /
                                  testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(Corpora, TheBibleIsAVerseALine) {
  const std::string text = load_text("", 0);
  EXPECT_EQ(text.find("In the beginning God created the heaven and the earth.\nAnd the earth was without"),
            0U);
  EXPECT_TRUE(text.ends_with("\nThe grace of our Lord Jesus Christ be with you all. Amen.\n"));
  EXPECT_EQ(load_text("", 6), "In the");
}

TEST_F(Corpora, ReferencesAreCutOff) {
  write_program("printf 'Ge1:1 a b\\nGe1:2\\n\\nRev2:3 c'");
  EXPECT_EQ(load_text("", 0), "a b\n\n\nc\n");
}

TEST_F(Corpora, AFileIsTakenAsItIs) {
  const std::string file = write("text", "x \xC3\xA4\xE2\x82\xAC\nlast");
  EXPECT_EQ(load_text(file, 0), "x \xC3\xA4\xE2\x82\xAC\nlast");
  EXPECT_EQ(load_text(file, 3), "x \xC3\xA4");
  EXPECT_EQ(load_text(file, 4), "x \xC3\xA4\xE2\x82\xAC");
  EXPECT_EQ(load_text(file, 100), load_text(file, 0));
}

TEST_F(Corpora, WhatIsMissingIsNamed) {
  EXPECT_THAT([] { load_text("/no/such/text", 0); },
              ThrowsMessage<ValueError>(HasSubstr("the text /no/such/text cannot be read")));
  use_path();
  EXPECT_THAT([] { load_text("", 0); },
              ThrowsMessage<ValueError>(HasSubstr("install the package bible-kjv, or give a text file")));
  write_program("echo text; exit 3");
  EXPECT_THAT([] { load_text("", 0); }, ThrowsMessage<ValueError>(HasSubstr("package bible-kjv-text")));
  write_program("exit 0");
  EXPECT_THAT([] { load_text("", 0); }, ThrowsMessage<ValueError>(HasSubstr("package bible-kjv-text")));
}

TEST_F(Corpora, PartsFollowEachOther) {
  const Corpus c = load_corpus(write("text", "abcabcabcdabcabcabcX"), 20, 2);
  EXPECT_EQ(c.vocabulary.decode(c.train), "abcabcabcdabcabcab");
  EXPECT_EQ(c.vocabulary.decode(c.test), "cX");
  EXPECT_EQ(c.vocabulary.size(), 5);
}

TEST_F(Corpora, ATextThatIsTooShortIsRefused) {
  const std::string file = write("text", "abcabcabcdabcabcabcX");
  EXPECT_THAT([&] { load_corpus(file, 0, 3); },
              ThrowsMessage<ValueError>(HasSubstr("the text has 20 characters, its last tenth 2; with these "
                                                  "options it must have 3")));
  const std::string empty = write("empty", "");
  EXPECT_THAT([&] { load_corpus(empty, 0, 1); }, ThrowsMessage<ValueError>(HasSubstr("the text is empty")));
  const std::string binary = write("binary", "\xFF\xFE\xFF\xFE");
  EXPECT_THAT([&] { load_corpus(binary, 0, 1); }, ThrowsMessage<ValueError>(HasSubstr("no UTF-8")));
}

// How often each of four codes is drawn, whose scores are the logarithms of 1, 2, 3 and 4.
std::array<double, 4> shares(double temperature, std::int64_t top_k) {
  const Tensor scores = tensor(std::vector<float>{0.0F, 0.6931472F, 1.0986123F, 1.3862944F}, {4});
  manual_seed(5);
  std::array<double, 4> out = {};
  for (int i = 0; i < 20000; ++i)
    out.at(static_cast<std::size_t>(draw_code(scores, temperature, top_k))) += 1.0 / 20000;
  return out;
}

TEST(DrawCode, FollowsTheSoftmax) {
  using testing::DoubleNear;
  using testing::ElementsAre;
  constexpr double kNear = 0.015;  // four standard deviations
  EXPECT_THAT(shares(1, 0), ElementsAre(DoubleNear(0.1, kNear), DoubleNear(0.2, kNear),
                                        DoubleNear(0.3, kNear), DoubleNear(0.4, kNear)));
  EXPECT_THAT(shares(0.5, 0), ElementsAre(DoubleNear(1 / 30.0, kNear), DoubleNear(4 / 30.0, kNear),
                                          DoubleNear(9 / 30.0, kNear), DoubleNear(16 / 30.0, kNear)));
  EXPECT_THAT(shares(1, 2), ElementsAre(0, 0, DoubleNear(3 / 7.0, kNear), DoubleNear(4 / 7.0, kNear)));
  EXPECT_THAT(shares(1, 9), ElementsAre(DoubleNear(0.1, kNear), DoubleNear(0.2, kNear),
                                        DoubleNear(0.3, kNear), DoubleNear(0.4, kNear)));
  EXPECT_THAT(shares(0, 0), ElementsAre(0, 0, 0, DoubleNear(1, 1e-9)));
}

}  // namespace
}  // namespace gradus::zoo
