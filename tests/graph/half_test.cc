// float16 and bfloat16: every value, every tie between two neighbours and what lies beside it, against
// decoding and comparing in double.
#include "gradus/graph/half.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "gradus/graph/dtype.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

template <class H>
struct Format;
template <>
struct Format<float16> {
  static constexpr int kExponentBits = 5, kFractionBits = 10;
};
template <>
struct Format<bfloat16> {
  static constexpr int kExponentBits = 8, kFractionBits = 7;
};

// From the definition of IEEE 754.
template <class H>
double decoded(std::uint16_t bits) {
  constexpr int kFraction = Format<H>::kFractionBits;
  constexpr int kBias = (1 << (Format<H>::kExponentBits - 1)) - 1;
  const int exponent = bits >> kFraction & ((1 << Format<H>::kExponentBits) - 1);
  const int fraction = bits & ((1 << kFraction) - 1);
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  if (exponent == (1 << Format<H>::kExponentBits) - 1) {
    return fraction == 0 ? sign * std::numeric_limits<double>::infinity() : std::nan("");
  }
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - kBias - kFraction);
  return sign * std::ldexp(fraction + (1 << kFraction), exponent - kBias - kFraction);
}

template <class H>
class Half : public testing::Test {};
using HalfTypes = testing::Types<float16, bfloat16>;
TYPED_TEST_SUITE(Half, HalfTypes);

TYPED_TEST(Half, EveryValueIsDecodedAndComesBack) {
  using H = TypeParam;
  for (unsigned i = 0; i < 65536; ++i) {
    const auto bits = static_cast<std::uint16_t>(i);
    const double value = decoded<H>(bits);
    const float f = H::from_bits(bits);
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(f)) << i;
      ASSERT_TRUE(std::isnan(float{H(f)})) << i;
      ASSERT_EQ(std::signbit(f), i >= 0x8000) << i;
      continue;
    }
    ASSERT_EQ(f, value) << i;
    ASSERT_EQ(std::signbit(f), i >= 0x8000) << i;
    ASSERT_EQ(H(f).bits, bits) << i;
    ASSERT_EQ(H(value).bits, bits) << i;
  }
}

// Between every two neighbours: the tie goes to the even one; what lies next to it, by the last place of a
// float and of a double, to the nearer one. A double that were first rounded to a float would become a tie.
TYPED_TEST(Half, RoundsToTheNearestTiesToEven) {
  using H = TypeParam;
  const double inf = std::numeric_limits<double>::infinity();
  constexpr std::uint16_t kInfinity =
      static_cast<std::uint16_t>(((1 << Format<H>::kExponentBits) - 1) << Format<H>::kFractionBits);
  for (std::uint16_t low = 0; low < kInfinity; ++low) {
    const auto high = static_cast<std::uint16_t>(low + 1);
    // Past the largest number lies, for rounding, the next power of 2.
    const double a = decoded<H>(low);
    const double b =
        high == kInfinity ? 2 * a - decoded<H>(static_cast<std::uint16_t>(low - 1)) : decoded<H>(high);
    const double tie = (a + b) / 2;
    const std::uint16_t even = low % 2 == 0 ? low : high;
    for (const unsigned sign : {0U, 0x8000U}) {
      const double s = sign == 0 ? 1 : -1;
      const auto expect = [&](std::uint16_t magnitude) {
        return static_cast<std::uint16_t>(sign | magnitude);
      };
      ASSERT_EQ(H(s * tie).bits, expect(even)) << low;
      ASSERT_EQ(H(s * std::nextafter(tie, 0.0)).bits, expect(low)) << low;
      ASSERT_EQ(H(s * std::nextafter(tie, inf)).bits, expect(high)) << low;
      // Every tie is a float, but for bfloat16's largest.
      const auto f = static_cast<float>(tie);
      if (f != tie) continue;
      ASSERT_EQ(H(static_cast<float>(s) * f).bits, expect(even)) << low;
      ASSERT_EQ(H(static_cast<float>(s) * std::nextafter(f, 0.0F)).bits, expect(low)) << low;
      ASSERT_EQ(H(static_cast<float>(s) * std::nextafter(f, HUGE_VALF)).bits, expect(high)) << low;
    }
  }
}

TYPED_TEST(Half, Extremes) {
  using H = TypeParam;
  EXPECT_EQ(float{H(HUGE_VAL)}, HUGE_VALF);
  EXPECT_EQ(float{H(-HUGE_VALF)}, -HUGE_VALF);
  EXPECT_EQ(float{H(1e300)}, HUGE_VALF);
  EXPECT_EQ(float{H(-1e300)}, -HUGE_VALF);
  EXPECT_EQ(float{H(std::numeric_limits<float>::max())}, HUGE_VALF);
  EXPECT_EQ(H(1e-300).bits, 0);
  EXPECT_EQ(H(-1e-300).bits, 0x8000);
  EXPECT_EQ(H(-5e-324).bits, 0x8000);
  EXPECT_TRUE(std::isnan(float{H(std::nan(""))}));
  EXPECT_TRUE(std::isnan(float{H(std::nanf(""))}));
  // A NaN whose set bits lie in the part that is cut off must not become infinite.
  EXPECT_TRUE(std::isnan(float{H(std::bit_cast<float>(0x7F800001U))}));
}

TEST(HalfType, IntegersRoundOnce) {
  EXPECT_EQ(float{float16(2049)}, 2048);
  EXPECT_EQ(float{float16(2051)}, 2052);
  EXPECT_EQ(float{float16(65519)}, 65504);
  EXPECT_EQ(float{float16(65520)}, HUGE_VALF);
  EXPECT_EQ(float{float16(true)}, 1);
  // 2^56 + 2^48 is a tie between 2^56 and 2^56 + 2^49; one more is not. As a float or a double it would be.
  const std::int64_t tie = (std::int64_t{1} << 56) + (std::int64_t{1} << 48);
  EXPECT_EQ(float{bfloat16(tie)}, 0x1p56F);
  EXPECT_EQ(float{bfloat16(tie + 1)}, 0x1p56F + 0x1p49F);
  EXPECT_EQ(float{bfloat16(-tie - 1)}, -0x1p56F - 0x1p49F);
  EXPECT_EQ(float{bfloat16(tie - 1)}, 0x1p56F);
  EXPECT_EQ(float{bfloat16(std::numeric_limits<std::int64_t>::min())}, -0x1p63F);
  EXPECT_EQ(float{bfloat16(std::numeric_limits<std::uint64_t>::max())}, 0x1p64F);
}

TEST(HalfType, IsConstexprAndSmall) {
  static_assert(float{float16(1.5)} == 1.5F);
  static_assert(float{bfloat16(-3)} == -3);
  static_assert(sizeof(float16) == 2 && sizeof(bfloat16) == 2);
  static_assert(dtype_of<float16> == DType::f16 && dtype_of<bfloat16> == DType::bf16);
}

// Array API standard 2023.12, "Type promotion rules", and the halves.
TEST(DTypes, Promote) {
  using enum DType;
  struct Case {
    DType a, b, result;
  };
  const std::vector<Case> cases = {
      {f32, f64, f64}, {f16, bf16, f32}, {f16, f32, f32}, {bf16, f32, f32},
      {f16, f64, f64}, {bf16, f64, f64}, {i8, i16, i16},  {i8, i32, i32},
      {i8, i64, i64},  {i16, i32, i32},  {i32, i64, i64}, {u8, u16, u16},
      {u8, u32, u32},  {u16, u32, u32},  {u32, u64, u64}, {i8, u8, i16},
      {i16, u8, i16},  {i32, u8, i32},   {i8, u16, i32},  {i16, u16, i32},
      {i32, u16, i32}, {i8, u32, i64},   {i32, u32, i64}, {i64, u32, i64},
      {i64, u8, i64},  {f16, f16, f16},  {u64, u64, u64}, {boolean, boolean, boolean},
  };
  for (const Case& c : cases) {
    DType out = f32;
    EXPECT_TRUE(promote(c.a, c.b, &out) && out == c.result) << name(c.a) << " " << name(c.b);
    EXPECT_TRUE(promote(c.b, c.a, &out) && out == c.result) << name(c.b) << " " << name(c.a);
  }
  for (const auto& [a, b] :
       {std::pair{u64, i64}, {u64, i8}, {f16, i8}, {bf16, i64}, {f32, u8}, {boolean, u8}, {boolean, f16}}) {
    DType out = f32;
    EXPECT_FALSE(promote(a, b, &out)) << name(a) << " " << name(b);
    EXPECT_FALSE(promote(b, a, &out)) << name(b) << " " << name(a);
  }
}

TEST(DTypes, TheTableAgreesWithItself) {
  for (int t = 0; t < kDTypeCount; ++t) {
    const auto dtype = static_cast<DType>(t);
    const DType wide = computed_in(dtype);
    EXPECT_EQ(computed_in(wide), wide) << name(dtype);
    EXPECT_EQ(is_floating(wide), is_floating(dtype)) << name(dtype);
    EXPECT_GE(size_of(wide), size_of(dtype)) << name(dtype);
    EXPECT_EQ(is_half(dtype), is_floating(dtype) && size_of(dtype) == 2) << name(dtype);
  }
}

}  // namespace
}  // namespace gradus
