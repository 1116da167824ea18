// checkpoint(): the same numbers and gradients of any order with less kept, and what it refuses.
#include "gradus/nn/checkpoint.h"

#include "gradus/base/random.h"
#include "gradus/graph/backward.h"
#include "gradus/graph/gradcheck.h"
#include "gradus/graph/recording.h"
#include "gradus/graph/snapshot.h"
#include "gradus/nn/nn.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/random.h"
#include "gradus/tests/nn/reference.h"

namespace gradus::nn {
namespace {

using ::testing::HasSubstr;

Sequential make_block() {
  const LinearOptions options{.dtype = DType::f64};
  return Sequential(Linear(3, 8, options), Tanh(), Linear(8, 8, options), Tanh(), Linear(8, 3, options));
}

Tensor input(const Shape& shape) { return normal(shape, 0, 1, {.dtype = DType::f64, .requires_grad = true}); }

TEST(Checkpoint, GradientsEqualThoseWithout) {
  Sequential a = make_block();
  Sequential b = a;
  const Tensor x = input({4, 3}), x2 = x.clone_detached().requires_grad(true);
  const Tensor seed = normal({4, 3}, 0, 1, {.dtype = DType::f64});
  const Tensor y = a(x * 2.0), z = checkpoint(b, x2 * 2.0);
  EXPECT_EQ(y.to_vector<double>(), z.to_vector<double>());
  // Two in a row, and the block's parameters used outside of it too.
  sum(a(y) * seed + sum(square(a.parameters()[4]))).backward();
  sum(checkpoint(b, z) * seed + sum(square(b.parameters()[4]))).backward();
  expect_near(x2.grad(), x.grad(), "x", 1e-14);
  for (std::size_t i = 0; i < a.parameters().size(); ++i) {
    expect_near(b.parameters()[i].grad(), a.parameters()[i].grad(), b.parameters()[i].name().data(), 1e-14);
  }
}

TEST(Checkpoint, KeepsLess) {
  Sequential block = make_block();
  const Tensor x = input({100, 3});
  const GraphSnapshot plain = snapshot(block(x)), light = snapshot(checkpoint(block, x));
  EXPECT_LT(light.saved_bytes * 10, plain.saved_bytes);
  EXPECT_EQ(light.nodes.back().op, "checkpoint");
}

TEST(Checkpoint, SeveralInputsOfWhichSomeWantNoGradient) {
  const Tensor a = input({3}), b = input({3}), c = normal({3}, 0, 1, {.dtype = DType::f64});
  const auto f = [](const Tensor& p, const Tensor& q, const Tensor& r) { return sum(exp(p * r) * q); };
  const std::vector<Tensor> g = grad(checkpoint(f, a, b, c), {a, b}), h = grad(f(a, b, c), {a, b});
  expect_near(g[0], h[0], "a");
  expect_near(g[1], h[1], "b");
  // One that the result does not depend on.
  const auto first = [](const Tensor& p, const Tensor&) { return p * 2.0; };
  EXPECT_EQ(grad(sum(checkpoint(first, a, b)), {b})[0].to_vector<double>(), (std::vector<double>{0, 0, 0}));
  // Nothing that wants one, and nothing recorded.
  EXPECT_FALSE(checkpoint(first, c, c).requires_grad());
  const NoGrad guard;
  EXPECT_FALSE(checkpoint(f, a, b, c).requires_grad());
}

TEST(Checkpoint, HigherOrders) {
  const Tensor w = input({3});
  const auto f = [](std::span<const Tensor> in) {
    return std::vector<Tensor>{
        checkpoint([w = in[1]](const Tensor& x) { return exp(x * 0.5) * w * tanh(w + x); }, in[0])};
  };
  const std::vector<Tensor> inputs = {input({3}).detach(), w.detach()};
  EXPECT_TRUE(gradcheck(f, inputs)) << gradcheck(f, inputs).message;
  EXPECT_TRUE(gradgradcheck(f, inputs)) << gradgradcheck(f, inputs).message;

  const auto third = [](const Tensor& x, bool light) {
    const auto cube = [](const Tensor& t) { return sin(t) * t; };
    Tensor g = sum(light ? checkpoint(cube, x) : cube(x));
    for (int i = 0; i < 2; ++i) g = sum(grad(g, {x}, {.create_graph = true})[0]);
    return grad(g, {x})[0].to_vector<double>();
  };
  const Tensor x = input({4});
  const std::vector<double> a = third(x, true), b = third(x, false);
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-12);
}

TEST(Checkpoint, DropoutIsDrawnAgainAsItWas) {
  manual_seed(5);
  const Dropout drop(0.5);
  const Tensor x = full({1000}, 1.0).requires_grad(true);
  const Tensor y = checkpoint(drop, x);
  const Tensor other = uniform({4});  // moves the generator on
  const Generator before = default_generator();
  sum(y).backward();
  EXPECT_EQ(x.grad().to_vector<float>(), y.to_vector<float>());
  EXPECT_EQ(default_generator().counter, before.counter);
}

TEST(Checkpoint, ALongChainIsFreedWithoutRecursion) {
  Tensor x = full({1}, 1.0).requires_grad(true);
  for (int i = 0; i < 100'000; ++i) x = checkpoint([](const Tensor& t) { return t + 0.0; }, x);
  const Tensor y = x + 0.0;
  x = Tensor();
  y.backward();
  Tensor z = full({1}, 1.0).requires_grad(true);
  for (int i = 0; i < 100'000; ++i) z = checkpoint([](const Tensor& t) { return t + 0.0; }, z);
}

TEST(Checkpoint, RetainedGraphsWalkTwice) {
  const Tensor x = input({3});
  const Tensor y = sum(checkpoint([](const Tensor& t) { return t * t * t; }, x));
  y.backward({.retain_graph = true});
  const std::vector<double> once = x.grad().to_vector<double>();
  y.backward();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_DOUBLE_EQ(x.grad().to_vector<double>()[i], 2 * once[i]);
}

TEST(Checkpoint, BadInput) {
  const Tensor x = input({3});
  const Tensor recorded = x * 2.0;
  EXPECT_THAT(message_of<GraphError>([&] { checkpoint([&](const Tensor& t) { return t * recorded; }, x); }),
              HasSubstr("checkpoint: the function uses a result of mul (recorded at checkpoint_test.cc:"));
  EXPECT_THROW(checkpoint([](const Tensor& t) { return t; }, Tensor()), ValueError);
  EXPECT_THAT(message_of<ValueError>([&] { checkpoint([](const Tensor&) { return Tensor(); }, x); }),
              HasSubstr("checkpoint: the function gave an empty handle"));

  Linear fc(3, 3, {.dtype = DType::f64});
  const Tensor y = sum(checkpoint(fc, x));
  {
    const NoGrad guard;
    fc.weight.fill_(1.0);
  }
  EXPECT_THAT(message_of<GraphError>([&] { y.backward(); }),
              HasSubstr("was changed in place after the forward, so that it cannot be computed again"));
}

}  // namespace
}  // namespace gradus::nn
