// Hooks see whole gradients, may replace them, may throw, may walk graphs, may change hooks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gradus/graph/backward.h"
#include "gradus/tests/graph/message.h"
#include "gradus/tests/graph/test_ops.h"

namespace gradus::test_ops {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Hooks, SeeTheWholeGradientOnce) {
  const Tensor x = leaf(3.0);
  Tensor h = affine(x, 1.0, 0.0);
  std::vector<double> seen;
  h.add_hook([&](const Tensor& g) {
    seen.push_back(g.item());
    return Tensor();
  });
  add(mul(h, h), h).backward();
  EXPECT_THAT(seen, ElementsAre(7.0));
  EXPECT_EQ(x.grad().item(), 7.0);
}

TEST(Hooks, ReplaceAGradientOfAnInteriorTensorAndOfALeaf) {
  Tensor x = leaf(3.0);
  Tensor h = mul(x, x);
  h.add_hook([](const Tensor& g) { return affine(g, 10.0, 0.0); });
  x.add_hook([](const Tensor& g) { return affine(g, 1.0, 0.5); });
  h.backward();
  EXPECT_EQ(x.grad().item(), 60.5);
}

TEST(Hooks, RunInGradToo) {
  Tensor x = leaf(3.0);
  x.add_hook([](const Tensor& g) { return affine(g, 2.0, 0.0); });
  EXPECT_EQ(grad(mul(x, x), {x})[0].item(), 12.0);
}

TEST(Hooks, RunInOrderAndCanBeRemoved) {
  Tensor x = leaf(1.0);
  const int plus = x.add_hook([](const Tensor& g) { return affine(g, 1.0, 1.0); });
  const int times = x.add_hook([](const Tensor& g) { return affine(g, 10.0, 0.0); });
  EXPECT_NE(plus, times);
  x.backward();
  EXPECT_EQ(x.grad().item(), 20.0);
  x.clear_grad();
  x.remove_hook(plus);
  x.remove_hook(12345);
  x.backward();
  EXPECT_EQ(x.grad().item(), 10.0);
}

TEST(Hooks, MayRemoveThemselvesAndAddOthers) {
  Tensor x = leaf(1.0);
  int id = -1;
  int calls = 0;
  id = x.add_hook([&](const Tensor&) {
    ++calls;
    x.remove_hook(id);
    for (int i = 0; i < 20; ++i) {
      x.add_hook([&](const Tensor&) {
        ++calls;
        return Tensor();
      });
    }
    return Tensor();
  });
  x.backward();
  EXPECT_EQ(calls, 1);
  x.backward();
  EXPECT_EQ(calls, 21);
}

TEST(Hooks, AReplacementMustKeepShapeAndDtype) {
  Tensor x = leaf({1.0, 2.0});
  x.add_hook([](const Tensor&) { return vec({1.0}); });
  EXPECT_THAT(message_of<GraphError>([&] { sum(x).backward(); }),
              HasSubstr("a hook replaced the gradient [2] f64 by [1] f64; shape and dtype must stay"));
  EXPECT_FALSE(x.grad().defined());
}

TEST(Hooks, AThrowingHookLeavesEveryGradientAsItWas) {
  Tensor x = leaf(3.0);
  const Tensor w = leaf(2.0);
  mul(x, w).backward();
  const int id = x.add_hook([](const Tensor&) -> Tensor { throw std::runtime_error("hook"); });
  EXPECT_THROW(mul(x, w).backward(), std::runtime_error);
  EXPECT_EQ(x.grad().item(), 2.0);
  EXPECT_EQ(w.grad().item(), 3.0);
  x.remove_hook(id);
  mul(x, w).backward();
  EXPECT_EQ(w.grad().item(), 6.0);
}

TEST(Hooks, AThrowingInteriorHookGivesTheNodesBack) {
  const Tensor x = leaf(3.0);
  Tensor h = mul(x, x);
  const int id = h.add_hook([](const Tensor&) -> Tensor { throw std::runtime_error("hook"); });
  const Tensor y = affine(h, 2.0, 0.0);
  EXPECT_THROW(y.backward({.retain_graph = true}), std::runtime_error);
  h.remove_hook(id);
  y.backward();
  EXPECT_EQ(x.grad().item(), 12.0);
}

TEST(Hooks, AWalkOfTheSameNodesWithinAHookIsAnError) {
  const Tensor x = leaf(3.0);
  Tensor h = mul(x, x);
  const Tensor y = exp(h);
  std::string inner;
  h.add_hook([&](const Tensor&) {
    inner = message_of<GraphError>([&] { h.backward({.retain_graph = true}); });
    return Tensor();
  });
  y.backward();
  EXPECT_THAT(inner, HasSubstr("is being walked by another backward at this moment"));
  EXPECT_NEAR(x.grad().item(), 6.0 * std::exp(9.0), 1e-9) << "the outer walk was not disturbed";
}

TEST(Hooks, AWalkThatMeetsQueuedNodesWithinAHookIsAnErrorAndMixesNothing) {
  const Tensor x = leaf(3.0);
  const Tensor low = affine(x, 1.0, 0.0);
  Tensor h = mul(low, low);
  const Tensor other = affine(low, 7.0, 0.0);
  std::string inner;
  h.add_hook([&](const Tensor&) {
    // `low` already waits in the outer walk, with what `top` gave it.
    inner = message_of<GraphError>([&] { other.backward({.retain_graph = true}); });
    return Tensor();
  });
  const Tensor top = add(h, low);
  top.backward();
  EXPECT_THAT(inner, HasSubstr("is being walked by another backward"));
  EXPECT_EQ(x.grad().item(), 7.0);
}

TEST(Hooks, AWalkOfAnotherGraphWithinAHookIsFine) {
  const Tensor x = leaf(3.0);
  const Tensor w = leaf(2.0);
  Tensor h = mul(x, w);
  const Tensor other = mul(w, w);
  h.add_hook([&](const Tensor&) {
    other.backward();
    return Tensor();
  });
  exp(affine(h, 0.0, 0.0)).backward();
  EXPECT_EQ(w.grad().item(), 4.0);
  EXPECT_EQ(x.grad().item(), 0.0);
}

TEST(Hooks, NeedATensorThatGetsAGradient) {
  Tensor c = scalar(1.0);
  EXPECT_THAT(message_of<GraphError>([&] { c.add_hook([](const Tensor&) { return Tensor(); }); }),
              HasSubstr("no gradient ever reaches it"));
}

}  // namespace
}  // namespace gradus::test_ops
