// Activations that are put together from other ops, what the user functions choose and refuse, and gradients
// at kinks and infinities. The ops themselves are under the contract.
#include "gradus/ops/activation.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gradus/graph/backward.h"
#include "gradus/graph/gradcheck.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"
#include "gradus/tests/graph/message.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

using test_ops::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr double kInf = std::numeric_limits<double>::infinity();

Tensor values(const Shape& shape) {
  Tensor x = empty(shape, DType::f64);
  double v = 0.3;
  for (double& e : x.mutable_span<double>()) e = 3 * std::sin(v += 1.7);
  return x;
}

template <class F>
std::vector<double> gradient(F f, Tensor x) {
  x.requires_grad(true);
  return grad(sum(f(x)), {x})[0].template to_vector<double>();
}

template <class F>
void expect_derivatives(F f, std::initializer_list<Tensor> inputs) {
  const GradcheckResult first = gradcheck(f, inputs);
  EXPECT_TRUE(first) << first.message;
  const GradcheckResult second = gradgradcheck(f, inputs);
  EXPECT_TRUE(second) << second.message;
}

TEST(Activation, ComposedOnes) {
  const Tensor x = values({3, 4});
  const auto v = x.to_vector<double>();
  const auto sign = softsign(x).to_vector<double>(), shrink = tanhshrink(x).to_vector<double>();
  const auto six = relu6(mul(x, 3)).to_vector<double>();
  for (std::size_t i = 0; i < v.size(); ++i) {
    EXPECT_NEAR(sign[i], v[i] / (1 + std::fabs(v[i])), 1e-15);
    EXPECT_NEAR(shrink[i], v[i] - std::tanh(v[i]), 1e-15);
    EXPECT_EQ(six[i], std::fmin(std::fmax(3 * v[i], 0), 6));
  }
  EXPECT_EQ(softmin(x, 1).to_vector<double>(), softmax(neg(x), 1).to_vector<double>());
  expect_derivatives([](const Tensor& a) { return softsign(a); }, {x});
  expect_derivatives([](const Tensor& a) { return tanhshrink(a); }, {x});
  expect_derivatives([](const Tensor& a) { return softmin(a, 0); }, {x});
  expect_derivatives([](const Tensor& a) { return relu6(a); }, {x});
  EXPECT_THAT(gradient([](const Tensor& a) { return softsign(a); }, tensor<double>({0, -3})),
              ElementsAre(1, 0.0625));
}

TEST(Activation, GatedUnits) {
  const Tensor x = values({2, 6, 3});
  for (const std::int64_t dim : {1, -2}) {
    const Tensor y = glu(x, dim), z = swiglu(x, dim);
    ASSERT_EQ(y.shape(), (Shape{2, 3, 3}));
    ASSERT_EQ(z.shape(), (Shape{2, 3, 3}));
    const auto v = x.to_vector<double>(), got = y.to_vector<double>(), swi = z.to_vector<double>();
    for (std::size_t i = 0; i < got.size(); ++i) {
      const double a = v[i / 9 * 18 + i % 9], b = v[i / 9 * 18 + 9 + i % 9];
      EXPECT_NEAR(got[i], a / (1 + std::exp(-b)), 1e-14);
      EXPECT_NEAR(swi[i], a / (1 + std::exp(-a)) * b, 1e-14);
    }
  }
  expect_derivatives([](const Tensor& a) { return glu(a, 1); }, {x});
  expect_derivatives([](const Tensor& a) { return swiglu(a, 1); }, {x});
  EXPECT_EQ(glu(zeros({2, 0})).shape(), (Shape{2, 0}));
  EXPECT_THAT(message_of<ShapeError>([&] { glu(x, 2); }),
              HasSubstr("glu: axis 2 has the odd size 3 and no two halves: input [2, 6, 3] f64"));
  EXPECT_THAT(message_of<ShapeError>([&] { swiglu(x, 3); }),
              HasSubstr("swiglu: axis 3 is out of range: input [2, 6, 3] f64 has the axes -3..2"));
  EXPECT_THAT(message_of<ShapeError>([&] { glu(tensor(1.0)); }),
              HasSubstr("glu: axis -1 is out of range: input [] f32 has no axes"));
  EXPECT_THAT(message_of<ValueError>([&] { glu(Tensor()); }), HasSubstr("empty Tensor handle"));
}

TEST(Activation, PreluHasOneSlopeOrOneForEachChannel) {
  const Tensor x = values({2, 3, 4});
  const Tensor one = tensor<double>({0.25}), each = tensor<double>({0.25, -0.5, 2});
  const auto v = x.to_vector<double>(), a = prelu(x, one).to_vector<double>(),
             b = prelu(x, each).to_vector<double>();
  const double slopes[] = {0.25, -0.5, 2};
  for (std::size_t i = 0; i < v.size(); ++i) {
    EXPECT_EQ(a[i], v[i] > 0 ? v[i] : 0.25 * v[i]);
    EXPECT_EQ(b[i], v[i] > 0 ? v[i] : slopes[i / 4 % 3] * v[i]);
  }
  EXPECT_EQ(prelu(tensor<double>(-2), one).shape(), Shape{});
  expect_derivatives([](const Tensor& p, const Tensor& w) { return prelu(p, w); }, {x, each});
  expect_derivatives([](const Tensor& p, const Tensor& w) { return prelu(p, w); }, {x, one});
  EXPECT_THAT(message_of<ShapeError>([&] {
                prelu(x, tensor<double>({1, 2, 3, 4}));
              }),
              HasSubstr("prelu: there is one weight, or one for each channel on axis 1: input [2, 3, 4] f64, "
                        "weight [4] f64"));
}

TEST(Activation, GeluKeepsItsDigitsInTheLeftTail) {
  const auto y = gelu(tensor<float>({-5, -9})).to_vector<float>();
  EXPECT_NEAR(y[0] / (-5 * 0.5 * std::erfc(5 / std::sqrt(2.0))), 1, 1e-6);
  EXPECT_NEAR(y[1] / (-9 * 0.5 * std::erfc(9 / std::sqrt(2.0))), 1, 1e-5);
  EXPECT_THAT(message_of<ValueError>([&] { gelu(tensor(1.0), "fast"); }),
              HasSubstr("gelu: approximate is \"fast\"; it must be \"none\" or \"tanh\""));
}

TEST(Activation, GeluIsAccurateInF32) {
  // Both sides of the limits between its formulas, and vectors that hold both.
  std::vector<float> at;
  for (int i = -600; i <= 600; ++i) at.push_back(static_cast<float>(i) * 0.0237F);
  for (const float v : {0.0F, -0.0F, 1e-30F, -1e-30F, 13.0F, -13.0F, -13.0625F}) at.push_back(v);
  const Tensor x = tensor<float>(at).requires_grad(true);
  const Tensor y = gelu(x);
  const auto values = y.to_vector<float>();
  const auto slopes = grad(sum(y), {x})[0].to_vector<float>();
  constexpr double kSubnormal = 15 * 1.5e-45;  // the rounding of Phi times x
  for (std::size_t i = 0; i < at.size(); ++i) {
    const double v = at[i], cdf = 0.5 * std::erfc(-v / std::sqrt(2.0));
    const double pdf = std::exp(-v * v / 2) / std::sqrt(2 * M_PI);
    EXPECT_NEAR(values[i], v * cdf, 5e-7 * std::abs(v * cdf) + kSubnormal) << v;
    EXPECT_NEAR(slopes[i], cdf + v * pdf, 5e-7 * (cdf + std::abs(v) * pdf) + kSubnormal) << v;
    // Alone, in a vector that is filled up with zeros, it is the same number.
    const Tensor one = tensor<float>(at[i]).requires_grad(true);
    const Tensor alone = gelu(one);
    EXPECT_EQ(alone.item<float>(), values[i]) << v;
    EXPECT_EQ(grad(alone, {one})[0].item<float>(), slopes[i]) << v;
  }
  EXPECT_TRUE(std::signbit(gelu(tensor<float>(-0.0F)).item<float>()));
  EXPECT_TRUE(std::isnan(gelu(tensor<float>(NAN)).item<float>()));
}

TEST(Activation, GradientsAtKinksAreThoseOfPyTorch) {
  const auto at = [](auto f, std::initializer_list<double> x) {
    Tensor t = empty({static_cast<std::int64_t>(x.size())}, DType::f64);
    std::copy(x.begin(), x.end(), t.mutable_span<double>().begin());
    return gradient(f, t);
  };
  EXPECT_THAT(at([](const Tensor& x) { return leaky_relu(x, 0.1); }, {0, kInf, -kInf}),
              ElementsAre(0.1, 1, 0.1));
  EXPECT_THAT(at([](const Tensor& x) { return elu(x, 2); }, {0, kInf, -kInf}), ElementsAre(2, 1, 0));
  EXPECT_THAT(at([](const Tensor& x) { return hardtanh(x); }, {-1, 1, 0}), ElementsAre(0, 0, 1));
  EXPECT_THAT(at([](const Tensor& x) { return relu6(x); }, {0, 6, 3}), ElementsAre(0, 0, 1));
  EXPECT_THAT(at([](const Tensor& x) { return hardsigmoid(x); }, {-3, 3}), ElementsAre(0, 0));
  EXPECT_THAT(at([](const Tensor& x) { return hardswish(x); }, {-3, 3, 0}), ElementsAre(0, 1, 0.5));
  EXPECT_THAT(at([](const Tensor& x) { return threshold(x, 1, 7); }, {1, 2}), ElementsAre(0, 1));
  EXPECT_THAT(at([](const Tensor& x) { return hardshrink(x); }, {0.5, -0.5, 1}), ElementsAre(0, 0, 1));
  EXPECT_THAT(at([](const Tensor& x) { return softshrink(x); }, {0.5, -0.5, 1}), ElementsAre(0, 0, 1));
  EXPECT_THAT(at([](const Tensor& x) { return softplus(x); }, {0, kInf, -kInf}), ElementsAre(0.5, 1, 0));
  EXPECT_THAT(at([](const Tensor& x) { return log_sigmoid(x); }, {0, kInf, -kInf}), ElementsAre(0.5, 0, 1));
  EXPECT_THAT(at([](const Tensor& x) { return where(gt(x, 0), gelu(x), 0); }, {-kInf}), ElementsAre(0));
  EXPECT_THAT(at([](const Tensor& x) { return where(gt(x, 0), silu(x), 0); }, {-kInf}), ElementsAre(0));
}

}  // namespace
}  // namespace gradus
