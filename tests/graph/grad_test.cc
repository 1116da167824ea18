// grad(): values instead of accumulation, pruning, higher orders, unused targets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gradus/graph/backward.h"
#include "gradus/graph/recording.h"
#include "gradus/tests/graph/message.h"
#include "gradus/tests/graph/test_ops.h"

namespace gradus::test_ops {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Grad, ReturnsAndTouchesNoGrad) {
  const Tensor x = leaf(3.0);
  const Tensor w = leaf(5.0);
  const auto g = grad(mul(x, w), {x, w});
  EXPECT_EQ(g[0].item(), 5.0);
  EXPECT_EQ(g[1].item(), 3.0);
  EXPECT_FALSE(x.grad().defined());
  EXPECT_FALSE(w.grad().defined());
}

TEST(Grad, ThirdDerivativeOfTanh) {
  const double x0 = 0.7;
  const Tensor x = leaf(x0);
  Tensor y = tanh(x);
  for (int order = 1; order <= 3; ++order) y = grad(y, {x}, {.create_graph = true})[0];
  const double t = std::tanh(x0);
  const double s = 1 - t * t;
  EXPECT_NEAR(y.item(), s * (6 * t * t - 2), 1e-14);
}

TEST(Grad, WithRespectToInteriorTensors) {
  const Tensor x = leaf(2.0);
  const Tensor h = mul(x, x);
  const Tensor y = mul(h, x);
  const auto g = grad(y, {h, x});
  EXPECT_EQ(g[0].item(), 2.0);
  EXPECT_EQ(g[1].item(), 12.0);
}

TEST(Grad, PrunesWhatDoesNotLeadToATarget) {
  const Tensor x = leaf(2.0);
  const Tensor other = leaf(1.0);
  // The throwing rule is not on the way to x.
  const Tensor y = add(mul(x, x), throwing(other));
  EXPECT_EQ(grad(y, {x}, {.retain_graph = true})[0].item(), 4.0);
  EXPECT_THROW(grad(y, {other}), std::runtime_error);
}

TEST(Grad, AnUnreachedTarget) {
  Tensor x = leaf(2.0);
  x.name("x");
  const Tensor unused = leaf(1.0).name("unused");
  const Tensor y = mul(x, x);
  const int line = __LINE__ + 1;
  EXPECT_EQ(message_of<GraphError>([&] {
              grad(y, {x, unused});
            }),
            "grad_test.cc:" + std::to_string(line) +
                ": grad: input 1 \"unused\" [] f64 is not reached from the outputs; pass {.allow_unused = "
                "true} to get an undefined gradient for it");
  const Tensor z = mul(x, x);
  const auto g = grad(z, {unused, x}, {.allow_unused = true});
  EXPECT_FALSE(g[0].defined());
  EXPECT_EQ(g[1].item(), 4.0);
}

TEST(Grad, ATargetWithoutRequiresGrad) {
  const Tensor x = leaf(2.0);
  const Tensor c = scalar(1.0);
  EXPECT_THAT(message_of<GraphError>([&] { grad(mul(x, c), {c}); }),
              HasSubstr("input 0 [] f64 does not require a gradient"));
  EXPECT_THAT(message_of<ValueError>([&] { grad(mul(x, c), {Tensor()}); }), HasSubstr("empty handle"));
}

TEST(Grad, SeveralOutputsWithSeeds) {
  const Tensor x = leaf({1.0, 2.0});
  const Tensor outputs[] = {mul(x, x), affine(x, 3.0, 0.0)};
  const Tensor seeds[] = {vec({1.0, 10.0}), vec({1.0, 1.0})};
  const auto g = grad(outputs, std::span(&x, 1), {.seeds = seeds});
  EXPECT_THAT(values(g[0]), ElementsAre(5.0, 43.0));
  EXPECT_THAT(message_of<ValueError>([&] {
                grad(outputs, std::span(&x, 1), {.seeds = {seeds, 1}});
              }),
              HasSubstr("1 seeds for 2 outputs"));
}

TEST(Grad, ATargetNamedTwiceAndSharedGradientsAreTheCallersOwn) {
  const Tensor a = leaf({1.0, 2.0});
  const Tensor b = leaf({3.0, 4.0});
  const Tensor seed = vec({1.0, 2.0});
  auto g = grad(add(a, b), {a, b, a}, {.seeds = {&seed, 1}});
  g[0].fill_(7.0);
  EXPECT_THAT(values(g[1]), ElementsAre(1.0, 2.0));
  EXPECT_THAT(values(g[2]), ElementsAre(1.0, 2.0));
  EXPECT_THAT(values(seed), ElementsAre(1.0, 2.0));
}

TEST(Grad, OfATargetThatIsTheOutput) {
  const Tensor x = leaf(2.0);
  const Tensor y = mul(x, x);
  EXPECT_EQ(grad(y, {y, x})[0].item(), 1.0);
  EXPECT_EQ(grad(x, {x})[0].item(), 1.0);
}

TEST(Grad, CreateGraphKeepsTheGraphAndRecords) {
  const Tensor x = leaf(2.0);
  const Tensor y = mul(mul(x, x), x);
  const Tensor g = grad(y, {x}, {.create_graph = true})[0];
  EXPECT_TRUE(g.requires_grad());
  mul(g, g).backward();  // d (3x^2)^2 = 36 x^3
  EXPECT_EQ(x.grad().item(), 288.0);
  const Tensor z = mul(x, x);
  EXPECT_FALSE(grad(z, {x})[0].requires_grad());
}

TEST(Grad, OfAReleasedGraphIsAnErrorAlsoInTheMiddle) {
  const Tensor x = leaf(2.0);
  const Tensor h = mul(x, x);
  exp(h).backward();
  const Tensor y = mul(h, x);
  EXPECT_THAT(message_of<GraphError>([&] { grad(y, {x}); }), HasSubstr("the graph still reaches mul"));
  EXPECT_THAT(message_of<GraphError>([&] { grad(y, {x}, {.allow_unused = true}); }),
              HasSubstr("the graph still reaches mul"));
  EXPECT_EQ(grad(affine(h, 3.0, 0.0), {h})[0].item(), 3.0) << "h itself may still be a target";
}

TEST(Grad, DoubleBackwardThroughBroadcasting) {
  const Tensor a = leaf({1.0, 2.0, 3.0});
  const Tensor s = leaf(2.0);
  const Tensor y = sum(mul(mul(a, s), a));  // s sum a^2
  const Tensor g = grad(y, {s}, {.create_graph = true})[0];
  EXPECT_THAT(values(grad(g, {a})[0]), ElementsAre(2.0, 4.0, 6.0));
}

TEST(Grad, GradientPenaltyTrains) {
  const Tensor w = leaf(0.3);
  const Tensor x = leaf(1.5);
  const Tensor g = grad(tanh(mul(w, x)), {x}, {.create_graph = true})[0];  // w (1 - tanh^2)
  mul(g, g).backward();
  const double t = std::tanh(0.45);
  const double s = 1 - t * t;
  EXPECT_NEAR(w.grad().item(), 2 * 0.3 * s * (s + 0.3 * (-2 * t * s * 1.5)), 1e-14);
}

}  // namespace
}  // namespace gradus::test_ops
