#include "gradus/optim/clip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "gradus/base/parallel.h"
#include "gradus/tests/optim/trajectory.h"

namespace gradus::optim {
namespace {

using namespace optim_test;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<Tensor> two() {
  Tensor a = leaf({0, 0, 0}), b = leaf({0}), without = leaf({0});
  set_gradient(a, {1, -2, 4});
  set_gradient(b, {-6});
  return {a, b, without};
}

TEST(Clip, NormsOfAllGradientsTogether) {
  const auto params = two();
  EXPECT_NEAR(grad_norm(params).total_norm, std::sqrt(1 + 4 + 16 + 36), 1e-14);
  EXPECT_EQ(grad_norm(params, 1.0).total_norm, 13.0);
  EXPECT_EQ(grad_norm(params, kInfinity).total_norm, 6.0);
  EXPECT_NEAR(grad_norm(params, 3.0).total_norm, std::cbrt(1 + 8 + 64 + 216), 1e-14);
}

TEST(Clip, ScalesOnlyWhatIsTooLong) {
  const auto params = two();
  const ClipReport none = clip_grad_norm_(params, 100.0);
  EXPECT_EQ(none.scale, 1.0);
  EXPECT_EQ(params[0].grad().to_vector<double>(), (std::vector<double>{1, -2, 4}));
  const ClipReport report = clip_grad_norm_(params, 1.0);
  EXPECT_NEAR(report.total_norm, std::sqrt(57.0), 1e-14);
  EXPECT_NEAR(report.scale, 1.0 / (std::sqrt(57.0) + 1e-6), 1e-15);
  EXPECT_NEAR(params[0].grad().span<double>()[2], 4 * report.scale, 1e-15);
  EXPECT_NEAR(grad_norm(params).total_norm, 1.0, 1e-6);
  EXPECT_FALSE(params[2].grad().defined());
}

TEST(Clip, GradientsThatOthersHoldAreReplaced) {
  Tensor a = leaf({0}), b = leaf({0});
  set_gradient(a, {3});
  const Tensor shared = a.grad();
  b.set_grad(shared);
  const std::vector<Tensor> params = {a, b};
  const ClipReport report = clip_grad_norm_(params, 1.0);
  EXPECT_EQ(shared.item(), 3.0);
  EXPECT_NEAR(a.grad().item(), 3 * report.scale, 1e-15);
  EXPECT_NEAR(b.grad().item(), 3 * report.scale, 1e-15);
}

TEST(Clip, NonFiniteGradientsStayAndAreNamed) {
  for (const double bad : {std::nan(""), kInfinity, -kInfinity}) {
    for (const double p : {1.0, 2.0, 2.5, kInfinity}) {
      Tensor a = leaf({0, 0}), b = leaf({0, 0});
      a.name("first");
      b.name("second");
      set_gradient(a, {30, 40});
      set_gradient(b, {1, bad});
      const std::vector<Tensor> params = {a, b};
      const ClipReport report = clip_grad_norm_(params, 1.0, p);
      EXPECT_FALSE(report.finite);
      EXPECT_EQ(report.culprit, "\"second\" [2] f64");
      EXPECT_EQ(report.scale, 1.0);
      EXPECT_EQ(a.grad().to_vector<double>(), (std::vector<double>{30, 40}));
    }
  }
}

// 2^24 + 1 ones: a sum in f32 would stop at 2^24. And the number of threads is of no influence.
TEST(Clip, SumsInDoublePrecision) {
  const std::int64_t n = (1 << 24) + 1;
  Tensor w = empty({n});
  Tensor g = empty({n});
  g.fill_(1.0);
  w.requires_grad(true);
  w.set_grad(g);
  const std::vector<Tensor> params = {w};
  const int before = threads();
  set_threads(1);
  const double one = grad_norm(params, 1.0).total_norm;
  const double square = grad_norm(params).total_norm;
  set_threads(2);
  EXPECT_EQ(one, static_cast<double>(n));
  EXPECT_EQ(grad_norm(params).total_norm, square);
  EXPECT_NEAR(square, std::sqrt(static_cast<double>(n)), 1e-9);
  set_threads(before);
}

TEST(Clip, RefusesBadArguments) {
  const auto params = two();
  EXPECT_THROW(clip_grad_norm_(params, -1.0), ValueError);
  EXPECT_THROW(clip_grad_norm_(params, std::nan("")), ValueError);
  EXPECT_THROW(clip_grad_norm_(params, 1.0, 0.5), ValueError);
}

TEST(Clip, TakesHalves) {
  Tensor w = empty({4}, DType::f16);
  w.fill_(0);
  w.requires_grad(true);
  Tensor g = empty({4}, DType::f16);
  g.fill_(3);
  w.set_grad(g);
  g = Tensor();
  const ClipReport r = clip_grad_norm_(std::vector<Tensor>{w}, 3.0);
  EXPECT_DOUBLE_EQ(r.total_norm, 6);
  for (const float x : w.grad().to_vector<float16>()) EXPECT_EQ(x, 1.5F);
}

}  // namespace
}  // namespace gradus::optim
