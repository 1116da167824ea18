// The contract that every op keeps, checked over all ops of the library, their samples and dtypes. Each op is
// a test of its own name. What must be there (documentation, samples, a derivative or the reason why there is
// none, a reference) is forced: without it the op fails.
#include "gradus/tests/ops/contract.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "gradus/ops/all_ops.h"
#include "gradus/tests/ops/reference.h"

namespace gradus {

void PrintTo(const OpDef* op, std::ostream* os) { *os << op->name; }

namespace {

using contract::Faults;

class Contract : public testing::TestWithParam<const OpDef*> {
 protected:
  void SetUp() override {
    op_ = GetParam();
    if (op_->samples != nullptr) op_->samples(sink_);
  }
  void report(const Faults& faults) {
    for (const std::string& f : faults) ADD_FAILURE() << op_->name << ": " << f;
  }
  const OpDef* op_ = nullptr;
  SampleSink sink_;
};

TEST_P(Contract, IsComplete) { report(contract::completeness(*op_)); }
TEST_P(Contract, MatchesItsReference) {
  const reference::Reference compute = reference::find_reference(op_->name);
  ASSERT_NE(compute, nullptr) << "no entry {\"" << op_->name << "\", ...} in tests/ops/references/";
  report(contract::forward(*op_, sink_.good, compute));
}
TEST_P(Contract, FirstDerivative) { report(contract::derivative(*op_, sink_.good, 1)); }
TEST_P(Contract, SecondDerivative) { report(contract::derivative(*op_, sink_.good, 2)); }
TEST_P(Contract, NotContiguousIsTheSame) { report(contract::layouts(*op_, sink_.good)); }
TEST_P(Contract, ReadsOnlyWhatItSaves) { report(contract::poison(*op_, sink_.good)); }
TEST_P(Contract, WritesOnlyItsOutputs) { report(contract::guards(*op_, sink_.good)); }
TEST_P(Contract, SameWithOneAndTwoThreads) { report(contract::threads(*op_, sink_.good)); }
TEST_P(Contract, TakesHalves) { report(contract::halves(*op_, sink_.good)); }
TEST_P(Contract, Messages) { report(contract::messages(*op_, sink_.bad)); }

INSTANTIATE_TEST_SUITE_P(Ops, Contract, testing::ValuesIn(all_ops().begin(), all_ops().end()),
                         [](const auto& info) { return std::string(info.param->name); });

// The ops that have a derivative.
class ContractOfRules : public Contract {};

TEST_P(ContractOfRules, TheCheckIsSensitive) {
  // A gradient of zeros is the same scaled.
  EXPECT_NE(contract::derivative(*op_, sink_.good, 1, 1.01).empty(),
            contract::has_gradient(*op_, sink_.good));
}

std::vector<const OpDef*> ops_with_rules() {
  std::vector<const OpDef*> ops;
  std::copy_if(all_ops().begin(), all_ops().end(), std::back_inserter(ops),
               [](const OpDef* op) { return op->rule != nullptr; });
  return ops;
}

INSTANTIATE_TEST_SUITE_P(Ops, ContractOfRules, testing::ValuesIn(ops_with_rules()),
                         [](const auto& info) { return std::string(info.param->name); });

TEST(ContractList, HasTheOps) { EXPECT_GE(all_ops().size(), 60U); }

TEST(ContractList, NamesAreUnique) {
  std::vector<std::string> names;
  for (const OpDef* op : all_ops()) names.emplace_back(op->name);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

}  // namespace
}  // namespace gradus
