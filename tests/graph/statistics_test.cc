// Statistics of arrays: every dtype, strides, what is not finite.
#include "gradus/graph/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gradus/gradus.h"

namespace gradus {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

TEST(Statistics, OfFiniteElements) {
  const Statistics s = statistics(tensor({3.0, -4.0, 1.0}).view());
  EXPECT_EQ(s.min, -4);
  EXPECT_EQ(s.max, 3);
  EXPECT_EQ(s.mean, 0);
  EXPECT_DOUBLE_EQ(s.norm, std::sqrt(26.0));
  EXPECT_EQ(s.elements, 3);
  EXPECT_TRUE(s.finite());
  EXPECT_EQ(to_string(s), "min -4, max 3, mean 0, norm 5.099, 0 NaN, 0 inf of 3");
}

TEST(Statistics, CountsWhatIsNotFiniteAndLeavesItOut) {
  for (const DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16}) {
    const Tensor t = astype(tensor({1.0, NAN, -kInf, 3.0, kInf}), dtype);
    const Statistics s = statistics(t.view());
    EXPECT_EQ(s.nan, 1) << name(dtype);
    EXPECT_EQ(s.inf, 2) << name(dtype);
    EXPECT_EQ(s.mean, 2) << name(dtype);
    EXPECT_FALSE(all_finite(t.view())) << name(dtype);
    EXPECT_EQ(first_not_finite(t.view()), 1) << name(dtype);
    EXPECT_TRUE(all_finite(astype(tensor({1.0, -2.0, 0.0}), dtype).view())) << name(dtype);
  }
}

TEST(Statistics, NothingFiniteAndNothingAtAll) {
  EXPECT_EQ(to_string(statistics(tensor({double{NAN}, kInf}).view())), "1 NaN, 1 inf of 2");
  EXPECT_EQ(statistics(tensor({double{NAN}}).view()).min, 0);
  EXPECT_EQ(to_string(statistics(empty({0, 3}).view())), "no elements");
  EXPECT_TRUE(all_finite(empty({0, 3}).view()));
}

TEST(Statistics, FollowsStrides) {
  Tensor t = full({4, 5}, 1.0, DType::f64);
  t.mutable_span<double>()[7] = NAN;  // row 1, column 2
  const Tensor across = transpose(t, 0, 1);
  EXPECT_EQ(first_not_finite(across.view()), 2 * 4 + 1);
  EXPECT_EQ(statistics(across.view()).nan, 1);
  EXPECT_FALSE(all_finite(across.view()));
  EXPECT_TRUE(all_finite(slice(t, 0, 2).view()));
  EXPECT_EQ(statistics(expand(tensor({2.0}), {3, 4}).view()).norm, std::sqrt(48.0));
}

TEST(Statistics, EveryPlaceOfAnyLengthIsSeen) {
  for (std::int64_t n = 1; n <= 70; ++n) {
    for (std::int64_t at = 0; at < n; ++at) {
      Tensor t = full({n}, 1.0);
      t.mutable_span<float>()[static_cast<std::size_t>(at)] = -std::numeric_limits<float>::infinity();
      ASSERT_FALSE(all_finite(t.view())) << at << " of " << n;
      ASSERT_EQ(first_not_finite(t.view()), at);
    }
  }
  Tensor large = full({10'000}, 1.0);
  large.mutable_span<float>()[9'999] = NAN;
  EXPECT_FALSE(all_finite(large.view()));
}

TEST(Statistics, OfIntegersAndBools) {
  EXPECT_EQ(statistics(astype(tensor({1.0, 2.0, 6.0}), DType::i64).view()).mean, 3);
  EXPECT_EQ(statistics(astype(tensor({1.0, 0.0}), DType::boolean).view()).max, 1);
  EXPECT_TRUE(all_finite(astype(tensor({1.0, 2.0}), DType::i32).view()));
}

}  // namespace
}  // namespace gradus
