// apply(): what it refuses, what it records, and that a lent buffer never shows.
#include "gradus/graph/apply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gradus/graph/backward.h"
#include "gradus/graph/node.h"
#include "gradus/graph/recording.h"
#include "gradus/tests/graph/message.h"
#include "gradus/tests/graph/test_ops.h"

namespace gradus::test_ops {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Tensor large(double v) {
  Tensor t = empty({2048}, DType::f64);
  t.fill_(v);
  return t;
}

TEST(Apply, AnEmptyHandleIsNamed) {
  const int line = __LINE__ + 1;
  EXPECT_EQ(message_of<ValueError>([] { mul(scalar(1.0), Tensor()); }),
            "apply_test.cc:" + std::to_string(line) +
                ": mul: operand b is an empty handle; it was never given a tensor");
  EXPECT_THAT(message_of<ValueError>([] { Operand(Tensor()).dtype(); }), HasSubstr("empty Tensor handle"));
}

TEST(Apply, AnOpWithoutDerivativeSaysWhyWhenItIsRecorded) {
  const Tensor x = leaf(1.0);
  EXPECT_THAT(message_of<GraphError>([&] { no_rule(x); }),
              HasSubstr("no_rule: it has no derivative (it is a test), but an operand requires a gradient"));
  EXPECT_EQ(no_rule(x.detach()).item(), 1.0);
  const NoGrad guard;
  EXPECT_EQ(no_rule(x).item(), 1.0);
}

TEST(Apply, RoomForAllOutputsMustBeGiven) {
  const Tensor a = scalar(1.0);
  const Operand in[] = {Operand(a), Operand(a)};
  Tensor outs[2];
  EXPECT_THAT(message_of<ValueError>([&] { apply(kMul, in, nullptr, outs); }),
              HasSubstr("it has 1 outputs, but room for 2 was given"));
}

TEST(Apply, SavesThatNameAMissingInputAreAnError) {
  static constexpr SaveMask kWrong[] = {gradus::in(5)};
  OpDef op = kMul;
  op.saves = kWrong;
  const Tensor x = leaf(1.0);
  EXPECT_THAT(message_of<GraphError>([&] {
                apply(op, {x, x});
              }),
              HasSubstr("`saves` of its OpDef names input 5, which it does not have"));
}

TEST(Apply, ShapesThatDoNotBroadcast) {
  Tensor a = empty({2, 3}, DType::f64).name("w");
  const Tensor b = empty({2, 4}, DType::f64);
  EXPECT_THAT(
      message_of<ShapeError>([&] { mul(a, b); }),
      HasSubstr("mul: shapes do not broadcast: a \"w\" [2, 3] f64, b [2, 4] f64: axis 1 from the end is 3 "
                "in one and 4 in another"));
}

TEST(Apply, ATemporaryLendsItsBuffer) {
  const NoGrad guard;
  Tensor a = large(2.0);
  const void* buffer = a.view().data;
  const Tensor b = affine(std::move(a), 3.0, 1.0);
  EXPECT_EQ(b.view().data, buffer);
  EXPECT_EQ(b.span<double>()[2047], 7.0);
}

TEST(Apply, ABufferThatSomebodyElseSeesIsNotLent) {
  Tensor a = large(2.0);
  const Tensor view = reverse(a);
  const Tensor b = affine(std::move(a), 3.0, 1.0);
  EXPECT_EQ(values(view)[0], 2.0);
  EXPECT_EQ(b.span<double>()[0], 7.0);
}

TEST(Apply, ALentBufferNeverChangesAGradient) {
  const Tensor x = leaf({1.0, 2.0});
  const Tensor big = expand(sum(x), {2048});
  // exp saves its output, mul its inputs, mul of one tensor by itself the tensor it would lend.
  Tensor t = exp(affine(big, 0.01, 0.0));
  Tensor kept = mul(std::move(t), affine(big, 2.0, 0.0));
  Tensor square = mul(std::move(kept), kept);  // NOLINT(bugprone-use-after-move): one tensor, twice
  const double got = grad(sum(affine(std::move(square), 1.0, 0.0)), {x})[0].span<double>()[0];
  const double s = 3.0;  // f = (e^{s/100} 2 s)^2
  const double e = std::exp(0.02 * s);
  EXPECT_NEAR(got, 2048 * (e * 8.0 * s + 0.02 * e * 4.0 * s * s), 1e-8);
}

TEST(Apply, ATemporaryOperandThatIsAlsoSavedIsNotOverwritten) {
  Tensor w = large(3.0);
  w.requires_grad(true);
  Tensor c = large(2.0);
  const Tensor y = mul(std::move(c), w);  // w's gradient reads c
  EXPECT_EQ(grad(sum(y), {w})[0].span<double>()[5], 2.0);
}

TEST(Apply, TheCallSiteIsTheUsersLine) {
  const Tensor x = leaf(1.0);
  const int line = __LINE__ + 1;
  const Tensor y = tanh(x);
  EXPECT_EQ(y.impl()->node->line, static_cast<std::uint32_t>(line));
  const Tensor g = grad(y, {x}, {.create_graph = true})[0];
  EXPECT_EQ(g.impl()->node->line, static_cast<std::uint32_t>(line))
      << "what a rule records is said to be there";
}

TEST(Apply, NothingIsRecordedForConstants) {
  const Tensor y = mul(scalar(2.0), scalar(3.0));
  EXPECT_FALSE(y.requires_grad());
  EXPECT_TRUE(y.is_leaf());
}

TEST(Apply, OnlyWhatTheGradientReadsIsSaved) {
  const Tensor x = leaf(2.0);
  const Tensor c = scalar(3.0);
  const Tensor y = mul(x, c);
  ASSERT_EQ(y.impl()->node->saved, 1);
  EXPECT_TRUE(y.impl()->node->saved_slots()[0].value.is(c));
  const Tensor z = add(x, c);
  EXPECT_EQ(z.impl()->node->saved, 0);
}

}  // namespace
}  // namespace gradus::test_ops
