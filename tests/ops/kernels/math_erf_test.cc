// erf, erfc and the normal distribution against the C library in a wider type, special values, and the same
// bits for every position and length.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/tests/ops/kernels/math_erf_test.cc"
#include "gradus/ops/kernels/elementwise-inl.h"
#include "gradus/ops/kernels/math_erf-inl.h"

GRADUS_UNARY(kErf, kFloating, math::Erf(d, x))
GRADUS_UNARY(kErfc, kFloating, math::Erfc(d, x))
GRADUS_UNARY(kCdf, kFloating, math::NormalOf(d, x).cdf)
GRADUS_UNARY(kPdf, kFloating, math::NormalOf(d, x).pdf)

#if HWY_ONCE

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

namespace gradus::kernels {
namespace {

template <class T>
std::vector<T> run(const ElementwiseLoops& loops, std::vector<T> x) {
  std::vector<T> y(x.size());
  const std::int64_t dims[1] = {static_cast<std::int64_t>(x.size())};
  const View in{x.data(), dims, nullptr, dims[0], 1, dtype_of<T>};
  elementwise(loops, &in, 1, View{y.data(), dims, nullptr, dims[0], 1, dtype_of<T>});
  return y;
}

template <class T>
using Wide = std::conditional_t<std::is_same_v<T, float>, double, long double>;

// |y - exact| in units of the last place of T at `exact`, those of subnormal numbers at the least.
template <class T>
double ulps(T y, Wide<T> exact) {
  using Limits = std::numeric_limits<T>;
  const int exponent = std::ilogb(std::max<Wide<T>>(std::abs(exact), Limits::min()));
  const Wide<T> unit = std::ldexp(Wide<T>{1}, exponent - (Limits::digits - 1));
  const Wide<T> error = std::abs(static_cast<Wide<T>>(y) - exact) / unit;
  return std::isnan(error) ? 1e9 : static_cast<double>(error);
}

template <class T, class F>
void expect_close(const char* name, const ElementwiseLoops& loops, double bound, double tolerance, F exact) {
  std::vector<T> x;
  for (int i = 0; i < 400000; ++i) x.push_back(static_cast<T>(-bound + 2 * bound * (i + 0.37) / 400000));
  for (int i = 0; i < 100000; ++i) {
    const T v = static_cast<T>(std::exp(4 - 60.0 * i / 100000));  // down to the smallest that matter
    x.push_back(v);
    x.push_back(-v);
  }
  const std::vector<T> y = run(loops, x);
  double worst = 0;
  T at = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double e = ulps<T>(y[i], exact(static_cast<Wide<T>>(x[i])));
    if (e > worst) {
      worst = e;
      at = x[i];
    }
  }
  EXPECT_LE(worst, tolerance) << name << "(" << at << ") = " << run(loops, std::vector<T>{at})[0]
                              << ", exactly " << exact(static_cast<Wide<T>>(at));
  if (std::getenv("GRADUS_TEST_VERBOSE") != nullptr) {
    std::printf("%s %s: %.3f ulp at %.9g\n", name, sizeof(T) == 4 ? "f32" : "f64", worst,
                static_cast<double>(at));
  }
}

template <class T>
void expect_all_close(double erf_tolerance, double erfc_tolerance) {
  using W = Wide<T>;
  expect_close<T>("erf", kErf, 6, erf_tolerance, [](W v) { return std::erf(v); });
  expect_close<T>("erfc", kErfc, sizeof(T) == 4 ? 11 : 28, erfc_tolerance, [](W v) { return std::erfc(v); });
}

TEST(KernelErf, CloseInF32) { expect_all_close<float>(2.0, 4.5); }
TEST(KernelErf, CloseInF64) { expect_all_close<double>(2.0, 5.0); }

// The argument x / sqrt(2) of Erfcx is rounded.
template <class T>
void expect_normal(double tolerance) {
  using W = Wide<T>;
  const W root = std::sqrt(W{0.5}), density = std::sqrt(2 * std::acos(W{-1}));
  expect_close<T>("cdf", kCdf, 5, tolerance, [&](W v) { return std::erfc(-v * root) / 2; });
  expect_close<T>("pdf", kPdf, 5, tolerance, [&](W v) { return std::exp(-v * v / 2) / density; });
}

TEST(KernelErf, NormalF32) { expect_normal<float>(4.5); }
TEST(KernelErf, NormalF64) { expect_normal<double>(8.0); }

template <class T>
void expect_specials() {
  constexpr T kInf = std::numeric_limits<T>::infinity(), kNaN = std::numeric_limits<T>::quiet_NaN();
  const T least = std::numeric_limits<T>::denorm_min();
  const std::vector<T> x{0, T{-0.0}, kInf, -kInf, kNaN, least, -least, 100, -100};
  const auto expect = [&](const ElementwiseLoops& loops, const std::vector<T>& expected) {
    const std::vector<T> y = run(loops, x);
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (std::isnan(expected[i])) {
        EXPECT_TRUE(std::isnan(y[i])) << x[i] << ": " << y[i];
      } else {
        EXPECT_EQ(y[i], expected[i]) << x[i];
        EXPECT_EQ(std::signbit(y[i]), std::signbit(expected[i])) << x[i];
      }
    }
  };
  expect(kErf, {0, T{-0.0}, 1, -1, kNaN, least, -least, 1, -1});
  expect(kErfc, {1, 1, 0, 2, kNaN, 1, 1, 0, 2});
  expect(kCdf, {0.5, 0.5, 1, 0, kNaN, 0.5, 0.5, 1, 0});
}

TEST(KernelErf, SpecialValues) {
  expect_specials<float>();
  expect_specials<double>();
}

template <class T>
void expect_position_independent() {
  using Bits = std::conditional_t<std::is_same_v<T, float>, std::uint32_t, std::uint64_t>;
  for (const auto* loops : {&kErf, &kErfc, &kCdf, &kPdf}) {
    for (int n = 1; n <= 70; ++n) {
      std::vector<T> x;
      for (int i = 0; i < n; ++i) x.push_back(static_cast<T>(0.17 * (i % 50) - 3.1));
      if (n > 5) x[5] = std::numeric_limits<T>::infinity();
      const std::vector<T> y = run(*loops, x);
      for (int i = 0; i < n; ++i) {
        const auto k = static_cast<std::size_t>(i);
        ASSERT_EQ(std::bit_cast<Bits>(run(*loops, std::vector<T>{x[k]})[0]), std::bit_cast<Bits>(y[k]))
            << "length " << n << ", element " << i;
      }
    }
  }
}

TEST(KernelErf, SameBitsAtEveryPosition) {
  expect_position_independent<float>();
  expect_position_independent<double>();
}

}  // namespace
}  // namespace gradus::kernels

#endif  // HWY_ONCE
