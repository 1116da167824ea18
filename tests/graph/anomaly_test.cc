// The guard against NaN: which op it names, which it lets pass, what an error leaves behind.
#include "gradus/graph/anomaly.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>

#include "gradus/gradus.h"
#include "gradus/graph/custom.h"
#include "gradus/tests/graph/message.h"

namespace gradus {
namespace {

using test_ops::message_of;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr float kInf = std::numeric_limits<float>::infinity();

template <class F>
std::optional<AnomalyError::Found> found_in(F f) {
  try {
    f();
  } catch (const AnomalyError& e) {
    return e.found();
  }
  return std::nullopt;
}

TEST(Anomaly, NamesTheFirstOpWithItsOperands) {
  Tensor x = tensor({1.0f, -4.0f}).requires_grad(true).name("x");
  const AnomalyGuard guard;
  const std::string guard_line = std::to_string(__LINE__ - 1);
  const std::string line = std::to_string(__LINE__ + 1);
  const std::string message = message_of<GraphError>([&] { exp(sqrt(x * 1.0f)); });
  EXPECT_EQ(message,
            "anomaly_test.cc:" + line +
                ": sqrt: its result [2] f32 holds 1 NaN of 2 elements, the first at [1]; of input [2] f32 "
                "(min -4, max 1, mean -1.5, norm 4.123, 0 NaN, 0 inf of 2); found by the AnomalyGuard of "
                "anomaly_test.cc:" +
                guard_line);
}

TEST(Anomaly, TellsOfWhereItWasInData) {
  Tensor x = tensor({1.0f, 0.0f}).requires_grad(true);
  const AnomalyGuard guard;
  const auto found = found_in([&] { log(x); });
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->op, "log");
  EXPECT_FALSE(found->backward);
  EXPECT_EQ(found->result.statistics.inf, 1);
  EXPECT_NE(found->sequence, 0U);
  EXPECT_TRUE(found->output.defined());
  ASSERT_EQ(found->operands.size(), 1U);
  EXPECT_EQ(found->operands[0].statistics.min, 0);
}

TEST(Anomaly, NaNThatCameIn) {
  const Tensor x = tensor({1.0f, NAN});
  const AnomalyGuard guard;
  EXPECT_THAT(message_of<AnomalyError>([&] { x + 1.0f; }), HasSubstr("an operand held NaN before any op"));
}

TEST(Anomaly, InfinitiesThatWereAskedForPass) {
  const AnomalyGuard guard;
  const Tensor mask = tensor({0.0f, -kInf});
  const Tensor scores = tensor({1.0f, 2.0f});
  EXPECT_EQ(softmax(scores + mask, 0).to_vector<float>()[0], 1.0f);
  EXPECT_EQ(masked_fill(scores, scores > 1.5, -kInf).to_vector<float>()[1], -kInf);
  // All of a row masked is what the guard is for.
  EXPECT_THROW(softmax(scores + full({2}, -kInf), 0), AnomalyError);
}

TEST(Anomaly, InABackwardWithBothPlaces) {
  Tensor x = tensor({4.0f, 0.0f}).requires_grad(true).name("x");
  const std::string recorded = std::to_string(__LINE__ + 1);
  const Tensor loss = sum(sqrt(x));
  const AnomalyGuard guard;
  const std::string walked = std::to_string(__LINE__ + 1);
  const std::string message = message_of<AnomalyError>([&] { loss.backward(); });
  EXPECT_THAT(message, AllOf(StartsWith("anomaly_test.cc:" + walked +
                                        ": backward of sqrt (recorded at anomaly_test.cc:" + recorded +
                                        "): the gradient of input \"x\" [2] f32 holds 1 inf of 2 elements, "
                                        "the first at [1]; of cotangent [2] f32 (min 1, max 1"),
                             HasSubstr("saved result [2] f32 (min 0, max 2")));
  EXPECT_FALSE(x.grad().defined()) << "nothing was accumulated";
}

TEST(Anomaly, ExactZerosHideWhatRulesComputeInside) {
  Tensor x = tensor({4.0f, 0.0f}).requires_grad(true);
  const AnomalyGuard guard;
  const Tensor safe = where(x > 0.0f, sqrt(x), zeros_like(x));
  sum(safe).backward();
  EXPECT_EQ(x.grad().to_vector<float>()[1], 0.0f);
}

TEST(Anomaly, OfAHigherDerivative) {
  Tensor x = tensor({0.0f}).requires_grad(true);
  const AnomalyGuard guard;
  // x^1.5 has a derivative at 0, and an infinite second one.
  const Tensor first = grad(sum(pow(x, 1.5)), {x}, {.create_graph = true})[0];
  EXPECT_EQ(first.item(), 0.0);
  EXPECT_THROW(grad(sum(first), {x}), AnomalyError);
}

TEST(Anomaly, SeedsAndHooks) {
  Tensor x = tensor({1.0f, 2.0f}).requires_grad(true);
  const Tensor y = x * 2.0f;
  const AnomalyGuard guard;
  const std::string seed = message_of<AnomalyError>([&] { y.backward(tensor({1.0f, NAN})); });
  EXPECT_THAT(seed, HasSubstr("the seed did, a hook put it there"));
  Tensor h = x * 3.0f;
  h.add_hook([](const Tensor& g) { return g * kInf; });
  EXPECT_THROW(sum(h).backward(), AnomalyError);
}

TEST(Anomaly, CustomOps) {
  Tensor x = tensor({1.0f, 2.0f}).requires_grad(true);
  const AnomalyGuard guard;
  const auto value = found_in([&] {
    custom(
        "bad_value", {x},
        [](const CustomInputs& in) {
          Tensor y = in[0].clone_detached();
          y.mutable_span<float>()[1] = NAN;
          return y;
        },
        [](const CustomInputs&, const Tensor& g, CustomGrads& out) { out[0] = g; });
  });
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(value->op, "bad_value");
  const auto gradient = found_in([&] {
    sum(custom(
            "bad_gradient", {x}, [](const CustomInputs& in) { return in[0].clone_detached(); },
            [](const CustomInputs& in, const Tensor&, CustomGrads& out) {
              out[0] = full(in[0].shape(), NAN);
            }))
        .backward();
  });
  ASSERT_TRUE(gradient.has_value());
  EXPECT_EQ(gradient->op, "bad_gradient");
  EXPECT_TRUE(gradient->backward);
}

TEST(Anomaly, EveryFloatingDtype) {
  for (const DType dtype : {DType::f64, DType::f16, DType::bf16}) {
    const Tensor x = astype(tensor({-1.0f, 1.0f}), dtype);
    const AnomalyGuard guard;
    EXPECT_THROW(sqrt(x), AnomalyError) << name(dtype);
  }
}

TEST(Anomaly, WithoutAGuardNothingIsChecked) {
  Tensor x = tensor({-1.0f}).requires_grad(true);
  { const AnomalyGuard guard; }
  EXPECT_TRUE(std::isnan(sqrt(x).item()));
}

TEST(Anomaly, AfterTheErrorAllGoesOn) {
  Tensor x = tensor({4.0f}).requires_grad(true);
  const AnomalyGuard guard;
  EXPECT_THROW(sqrt(-x), AnomalyError);
  sum(sqrt(x)).backward();
  EXPECT_EQ(x.grad().item(), 0.25);
}

}  // namespace
}  // namespace gradus
