// Tensor::backward(): sums over paths, accumulation, broadcasting, seeds, and what a rule may get wrong.
#include "gradus/graph/backward.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gradus/graph/recording.h"
#include "gradus/tests/graph/message.h"
#include "gradus/tests/graph/test_ops.h"

namespace gradus::test_ops {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointwise;

std::string at(int line) { return "backward_test.cc:" + std::to_string(line); }

TEST(Backward, Diamond) {
  const Tensor x = leaf(0.5);
  const Tensor a = tanh(x);
  const Tensor b = exp(x);
  mul(a, b).backward();
  const double t = std::tanh(0.5);
  const double e = std::exp(0.5);
  EXPECT_NEAR(x.grad().item(), (1 - t * t) * e + t * e, 1e-15);
}

TEST(Backward, ANodeUsedTwiceByOneOp) {
  const Tensor x = leaf(3.0);
  const Tensor h = affine(x, 2.0, 1.0);
  mul(h, h).backward();
  EXPECT_EQ(x.grad().item(), 2 * 7.0 * 2.0);
}

TEST(Backward, ALeafUsedTwiceByOneOp) {
  const Tensor x = leaf(3.0);
  mul(x, x).backward();
  EXPECT_EQ(x.grad().item(), 6.0);
}

TEST(Backward, ThirdContributionIsAddedInPlaceWithoutTouchingOthers) {
  const Tensor x = leaf({1.0, 2.0});
  Tensor y = affine(x, 1.0, 0.0);
  Tensor all = add(add(add(y, y), y), add(y, y));
  Tensor seed = vec({10.0, 100.0});
  all.backward(seed);
  EXPECT_THAT(values(x.grad()), ElementsAre(50.0, 500.0));
  EXPECT_THAT(values(seed), ElementsAre(10.0, 100.0));
}

TEST(Backward, TwoToTheThirtyPathsTakeLinearTime) {
  const Tensor x = leaf(1.0);
  Tensor y = affine(x, 1.0, 0.0);
  for (int i = 0; i < 30; ++i) y = add(y, y);
  y.backward();
  EXPECT_EQ(x.grad().item(), 1073741824.0);
}

TEST(Backward, TwoLossesAccumulate) {
  const Tensor x = leaf({1.0, 2.0});
  sum(mul(x, x)).backward();
  const Tensor held = x.grad();
  sum(affine(x, 5.0, 0.0)).backward();
  EXPECT_THAT(values(x.grad()), ElementsAre(7.0, 9.0));
  EXPECT_TRUE(held.is(x.grad())) << "the second gradient is added in place";
}

TEST(Backward, BroadcastAxesAreSummedAway) {
  Tensor a = empty({2, 1, 3}, DType::f64);
  a.fill_(2.0);
  a.requires_grad(true);
  Tensor b = empty({4, 1}, DType::f64);
  b.fill_(3.0);
  b.requires_grad(true);
  sum(mul(a, b)).backward();
  EXPECT_EQ(a.grad().shape(), (Shape{2, 1, 3}));
  EXPECT_EQ(b.grad().shape(), (Shape{4, 1}));
  for (double v : values(a.grad())) EXPECT_EQ(v, 12.0);
  for (double v : values(b.grad())) EXPECT_EQ(v, 12.0);
}

TEST(Backward, SeedIsTheCotangent) {
  const Tensor x = leaf({1.0, 2.0, 3.0});
  mul(x, x).backward(vec({1.0, 10.0, 100.0}));
  EXPECT_THAT(values(x.grad()), ElementsAre(2.0, 40.0, 600.0));
}

TEST(Backward, ANonScalarNeedsASeed) {
  const Tensor y = affine(leaf({1.0, 2.0}), 1.0, 0.0);
  const int line = __LINE__ + 1;
  EXPECT_EQ(message_of<ShapeError>([&] { y.backward(); }),
            at(line) +
                ": backward: [2] f64 has 2 elements, so its cotangent must be given: reduce it first (sum, "
                "mean), or pass a seed of its shape");
}

TEST(Backward, SeedsAreChecked) {
  const Tensor y = affine(leaf({1.0, 2.0}), 1.0, 0.0);
  EXPECT_THAT(message_of<ShapeError>([&] { y.backward(vec({1.0})); }), HasSubstr("another shape"));
  EXPECT_THAT(message_of<DtypeError>([&] { y.backward(empty({2}, DType::f32)); }),
              HasSubstr("another dtype"));
  y.backward(vec({1.0, 1.0}));  // nothing was lost by the refusals
}

TEST(Backward, WithoutAGraphItSaysSo) {
  EXPECT_THAT(message_of<GraphError>([] { scalar(1.0).backward(); }), HasSubstr("has no graph"));
  Tensor under_guard;
  {
    const NoGrad guard;
    under_guard = affine(leaf(1.0), 2.0, 0.0);
  }
  EXPECT_FALSE(under_guard.requires_grad());
  EXPECT_THAT(message_of<GraphError>([&] { under_guard.backward(); }), HasSubstr("NoGrad"));
  EXPECT_THAT(message_of<ValueError>([] { Tensor().backward(); }), HasSubstr("empty Tensor handle"));
}

TEST(Backward, OfALeafIsTheSeed) {
  const Tensor x = leaf(2.0);
  x.backward();
  x.backward();
  EXPECT_EQ(x.grad().item(), 2.0);
}

TEST(Backward, MultipleOutputsWithSomeUnused) {
  const Tensor x = leaf({1.0, 2.0});
  Tensor twice;
  const Tensor once = two_outputs(x, &twice);
  sum(twice).backward();
  EXPECT_THAT(values(x.grad()), ElementsAre(2.0, 2.0));
  EXPECT_THAT(message_of<GraphError>([&] { sum(once).backward(); }), HasSubstr("was released"));
}

TEST(Backward, MultipleOutputsBothUsed) {
  const Tensor x = leaf({1.0, 2.0});
  Tensor twice;
  const Tensor once = two_outputs(x, &twice);
  sum(mul(once, twice)).backward();  // 2 x^2
  EXPECT_THAT(values(x.grad()), ElementsAre(4.0, 8.0));
}

TEST(Backward, ThroughAViewWithNegativeStride) {
  const Tensor x = leaf({1.0, 2.0, 3.0});
  sum(mul(reverse(x), vec({1.0, 10.0, 100.0}))).backward();
  EXPECT_THAT(values(x.grad()), ElementsAre(100.0, 10.0, 1.0));
  EXPECT_TRUE(x.grad().is_contiguous());
}

TEST(Backward, DetachCutsTheGraph) {
  const Tensor x = leaf(3.0);
  const Tensor y = mul(x, mul(x, x).detach());
  y.backward();
  EXPECT_EQ(x.grad().item(), 9.0);
  EXPECT_FALSE(x.detach().requires_grad());
}

TEST(Backward, EnableGradInsideNoGrad) {
  const Tensor x = leaf(3.0);
  const NoGrad outer;
  EXPECT_FALSE(is_recording());
  {
    const EnableGrad inner;
    mul(x, x).backward();
  }
  EXPECT_FALSE(is_recording());
  EXPECT_EQ(x.grad().item(), 6.0);
}

TEST(Backward, ConstantsAreNotFollowed) {
  const Tensor x = leaf(3.0);
  const Tensor c = scalar(4.0);
  mul(x, c).backward();
  EXPECT_FALSE(c.grad().defined());
  EXPECT_EQ(x.grad().item(), 4.0);
}

TEST(Backward, IntegersHaveNoGradient) {
  for (DType t : {DType::i32, DType::i64, DType::u8, DType::boolean}) {
    Tensor x = empty({2}, t);
    x.name("labels");
    const int line = __LINE__ + 1;
    EXPECT_EQ(message_of<DtypeError>([&] { x.requires_grad(true); }),
              at(line) + ": requires_grad: only floating-point tensors have gradients: \"labels\" [2] " +
                  name(t) + "; convert it with astype()");
    EXPECT_FALSE(x.requires_grad());
    x.requires_grad(false);
  }
}

TEST(Backward, AThrowingRuleLeavesEverythingUsable) {
  const Tensor x = leaf({1.0, 2.0});
  const Tensor w = leaf({5.0, 6.0});
  sum(mul(x, w)).backward();
  const Tensor h = mul(x, w);
  const Tensor good = sum(add(h, exp(w)));
  Tensor bad = sum(add(good, sum(throwing(h))));
  EXPECT_THROW(bad.backward(), std::runtime_error);
  EXPECT_THAT(values(x.grad()), ElementsAre(5.0, 6.0)) << "no grad() changed";
  EXPECT_THAT(values(w.grad()), ElementsAre(1.0, 2.0));
  EXPECT_TRUE(is_recording());
  // What the failed walk did not release can still be walked: h, which is below the throwing op.
  sum(h).backward();
  EXPECT_THAT(values(x.grad()), ElementsAre(10.0, 12.0));
}

TEST(Backward, ARuleThatForgetsAnInputIsAnError) {
  const Tensor x = leaf({1.0, 2.0});
  const int line = __LINE__ + 1;
  const Tensor y = silent(x);
  EXPECT_THAT(
      message_of<GraphError>([&] { sum(y).backward(); }),
      HasSubstr("backward of silent (recorded at " + at(line) + "): its rule set no gradient for input 0"));
  EXPECT_FALSE(x.grad().defined());
}

TEST(Backward, ARuleWithAWrongShapeIsAnError) {
  const Tensor x = leaf({1.0, 2.0});
  EXPECT_THAT(message_of<GraphError>([&] { sum(wrong_shape(x)).backward(); }),
              HasSubstr("its rule gave the gradient [5] f64 for input 0 of shape [2] f64"));
}

TEST(Backward, ARuleThatReadsWhatIsNotSavedIsAnError) {
  const Tensor x = leaf({1.0, 2.0});
  EXPECT_THAT(message_of<GraphError>([&] { sum(unsaved(x)).backward(); }),
              HasSubstr("unsaved: its rule reads input 0, which `saves` of its OpDef does not keep"));
}

TEST(Backward, RetainGraphAllowsASecondWalk) {
  const Tensor x = leaf(3.0);
  const Tensor y = mul(x, x);
  y.backward({.retain_graph = true});
  y.backward();
  EXPECT_EQ(x.grad().item(), 12.0);
}

TEST(Backward, ASecondWalkNamesBothPlaces) {
  const Tensor x = leaf(3.0);
  const int recorded = __LINE__ + 1;
  const Tensor loss = mul(x, x).name("loss");
  const int first = __LINE__ + 1;
  loss.backward();
  const int second = __LINE__ + 1;
  EXPECT_EQ(message_of<GraphError>([&] { loss.backward(); }),
            at(second) + ": backward: the graph of \"loss\" (recorded at " + at(recorded) +
                ") was released by the backward at " + at(first) +
                "; pass {.retain_graph = true} there to walk it twice");
}

TEST(Backward, AReleasedRecurrentStateIsNamed) {
  const Tensor w = leaf(0.5);
  const int recorded = __LINE__ + 1;
  const Tensor state = mul(w, scalar(2.0));
  const int first = __LINE__ + 1;
  exp(state).backward();
  const Tensor next = mul(w, state);
  const int second = __LINE__ + 1;
  EXPECT_EQ(
      message_of<GraphError>([&] { next.backward(); }),
      at(second) + ": backward: the graph still reaches mul (recorded at " + at(recorded) +
          "), which was released by the backward at " + at(first) +
          ": something computed before that (often a recurrent state) was used again; detach() it there");
}

TEST(Backward, RetainGradKeepsAnInteriorGradient) {
  const Tensor x = leaf(3.0);
  Tensor h = mul(x, x);
  h.retain_grad();
  affine(h, 5.0, 0.0).backward({.retain_graph = true});
  EXPECT_EQ(h.grad().item(), 5.0);
  affine(h, 2.0, 0.0).backward();
  EXPECT_EQ(h.grad().item(), 7.0);
  Tensor constant = scalar(1.0);
  EXPECT_THAT(message_of<GraphError>([&] { constant.retain_grad(); }), HasSubstr("does not require"));
}

TEST(Backward, AccumulatingNeverWritesThroughAnOverlappingGradient) {
  const Tensor x = leaf({1.0, 2.0, 3.0});
  Tensor g = vec({1.0, 2.0, 3.0});
  Tensor(x).set_grad(reverse(g));
  sum(x).backward();
  EXPECT_THAT(values(x.grad()), ElementsAre(4.0, 3.0, 2.0));
  EXPECT_THAT(values(g), ElementsAre(1.0, 2.0, 3.0));
}

TEST(Backward, ManyLeaves) {
  std::vector<Tensor> leaves;
  Tensor total = scalar(0.0);
  for (int i = 0; i < 200; ++i) {
    leaves.push_back(leaf(i));
    total = add(total, mul(leaves.back(), leaves.back()));
  }
  for (const Tensor& l : leaves) total = add(total, l);
  total.backward();
  for (int i = 0; i < 200; ++i) EXPECT_EQ(leaves[static_cast<std::size_t>(i)].grad().item(), 2.0 * i + 1.0);
}

}  // namespace
}  // namespace gradus::test_ops
