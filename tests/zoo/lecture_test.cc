// Every lesson of the lecture on its small budget: its claims hold, twice with the same numbers, and its
// options are checked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "gradus/base/parallel.h"
#include "gradus/docs/examples/lecture/lesson.h"

namespace gradus::lecture {
namespace {

class RecordedLab : public Lab {
 public:
  using Lab::Lab;

  void table(Table table) override {
    EXPECT_TRUE(names.insert(table.name).second) << table.name << " twice";
    EXPECT_FALSE(table.rows.empty()) << table.name;
    for (const auto& row : table.rows) {
      ASSERT_EQ(row.size(), table.columns.size()) << table.name;
      numbers.insert(numbers.end(), row.begin(), row.end());
    }
  }
  void picture(Picture picture) override {
    ++pictures;
    EXPECT_FALSE(picture.caption.empty()) << picture.name;
    EXPECT_THAT(picture.script, testing::HasSubstr("plot ")) << picture.name;
  }
  void check(std::string_view claim, double measured, double predicted, double tolerance) override {
    EXPECT_NEAR(measured, predicted, tolerance) << claim;
    EXPECT_TRUE(claims.insert(std::string(claim)).second) << claim << " twice";
  }
  void check_within(std::string_view claim, double measured, double least, double most) override {
    EXPECT_GE(measured, least) << claim;
    EXPECT_LE(measured, most) << claim;
    EXPECT_TRUE(claims.insert(std::string(claim)).second) << claim << " twice";
  }
  void progress(std::int64_t step, std::int64_t total) override { EXPECT_LE(step, total); }

  std::set<std::string> names, claims;
  std::vector<double> numbers;
  int pictures = 0;
};

class Lecture : public testing::TestWithParam<Entry> {};

TEST_P(Lecture, ClaimsHoldAndNumbersAreTheSameTwice) {
  const Lesson& lesson = *GetParam().lesson;
  std::vector<double> first;
  for (int i = 0; i < 2; ++i) {
    RecordedLab lab(zoo::Values(lesson.options, lesson.quick), "");
    set_threads(1);
    manual_seed(0);
    lesson.run(lab);
    EXPECT_FALSE(lab.claims.empty());
    EXPECT_GT(lab.pictures, 0);
    if (i == 0) first = lab.numbers;
    if (!lesson.measures_time) {
      EXPECT_EQ(lab.numbers, first);
    }
  }
}

TEST_P(Lecture, SaysWhatItIs) {
  const Lesson& lesson = *GetParam().lesson;
  EXPECT_STRNE(lesson.title, "");
  EXPECT_STRNE(lesson.claim, "");
  for (const zoo::Option& o : lesson.options) {
    EXPECT_STRNE(o.doc, "") << o.name;
    EXPECT_NO_THROW(zoo::Values(lesson.options).set(o.name, o.value)) << o.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Lessons, Lecture, testing::ValuesIn(lessons().begin(), lessons().end()),
                         [](const auto& lesson) {
                           std::string name = lesson.param.name;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

TEST(LectureOrder, LessonsComeInTheirOrder) {
  int last = 0;
  for (const Entry& e : lessons()) {
    EXPECT_GT(e.lesson->number, last) << e.name;
    last = e.lesson->number;
  }
}

}  // namespace
}  // namespace gradus::lecture
