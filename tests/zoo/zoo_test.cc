// Every example of the model zoo: its small run reaches what it promises, twice alike; its options are
// checked; its step records a graph.
#include "gradus/docs/examples/zoo/zoo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

namespace gradus::zoo {
namespace {

// Keeps what a run says.
class RecordedRun : public Run {
 public:
  using Run::Run;

  void step(std::int64_t step, std::int64_t total, double loss) override {
    EXPECT_EQ(step, steps + 1);
    EXPECT_LE(step, total);
    EXPECT_TRUE(std::isfinite(loss)) << "at step " << step;
    steps = step == total ? 0 : step;
    ++steps_in_all;
  }
  void row(const char* unit, std::int64_t x, const Figures& figures) override {
    EXPECT_STRNE(unit, "");
    EXPECT_GT(x, last_x);
    last_x = x;
    std::vector<std::string> names;
    for (const auto& [name, value] : figures) {
      names.push_back(name);
      EXPECT_TRUE(std::isfinite(value)) << name << " at " << unit << " " << x;
    }
    if (rows++ == 0) row_names = names;
    EXPECT_EQ(names, row_names);
  }
  void text(std::string_view name, std::string_view text) override { EXPECT_FALSE(text.empty()) << name; }
  void image(std::string_view name, const Tensor& pixels) override {
    EXPECT_EQ(pixels.dtype(), DType::u8) << name;
    EXPECT_TRUE(pixels.rank() == 2 || pixels.rank() == 3) << name;
  }
  void weights(std::string_view name, const nn::Module& model) override {
    EXPECT_GT(model.parameter_count(), 0) << name;
  }

  std::int64_t steps = 0;  // of the pass under way
  std::int64_t steps_in_all = 0;
  std::int64_t last_x = -1;
  std::int64_t rows = 0;
  std::vector<std::string> row_names;
};

class Zoo : public testing::TestWithParam<Entry> {
 protected:
  const Example& example() const { return *GetParam().example; }
  Figures train(RecordedRun& run) const {
    manual_seed(0);
    return example().train(run);
  }
};

TEST_P(Zoo, SmallRunMeetsItsBoundsAndIsTheSameTwice) {
  const Values small(example().options, example().small);
  RecordedRun run(small, "");
  const Figures figures = train(run);
  EXPECT_GT(run.steps_in_all, 0);
  EXPECT_GT(run.rows, 0);
  std::map<std::string, double> by_name(figures.begin(), figures.end());
  ASSERT_EQ(by_name.size(), figures.size()) << "a figure twice";
  ASSERT_FALSE(example().bounds.empty());
  for (const Bound& b : example().bounds) {
    ASSERT_EQ(by_name.count(b.figure), 1U) << b.figure;
    EXPECT_GE(by_name[b.figure], b.least) << b.figure;
    EXPECT_LE(by_name[b.figure], b.most) << b.figure;
  }
  RecordedRun again(small, "");
  EXPECT_EQ(train(again), figures);
}

TEST_P(Zoo, OptionsAreDocumentedAndChecked) {
  EXPECT_STRNE(example().title, "");
  std::set<std::string> names;
  for (const Option& o : example().options) {
    EXPECT_TRUE(names.insert(o.name).second) << o.name << " twice";
    EXPECT_STRNE(o.doc, "") << o.name;
    Values values(example().options);
    EXPECT_EQ(values.number(o.name), o.value);
    EXPECT_NO_THROW(values.set(o.name, o.value)) << o.name;
    EXPECT_THROW(values.set(o.name, o.least - 1), ValueError) << o.name;
    EXPECT_THROW(values.set(o.name, std::nan("")), ValueError) << o.name;
    if (std::isfinite(o.most)) {
      EXPECT_THROW(values.set(o.name, o.most * 2 + 1), ValueError) << o.name;
    }
    if (o.whole) {
      EXPECT_THROW(values.set(o.name, o.least + 0.5), ValueError) << o.name;
    }
  }
  EXPECT_THROW(Values(example().options).number("no-such-option"), ValueError);
}

TEST_P(Zoo, StepRecordsAGraph) {
  if (example().step == nullptr) GTEST_SKIP() << "nothing to draw";
  manual_seed(0);
  const Step step = example().step(Values(example().options, example().small), 3);
  EXPECT_TRUE(std::isfinite(step.loss.item()));
  ASSERT_TRUE(step.loss.requires_grad());
  EXPECT_NO_THROW(step.loss.backward());
}

INSTANTIATE_TEST_SUITE_P(Examples, Zoo, testing::ValuesIn(examples().begin(), examples().end()),
                         [](const auto& example) {
                           std::string name = example.param.name;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace gradus::zoo
