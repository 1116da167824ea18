// gradus ops and gradus check: each op has its line, its page and right derivatives, and a wrong one is
// found.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "gradus/graph/samples.h"
#include "gradus/ops/all_ops.h"
#include "gradus/ops/elementwise.h"
#include "gradus/tools/check_op.h"
#include "tool.h"

namespace gradus::tools {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(Ops, TheListHasEveryOp) {
  const TemporaryFolder folder;
  const Outcome o = run_tool(folder.path(), {"ops"});
  EXPECT_EQ(o.code, 0);
  EXPECT_EQ(o.err, "");
  ASSERT_FALSE(all_ops().empty());
  const std::string text = "\n" + o.out;
  for (const OpDef* op : all_ops()) {
    EXPECT_THAT(text, HasSubstr(std::string("\n") + op->name + "("));
    EXPECT_THAT(text, HasSubstr(std::string("  ") + op->doc + "\n"));
  }
}

TEST(Ops, EveryOpHasAPage) {
  const TemporaryFolder folder;
  for (const OpDef* op : all_ops()) {
    const Outcome o = run_tool(folder.path(), {"ops", op->name});
    EXPECT_EQ(o.code, 0) << op->name << ": " << o.err;
    EXPECT_THAT(o.out, StartsWith(std::string(op->name) + "("));
    EXPECT_THAT(o.out,
                AllOf(HasSubstr(op->doc), HasSubstr("\n  derivative  "), HasSubstr("\n  refuses     ")));
    EXPECT_THAT(o.out, AllOf(HasSubstr("\nfor example"), HasSubstr("\n  result")));
    for (const AttrDef& a : op->attrs) EXPECT_THAT(o.out, HasSubstr(std::string(" ") + a.name));
  }
}

TEST(Ops, ThePageOfSoftmax) {
  const TemporaryFolder folder;
  const std::string page = run_tool(folder.path(), {"ops", "softmax"}).out;
  EXPECT_THAT(page, StartsWith("softmax(input, dim): exp(x) / sum(exp(x)) along dim\n"));
  for (const char* part :
       {"formula     y_i = exp(x_i) / sum_j exp(x_j)\n", "attribute   int64 dim, required\n",
        "keeps the output for the gradient of input\n", "ONNX        Softmax\n",
        "softmax: axis 2 is out of range: input [2, 3] f64 has the axes -2..1\n"}) {
    EXPECT_THAT(page, HasSubstr(part));
  }
}

TEST(Check, EveryOp) {
  const TemporaryFolder folder;
  const Outcome o = run_tool(folder.path(), {"check"});
  EXPECT_EQ(o.code, 0);
  EXPECT_EQ(o.err, "");
  EXPECT_THAT(o.out, Not(HasSubstr("WRONG")));
  EXPECT_THAT(o.out, HasSubstr(", of 0 wrong; "));
  const std::string text = "\n" + o.out;
  for (const OpDef* op : all_ops()) EXPECT_THAT(text, HasSubstr(std::string("\n") + op->name + " "));
}

TEST(Check, OneOp) {
  const TemporaryFolder folder;
  const Outcome o = run_tool(folder.path(), {"check", "tanh"});
  EXPECT_EQ(o.code, 0);
  EXPECT_THAT(o.out, StartsWith("tanh  ok "));
  EXPECT_EQ(std::count(o.out.begin(), o.out.end(), '\n'), 1);
}

// The derivative of tanh times `factor`: right at 1.
template <int percent>
void scaled_rule(RuleContext& c) {
  const Tensor y = c.output();
  c.set(0, c.grad() * (1.0 - y * y) * (percent / 100.0));
}

TEST(Check, AWrongDerivativeIsFoundAndPlaced) {
  const auto find = [](std::string_view name) {
    return **std::find_if(all_ops().begin(), all_ops().end(),
                          [&](const OpDef* op) { return op->name == name; });
  };
  OpDef op = find("tanh");
  op.rule = scaled_rule<100>;
  const DerivativeCheck right = check_op(op);
  EXPECT_EQ(right.fault, "");
  EXPECT_GT(right.samples, 0);
  EXPECT_LT(right.max_error, 1e-6);
  op.rule = scaled_rule<101>;
  const DerivativeCheck wrong = check_op(op);
  EXPECT_THAT(wrong.fault, AllOf(StartsWith("first order, sample 1"), HasSubstr("the rule says")));
  EXPECT_GT(wrong.max_error, 1e-3);
}

}  // namespace
}  // namespace gradus::tools
