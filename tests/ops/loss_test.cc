// The user functions of losses: which op or composition they choose, shapes with the class axis in the
// middle, weights, what they refuse. Expected values are worked out from log_softmax by plain loops.
#include "gradus/ops/loss.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gradus/graph/gradcheck.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"
#include "gradus/tests/graph/message.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

using test_ops::message_of;
using ::testing::HasSubstr;

Tensor scores(const Shape& shape) {
  Tensor x = empty(shape, DType::f64);
  double v = 0.3;
  for (double& e : x.mutable_span<double>()) e = 2 * std::sin(v += 1.7);
  return x;
}

Tensor labels_of(const Shape& shape, std::initializer_list<std::int64_t> v) {
  Tensor t = empty(shape, DType::i64);
  std::copy(v.begin(), v.end(), t.mutable_span<std::int64_t>().begin());
  return t;
}

Tensor weights_of(std::initializer_list<double> v) {
  Tensor t = empty({static_cast<std::int64_t>(v.size())}, DType::f64);
  std::copy(v.begin(), v.end(), t.mutable_span<double>().begin());
  return t;
}

// By PyTorch's definition, for [N, C], in loops.
double expected(const Tensor& x, const Tensor& labels, const std::vector<double>& w, double e, bool mean,
                std::int64_t ignored) {
  const auto log_p = log_softmax(x, 1).to_vector<double>();
  const auto y = labels.to_vector<std::int64_t>();
  const std::size_t classes = w.size();
  double total = 0, divisor = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (y[i] == ignored) continue;
    const auto label = static_cast<std::size_t>(y[i]);
    divisor += w[label];
    total -= (1 - e) * w[label] * log_p[i * classes + label];
    for (std::size_t j = 0; j < classes; ++j) {
      total -= e / static_cast<double>(classes) * w[j] * log_p[i * classes + j];
    }
  }
  return mean ? total / divisor : total;
}

TEST(CrossEntropy, WeightsSmoothingAndIgnoredRows) {
  const Tensor x = scores({5, 3});
  const Tensor y = labels_of({5}, {2, 0, -1, 1, 2});
  const std::vector<double> ones(3, 1.0), w{0.5, 2.0, 1.25};
  const Tensor weight = weights_of({0.5, 2.0, 1.25});
  for (const Reduction r : {Reduction::mean, Reduction::sum}) {
    for (const double e : {0.0, 0.2, 1.0}) {
      const bool mean = r == Reduction::mean;
      EXPECT_NEAR(cross_entropy(x, y, {.label_smoothing = e, .reduction = r, .ignore_index = -1}).item(),
                  expected(x, y, ones, e, mean, -1), 1e-12);
      EXPECT_NEAR(
          cross_entropy(x, y, {.label_smoothing = e, .reduction = r, .weight = weight, .ignore_index = -1})
              .item(),
          expected(x, y, w, e, mean, -1), 1e-12);
    }
    EXPECT_NEAR(nll_loss(log_softmax(x, 1), y, {.reduction = r, .weight = weight, .ignore_index = -1}).item(),
                expected(x, y, w, 0, r == Reduction::mean, -1), 1e-12);
  }
}

TEST(CrossEntropy, WeightedGradientsAreRightForTheWeightToo) {
  const Tensor y = labels_of({4}, {2, 0, 7, 1});
  for (const Reduction r : {Reduction::none, Reduction::mean}) {
    const auto loss = [&](const Tensor& x, const Tensor& w) {
      return cross_entropy(x, y, {.label_smoothing = 0.1, .reduction = r, .weight = w, .ignore_index = 7});
    };
    const GradcheckResult first = gradcheck(loss, {scores({4, 3}), weights_of({0.5, 2.0, 1.25})});
    EXPECT_TRUE(first) << first.message;
    const GradcheckResult second = gradgradcheck(loss, {scores({4, 3}), weights_of({0.5, 2.0, 1.25})});
    EXPECT_TRUE(second) << second.message;
  }
}

TEST(CrossEntropy, ClassesOnAxisOne) {
  const Tensor x = scores({2, 3, 2});
  const Tensor y = labels_of({2, 2}, {2, 0, 1, 1});
  const Tensor losses = cross_entropy(x, y, {.reduction = Reduction::none});
  ASSERT_EQ(losses.shape(), (Shape{2, 2}));
  const auto log_p = log_softmax(x, 1).to_vector<double>();
  const auto got = losses.to_vector<double>();
  const std::vector<std::size_t> label{2, 0, 1, 1};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(got[i], -log_p[i / 2 * 6 + label[i] * 2 + i % 2], 1e-12);
  }
  const Tensor hot = movedim(astype(one_hot(y, 3), DType::f64), -1, 1);
  EXPECT_NEAR(cross_entropy(x, hot).item(), mean(losses).item(), 1e-12);
  const GradcheckResult r = gradcheck([&](const Tensor& a) { return cross_entropy(a, y); }, {x});
  EXPECT_TRUE(r) << r.message;
}

TEST(CrossEntropy, ProbabilitiesEqualLabels) {
  const Tensor x = scores({4, 3});
  const Tensor y = labels_of({4}, {2, 0, 1, 1});
  const Tensor hot = astype(one_hot(y, 3), DType::f64);
  const Tensor w = weights_of({0.5, 2.0, 1.25});
  EXPECT_NEAR(cross_entropy(x, hot, {.label_smoothing = 0.3}).item(),
              cross_entropy(x, y, {.label_smoothing = 0.3}).item(), 1e-12);
  EXPECT_NEAR(cross_entropy(x, hot, {.reduction = Reduction::sum, .weight = w}).item(),
              cross_entropy(x, y, {.reduction = Reduction::sum, .weight = w}).item(), 1e-12);
}

TEST(CrossEntropy, SmallLossesFarFromZeroKeepTheirDigits) {
  Tensor x = zeros({1, 2});
  x.mutable_span<float>()[0] = 10000.0F;
  x.mutable_span<float>()[1] = 9990.0F;
  EXPECT_NEAR(cross_entropy(x, labels_of({1}, {0})).item(), std::log1p(std::exp(-10.0)), 1e-7);
}

TEST(CrossEntropy, OtherIntegersAreLabelsToo) {
  const Tensor x = scores({2, 3});
  const Tensor y = labels_of({2}, {2, 0});
  EXPECT_EQ(cross_entropy(x, astype(y, DType::u8)).item(), cross_entropy(x, y).item());
}

TEST(CrossEntropy, RefusesWhatDoesNotBelongTogether) {
  const Tensor x = scores({2, 3});
  EXPECT_THAT(message_of<ValueError>([&] {
                cross_entropy(x, labels_of({2}, {1, -100}));
              }),
              HasSubstr("loss_test.cc:"));
  EXPECT_THAT(
      message_of<ValueError>([&] {
        cross_entropy(x, labels_of({2}, {1, -100}));
      }),
      HasSubstr("cross_entropy: label -100 at [1] of target is out of range: there are the classes 0..2"));
  EXPECT_THAT(message_of<ValueError>([&] {
                nll_loss(x, labels_of({2}, {1, 3}));
              }),
              HasSubstr("nll_loss: label 3 at [1] of target is out of range"));
  EXPECT_THAT(
      message_of<ShapeError>([&] {
        cross_entropy(scores({2, 3, 4}), labels_of({2}, {1, 0}));
      }),
      HasSubstr("classes are on axis 1 of input [2, 3, 4] f64: target must be [2, 4], and is [2] i64"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                cross_entropy(x, labels_of({2}, {1, 0}), {.weight = weights_of({1, 2})});
              }),
              HasSubstr("cross_entropy: there is one weight for each of the 3 classes: weight [2] f64"));
  EXPECT_THAT(message_of<ValueError>([&] { cross_entropy(x, x, {.ignore_index = 0}); }),
              HasSubstr("holds probabilities"));
  EXPECT_THAT(message_of<ValueError>([&] { cross_entropy(Tensor(), x); }), HasSubstr("empty handle"));
}

TEST(CrossEntropy, RefusesNaNWhereItLooksForATarget) {
  const Tensor x = scores({2, 2});
  const double nan = std::nan("");
  EXPECT_THAT(message_of<ValueError>([&] {
                cross_entropy(x, tensor<double>({{1, 0}, {nan, 1}}));
              }),
              HasSubstr("the probability at [1, 0] of target is NaN"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                cross_entropy(x, tensor<double>({nan, 1}));
              }),
              HasSubstr("nothing is broadcast, and labels are integers"));
  EXPECT_THAT(message_of<ValueError>([&] {
                cross_entropy(x, labels_of({2}, {0, 1}), {.label_smoothing = nan});
              }),
              HasSubstr("label_smoothing is nan; it must lie in 0..1"));
}

TEST(CrossEntropy, NoRowsAndNoClasses) {
  const Tensor none = labels_of({0}, {});
  EXPECT_TRUE(std::isnan(cross_entropy(zeros({0, 3}), none).item()));
  EXPECT_EQ(cross_entropy(zeros({0, 3}), none, {.reduction = Reduction::sum}).item(), 0);
  EXPECT_THAT(message_of<ShapeError>([&] {
                cross_entropy(zeros({1, 0}), labels_of({1}, {0}));
              }),
              HasSubstr("cross_entropy: there are no classes: input [1, 0] f32"));
}

TEST(MseLoss, DoesNotBroadcast) {
  EXPECT_THAT(message_of<ShapeError>([&] {
                mse_loss(scores({3, 1}), scores({3}));
              }),
              HasSubstr("mse_loss: shapes differ: input [3, 1] f64, target [3] f64"));
}

}  // namespace
}  // namespace gradus
