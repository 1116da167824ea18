// Scans as users call them: dtypes, directions, gradients at zeros, ties and infinities.
#include "gradus/ops/scan.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gradus/graph/backward.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/random.h"
#include "gradus/ops/view.h"
#include "gradus/tests/graph/message.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

using test_ops::message_of;
using ::testing::DoubleEq;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::NanSensitiveDoubleEq;
using ::testing::Pointwise;

std::vector<double> read(const Tensor& t) { return t.to_vector<double>(); }

// The gradient of sum(f(x)).
template <class F>
std::vector<double> gradient(F f, Tensor x) {
  x.requires_grad(true);
  return read(grad(sum(f(x)), {x})[0]);
}

TEST(Scan, DirectionsOfCumsum) {
  const Tensor x = tensor<double>({1, 2, 3});
  EXPECT_THAT(read(cumsum(x, 0)), ElementsAre(1, 3, 6));
  EXPECT_THAT(read(cumsum(x, 0, {.exclusive = true})), ElementsAre(0, 1, 3));
  EXPECT_THAT(read(cumsum(x, -1, {.reverse = true})), ElementsAre(6, 5, 3));
  EXPECT_THAT(read(cumsum(x, -1, {.exclusive = true, .reverse = true})), ElementsAre(5, 3, 0));
}

TEST(Scan, IntegersWiden) {
  EXPECT_THAT(cumsum(tensor({200, 100}, DType::u8), 0).to_vector<std::int64_t>(), ElementsAre(200, 300));
  EXPECT_THAT(cumprod(tensor({200, 100}, DType::i32), 0).to_vector<std::int64_t>(), ElementsAre(200, 20000));
  EXPECT_EQ(cummax(tensor({1, 2}, DType::u8), 0).values.dtype(), DType::u8);
  EXPECT_EQ(cumsum(ones({2}), 0).dtype(), DType::f32);
}

TEST(Scan, LongSumsOfF32AreExactToTheLastRounding) {
  const Tensor x = full({1 << 16}, 0.1);
  const double step = 0.1F;
  const std::vector<float> y = cumsum(x, 0).to_vector<float>();
  for (std::size_t i = 0; i < y.size(); i += 1000) {
    EXPECT_EQ(y[i], static_cast<float>(static_cast<double>(i + 1) * step)) << i;
  }
}

TEST(Scan, TheGradientOfCumprodIsRightBesideZeros) {
  const auto f = [](const Tensor& x) { return cumprod(x, 0); };
  EXPECT_THAT(gradient(f, tensor<double>({2, 3, 4})), ElementsAre(1 + 3 + 12, 2 + 8, 6));
  EXPECT_THAT(gradient(f, tensor<double>({2, 0, 4})), ElementsAre(1, 2 + 8, 0));
  EXPECT_THAT(gradient(f, tensor<double>({0, 0, 4})), ElementsAre(1, 0, 0));
}

// Wide blocks of lanes, their rests, and lanes that are not neighbours, against one lane after the other.
TEST(Scan, LanesOfAllWidths) {
  Generator generator{5, 0};
  for (const std::int64_t width : {1, 15, 16, 17, 127, 128, 129, 300}) {
    const Tensor x = uniform({2, 5, width}, -1, 1, {.dtype = DType::f64, .generator = &generator});
    for (const Tensor& t :
         {x, transpose(contiguous(transpose(x, 0, 2)), 0, 2), flip(x, 0), slice(x, 2, 0, kEnd, 2)}) {
      for (const bool reverse : {false, true}) {
        const Tensor y = cumsum(t, 1, {.reverse = reverse});
        const ValuesIndices largest = cummax(t, 1);
        for (std::int64_t i = 0; i < t.size(0); ++i) {
          for (std::int64_t j = 0; j < t.size(2); ++j) {
            const Tensor lane = select(select(t, 0, i), 1, j);
            ASSERT_EQ(read(select(select(y, 0, i), 1, j)), read(cumsum(lane, 0, {.reverse = reverse})))
                << width << ": " << i << ", " << j;
            ASSERT_EQ(read(select(select(largest.values, 0, i), 1, j)), read(cummax(lane, 0).values));
          }
        }
      }
    }
  }
}

TEST(Scan, LogcumsumexpOfExtremes) {
  const auto f = [](const Tensor& x) { return logcumsumexp(x, 0); };
  EXPECT_THAT(read(f(tensor<double>({-HUGE_VAL, 1000, 1000}))),
              ElementsAre(-HUGE_VAL, 1000, DoubleEq(1000 + std::log(2.0))));
  // Nothing reaches an element that is -inf; the sums before +inf keep their gradient.
  EXPECT_THAT(gradient(f, tensor<double>({-HUGE_VAL, 0, -HUGE_VAL})), ElementsAre(0, 2, 0));
  EXPECT_THAT(gradient(f, tensor<double>({3, HUGE_VAL})), ElementsAre(1, NanSensitiveDoubleEq(NAN)));
}

TEST(Scan, LogcumsumexpDependsOnDifferencesAlone) {
  const auto f = [](const Tensor& x) { return logcumsumexp(x, 0); };
  EXPECT_THAT(gradient(f, tensor<double>({1002, 1001, 1004})),
              Pointwise(DoubleNear(1e-12), gradient(f, tensor<double>({2, 1, 4}))));
}

TEST(Scan, TheLastOfTiesAndNaNFromTheFirstOneOn) {
  const ValuesIndices m = cummax(tensor<double>({1, 3, 3, 2, NAN, 9}), 0);
  EXPECT_THAT(m.indices.to_vector<std::int64_t>(), ElementsAre(0, 1, 2, 2, 4, 4));
  EXPECT_TRUE(std::isnan(read(m.values)[5]));
  const auto f = [](const Tensor& x) { return cummin(x, 0).values; };
  EXPECT_THAT(gradient(f, tensor<double>({2, 1, 1, 5})), ElementsAre(1, 1, 2, 0));
}

TEST(Scan, AlongAnyAxisOfAnyLayout) {
  manual_seed(3);
  const Tensor x = normal({5, 33, 18}, 0, 1, {.dtype = DType::f64});
  const Tensor moved = contiguous(permute(x, {1, 2, 0}));
  for (int dim = 0; dim < 3; ++dim) {
    const int there = (dim + 2) % 3;
    EXPECT_EQ(read(permute(cumsum(x, dim), {1, 2, 0})), read(cumsum(moved, there)));
    EXPECT_EQ(read(permute(cummax(x, dim).values, {1, 2, 0})), read(cummax(moved, there).values));
  }
}

TEST(Scan, Refuses) {
  EXPECT_THAT(message_of<DtypeError>([] {
                logcumsumexp(tensor({1, 2}, DType::i64), 0);
              }),
              ::testing::HasSubstr("scan_test.cc:"));
}

}  // namespace
}  // namespace gradus
