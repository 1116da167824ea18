// The vector functions against the C library in a wider type: dense samples over all magnitudes, special
// values, and the same bits for every position and length.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/tests/ops/kernels/math_test.cc"
#include "gradus/ops/kernels/elementwise-inl.h"
#include "gradus/ops/kernels/gamma.h"
#include "gradus/ops/kernels/math_arc-inl.h"
#include "gradus/ops/kernels/math_exp2-inl.h"
#include "gradus/ops/kernels/math_hyperbolic-inl.h"
#include "gradus/ops/kernels/math_mod-inl.h"

GRADUS_UNARY(kExp, kFloating, math::Exp(d, x))
GRADUS_UNARY(kExpm1, kFloating, math::Expm1(d, x))
GRADUS_UNARY(kLog, kFloating, math::Log(d, x))
GRADUS_UNARY(kLog1p, kFloating, math::Log1p(d, x))
GRADUS_UNARY(kTanh, kFloating, math::Tanh(d, x))
GRADUS_UNARY(kSigmoid, kFloating, math::Sigmoid(d, x))
GRADUS_UNARY(kSin, kFloating, math::Sin(d, x))
GRADUS_UNARY(kCos, kFloating, math::Cos(d, x))
GRADUS_UNARY(kTan, kFloating, math::Tan(d, x))
GRADUS_BINARY(kPow, kFloating, math::Pow(d, a, b))
GRADUS_UNARY(kExp2, kFloating, math::Exp2(d, x))
GRADUS_UNARY(kLog2, kFloating, math::Log2(d, x))
GRADUS_UNARY(kLog10, kFloating, math::Log10(d, x))
GRADUS_UNARY(kAsin, kFloating, math::Asin(d, x))
GRADUS_UNARY(kAcos, kFloating, math::Acos(d, x))
GRADUS_UNARY(kAtan, kFloating, math::Atan(d, x))
GRADUS_UNARY(kSinh, kFloating, math::Sinh(d, x))
GRADUS_UNARY(kCosh, kFloating, math::Cosh(d, x))
GRADUS_UNARY(kAsinh, kFloating, math::Asinh(d, x))
GRADUS_UNARY(kAcosh, kFloating, math::Acosh(d, x))
GRADUS_UNARY(kAtanh, kFloating, math::Atanh(d, x))
GRADUS_BINARY(kAtan2, kFloating, math::Atan2(d, a, b))
GRADUS_BINARY(kFmod, kFloating, math::Fmod(d, a, b))

#if HWY_ONCE

#include <gtest/gtest.h>

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
View view(std::vector<T>& v, std::int64_t* dims) {
  dims[0] = static_cast<std::int64_t>(v.size());
  return View{v.data(), dims, nullptr, dims[0], 1, dtype_of<T>};
}

template <class T>
std::vector<T> run(const ElementwiseLoops& loops, std::vector<T> x) {
  std::vector<T> y(x.size());
  std::int64_t dims[1];
  const View in = view(x, dims);
  elementwise(loops, &in, 1, view(y, dims));
  return y;
}

template <class T>
std::vector<T> run(const ElementwiseLoops& loops, std::vector<T> a, std::vector<T> b) {
  std::vector<T> y(a.size());
  std::int64_t dims[1];
  const View in[2] = {view(a, dims), view(b, dims)};
  elementwise(loops, in, 2, view(y, dims));
  return y;
}

// The type the reference is computed in.
template <class T>
using Wide = std::conditional_t<std::is_same_v<T, float>, double, long double>;

template <class T>
using Bits = std::conditional_t<std::is_same_v<T, float>, std::uint32_t, std::uint64_t>;

// |y - exact| in units of the last place of T at `exact`; 0 for equal infinities and for NaN with NaN.
template <class T>
double ulps(T y, Wide<T> exact) {
  if (std::isnan(exact)) return std::isnan(y) ? 0 : 1e9;
  const T rounded = static_cast<T>(exact);
  if (std::isinf(rounded) || std::isinf(y) || std::isnan(y)) return y == rounded ? 0 : 1e9;
  constexpr T kMin = std::numeric_limits<T>::min();
  const int exponent = std::ilogb(std::max<Wide<T>>(std::abs(exact), kMin));
  const Wide<T> unit = std::ldexp(Wide<T>{1}, exponent - (std::numeric_limits<T>::digits - 1));
  return static_cast<double>(std::abs(static_cast<Wide<T>>(y) - exact) / unit);
}

// Values of every exponent and sign, `count` bit patterns apart by a prime, and as many in [-bound, bound].
template <class T>
std::vector<T> samples(int count, double bound) {
  std::vector<T> x;
  const Bits<T> step =
      static_cast<Bits<T>>(std::numeric_limits<Bits<T>>::max() / static_cast<Bits<T>>(count)) | 1;
  for (int i = 0; i < count; ++i)
    x.push_back(std::bit_cast<T>(static_cast<Bits<T>>(step * static_cast<Bits<T>>(i))));
  for (int i = 0; i < count; ++i) x.push_back(static_cast<T>(-bound + 2 * bound * (i + 0.37) / count));
  // Around 0 and 1 in a logarithmic grid: cancellations are there.
  for (int i = 0; i < count / 4; ++i) {
    const T small = static_cast<T>(std::exp(-40.0 * i / (count / 4)));
    for (const T v : {small, -small, 1 + small, 1 - small, -1 + small}) x.push_back(v);
  }
  return x;
}

template <class T, class F>
void expect_close(const char* name, const ElementwiseLoops& loops, double bound, double tolerance, F exact) {
  const std::vector<T> x = samples<T>(200000, bound);
  const std::vector<T> y = run(loops, x);
  double worst = 0;
  T at = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double e = ulps<T>(y[i], exact(static_cast<Wide<T>>(x[i])));
    if (!(e <= worst)) {
      worst = e;
      at = x[i];
    }
  }
  const T got = run(loops, std::vector<T>{at})[0];
  EXPECT_LE(worst, tolerance) << name << "(" << at << ") = " << got << ", exactly "
                              << exact(static_cast<Wide<T>>(at));
  ::testing::Test::RecordProperty(std::string(name) + (sizeof(T) == 4 ? "_f32" : "_f64"),
                                  std::to_string(worst));
  if (std::getenv("GRADUS_TEST_VERBOSE") != nullptr) {
    std::printf("%s %s: %.3f ulp at %.9g\n", name, sizeof(T) == 4 ? "f32" : "f64", worst,
                static_cast<double>(at));
  }
}

template <class T>
void expect_all_close(double tolerance) {
  using W = Wide<T>;
  const double big = sizeof(T) == 4 ? 110 : 760;
  expect_close<T>("exp", kExp, big, tolerance, [](W v) { return std::exp(v); });
  expect_close<T>("expm1", kExpm1, big, tolerance, [](W v) { return std::expm1(v); });
  expect_close<T>("log", kLog, 4, tolerance, [](W v) { return std::log(v); });
  expect_close<T>("log1p", kLog1p, 4, tolerance, [](W v) { return std::log1p(v); });
  expect_close<T>("tanh", kTanh, 20, tolerance, [](W v) { return std::tanh(v); });
  expect_close<T>("sigmoid", kSigmoid, big, tolerance, [](W v) {
    const W e = std::exp(-std::abs(v));
    return v < 0 ? e / (1 + e) : 1 / (1 + e);
  });
  expect_close<T>("sin", kSin, 1000, tolerance, [](W v) { return std::sin(v); });
  expect_close<T>("cos", kCos, 1000, tolerance, [](W v) { return std::cos(v); });
  expect_close<T>("tan", kTan, 1000, tolerance + 0.5, [](W v) { return std::tan(v); });
  expect_close<T>("exp2", kExp2, big * 1.5, tolerance, [](W v) { return std::exp2(v); });
  expect_close<T>("log2", kLog2, 4, tolerance, [](W v) { return std::log2(v); });
  expect_close<T>("log10", kLog10, 4, tolerance, [](W v) { return std::log10(v); });
  expect_close<T>("asin", kAsin, 1, tolerance, [](W v) { return std::asin(v); });
  expect_close<T>("acos", kAcos, 1, tolerance, [](W v) { return std::acos(v); });
  expect_close<T>("atan", kAtan, 10, tolerance, [](W v) { return std::atan(v); });
  expect_close<T>("sinh", kSinh, big, tolerance, [](W v) { return std::sinh(v); });
  expect_close<T>("cosh", kCosh, big, tolerance, [](W v) { return std::cosh(v); });
  expect_close<T>("asinh", kAsinh, 10, tolerance, [](W v) { return std::asinh(v); });
  expect_close<T>("acosh", kAcosh, 10, tolerance, [](W v) { return std::acosh(v); });
  expect_close<T>("atanh", kAtanh, 1, tolerance, [](W v) { return std::atanh(v); });
}

TEST(KernelMath, F32WithinTwoUlp) { expect_all_close<float>(2.2); }

TEST(KernelMath, F64WithinFourUlp) { expect_all_close<double>(4.0); }

constexpr const ElementwiseLoops* kAllUnary[] = {&kExp,  &kExpm1, &kLog,  &kLog1p, &kTanh,  &kSigmoid, &kSin,
                                                 &kCos,  &kTan,   &kExp2, &kLog2,  &kLog10, &kAsin,    &kAcos,
                                                 &kAtan, &kSinh,  &kCosh, &kAsinh, &kAcosh, &kAtanh};

template <class T>
void expect_specials() {
  constexpr T kInf = std::numeric_limits<T>::infinity(), kNaN = std::numeric_limits<T>::quiet_NaN();
  const auto check = [](const char* name, const ElementwiseLoops& loops, T x, T expected) {
    const T y = run(loops, std::vector<T>{x})[0];
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(y)) << name << "(" << x << ") = " << y;
    } else {
      EXPECT_EQ(y, expected) << name << "(" << x << ")";
      EXPECT_EQ(std::signbit(y), std::signbit(expected)) << name << "(" << x << ")";
    }
  };
  const T least = std::numeric_limits<T>::denorm_min();
  for (const auto* loops : kAllUnary) check("f", *loops, kNaN, kNaN);
  for (const auto* loops :
       {&kExpm1, &kLog1p, &kTanh, &kSin, &kTan, &kAsin, &kAtan, &kSinh, &kAsinh, &kAtanh}) {
    check("odd at 0", *loops, 0, 0);
    check("odd at -0", *loops, T{-0.0}, T{-0.0});
    check("odd at the least number", *loops, least, least);
  }
  check("exp", kExp, 0, 1);
  check("exp", kExp, T{-0.0}, 1);
  check("exp", kExp, kInf, kInf);
  check("exp", kExp, -kInf, 0);
  check("exp", kExp, 1e5, kInf);
  check("exp", kExp, -1e5, 0);
  check("expm1", kExpm1, kInf, kInf);
  check("expm1", kExpm1, -kInf, -1);
  check("log", kLog, 1, 0);
  check("log", kLog, 0, -kInf);
  check("log", kLog, T{-0.0}, -kInf);
  check("log", kLog, -1, kNaN);
  check("log", kLog, -kInf, kNaN);
  check("log", kLog, -least, kNaN);
  check("log", kLog, kInf, kInf);
  check("log1p", kLog1p, -1, -kInf);
  check("log1p", kLog1p, -2, kNaN);
  check("log1p", kLog1p, kInf, kInf);
  check("log1p", kLog1p, -kInf, kNaN);
  check("tanh", kTanh, kInf, 1);
  check("tanh", kTanh, -kInf, -1);
  check("tanh", kTanh, 100, 1);
  check("sigmoid", kSigmoid, 0, 0.5);
  check("sigmoid", kSigmoid, kInf, 1);
  check("sigmoid", kSigmoid, -kInf, 0);
  check("sin", kSin, kInf, kNaN);
  check("cos", kCos, 0, 1);
  check("cos", kCos, -kInf, kNaN);
  check("tan", kTan, kInf, kNaN);
  for (int n = -100; n <= 100; ++n) {
    check("exp2 of a whole number", kExp2, static_cast<T>(n), std::ldexp(T{1}, n));
    check("log2 of a power", kLog2, std::ldexp(T{1}, n), static_cast<T>(n));
  }
  // As long as the power itself is exact.
  T power = 1;
  for (int n = 0; n <= (sizeof(T) == 4 ? 10 : 22); ++n, power *= 10)
    check("log10 of a power", kLog10, power, static_cast<T>(n));
  check("exp2", kExp2, kInf, kInf);
  check("exp2", kExp2, -kInf, 0);
  check("exp2", kExp2, 1e5, kInf);
  check("exp2", kExp2, -1e5, 0);
  for (const auto* loops : {&kLog2, &kLog10}) {
    check("log2, log10", *loops, 1, 0);
    check("log2, log10", *loops, 0, -kInf);
    check("log2, log10", *loops, -least, kNaN);
    check("log2, log10", *loops, kInf, kInf);
  }
  for (const auto* loops : {&kAsin, &kAcos, &kAtanh}) {
    check("asin, acos, atanh", *loops, T{1.5}, kNaN);
    check("asin, acos, atanh", *loops, T{-1.5}, kNaN);
    check("asin, acos, atanh", *loops, kInf, kNaN);
    check("asin, acos, atanh", *loops, -kInf, kNaN);
  }
  const T pi = static_cast<T>(3.14159265358979323846);
  check("asin", kAsin, 1, pi / 2);
  check("asin", kAsin, -1, -pi / 2);
  check("acos", kAcos, 1, 0);
  check("acos", kAcos, -1, pi);
  check("acos", kAcos, 0, pi / 2);
  check("atan", kAtan, kInf, pi / 2);
  check("atan", kAtan, -kInf, -pi / 2);
  check("sinh", kSinh, kInf, kInf);
  check("sinh", kSinh, -kInf, -kInf);
  check("cosh", kCosh, 0, 1);
  check("cosh", kCosh, kInf, kInf);
  check("cosh", kCosh, -kInf, kInf);
  check("asinh", kAsinh, kInf, kInf);
  check("asinh", kAsinh, -kInf, -kInf);
  check("acosh", kAcosh, 1, 0);
  check("acosh", kAcosh, T{0.5}, kNaN);
  check("acosh", kAcosh, T{-1e10}, kNaN);
  check("acosh", kAcosh, -kInf, kNaN);
  check("acosh", kAcosh, kInf, kInf);
  check("atanh", kAtanh, 1, kInf);
  check("atanh", kAtanh, -1, -kInf);
}

TEST(KernelMath, SpecialValues) {
  expect_specials<float>();
  expect_specials<double>();
}

template <class T>
void expect_pow(double tolerance) {
  constexpr T kInf = std::numeric_limits<T>::infinity(), kNaN = std::numeric_limits<T>::quiet_NaN();
  std::vector<T> values = {0,    T{-0.0}, 1,    -1,    2,    -2,    3, -3,  0.5,      -0.5, 2.5,   -2.5,
                           1e10, -1e10,   kInf, -kInf, kNaN, 1e-30, 7, 127, 16777216, 1e30, -1e30, 1e-45};
  for (int i = 0; i < 300; ++i) values.push_back(static_cast<T>(std::exp(0.37 * (i - 150) / 10.0)));
  for (int i = 0; i < 100; ++i) values.push_back(static_cast<T>(i - 50));
  std::vector<T> a, b;
  for (const T x : values) {
    for (const T y : values) {
      a.push_back(x);
      b.push_back(y);
    }
  }
  const std::vector<T> r = run(kPow, a, b);
  for (std::size_t i = 0; i < a.size(); ++i) {
    const Wide<T> exact = std::pow(static_cast<Wide<T>>(a[i]), static_cast<Wide<T>>(b[i]));
    ASSERT_LE(ulps<T>(r[i], exact), tolerance) << "pow(" << a[i] << ", " << b[i] << ") = " << r[i];
    ASSERT_EQ(r[i] == 0 && std::signbit(r[i]), r[i] == 0 && std::signbit(exact))
        << "pow(" << a[i] << ", " << b[i] << ")";
  }
}

TEST(KernelMath, PowHasTheSpecialCasesOfIeee754) {
  expect_pow<float>(1.0);
  expect_pow<double>(1.0);
}

// The C library's values in every quadrant, on the axes and at infinity, and its remainders, bit for bit.
template <class T>
void expect_atan2_and_fmod(double tolerance) {
  constexpr T kInf = std::numeric_limits<T>::infinity(), kNaN = std::numeric_limits<T>::quiet_NaN();
  std::vector<T> values = {0,
                           T{-0.0},
                           1,
                           -1,
                           kInf,
                           -kInf,
                           kNaN,
                           std::numeric_limits<T>::denorm_min(),
                           std::numeric_limits<T>::min(),
                           std::numeric_limits<T>::max(),
                           T{3},
                           T{0.1}};
  for (int i = 0; i < 400; ++i) {
    values.push_back(static_cast<T>((i % 2 ? 1 : -1) * std::exp(0.31 * (i - 200))));
    values.push_back(static_cast<T>((i % 2 ? 1 : -1) * (0.37 * i - 50)));
  }
  std::vector<T> a, b;
  for (const T x : values) {
    for (const T y : values) {
      a.push_back(x);
      b.push_back(y);
    }
  }
  const std::vector<T> angle = run(kAtan2, a, b);
  const std::vector<T> rest = run(kFmod, a, b);
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const Wide<T> exact = std::atan2(static_cast<Wide<T>>(a[i]), static_cast<Wide<T>>(b[i]));
    worst = std::max(worst, ulps<T>(angle[i], exact));
    ASSERT_LE(ulps<T>(angle[i], exact), tolerance) << "atan2(" << a[i] << ", " << b[i] << ") = " << angle[i];
    if (!std::isnan(exact)) {
      ASSERT_EQ(std::signbit(angle[i]), std::signbit(exact)) << "atan2(" << a[i] << ", " << b[i] << ")";
    }
    const T r = std::fmod(a[i], b[i]);
    ASSERT_TRUE((std::isnan(r) && std::isnan(rest[i])) ||
                (r == rest[i] && std::signbit(r) == std::signbit(rest[i])))
        << "fmod(" << a[i] << ", " << b[i] << ") = " << rest[i] << ", exactly " << r;
  }
  if (std::getenv("GRADUS_TEST_VERBOSE") != nullptr) std::printf("atan2: %.3f ulp\n", worst);
}

TEST(KernelMath, Atan2AndFmod) {
  expect_atan2_and_fmod<float>(2.2);
  expect_atan2_and_fmod<double>(4.0);
}

// Identities that need no reference: recurrence, duplication and values that are known.
TEST(KernelMath, Polygamma) {
  const double pi = 3.14159265358979323846;
  EXPECT_NEAR(digamma(1), -0.57721566490153286, 1e-15);
  EXPECT_NEAR(polygamma(1, 1), pi * pi / 6, 1e-15);
  EXPECT_NEAR(polygamma(1, 0.5), pi * pi / 2, 1e-14);
  EXPECT_NEAR(polygamma(3, 1), std::pow(pi, 4) / 15, 1e-14);
  for (const double x : {0.07, 0.5, 1.3, 7.9, 31.0, -0.3, -4.6, -20.01, -1e4 - 0.25}) {
    double factorial = 1;
    for (int n = 0; n <= 12; ++n) {
      if (n > 0) factorial *= n;
      const double step = (n % 2 == 0 ? 1 : -1) * factorial * std::pow(x, -n - 1);
      const double low = polygamma(n, x), high = polygamma(n, x + 1);
      EXPECT_NEAR(high, low + step, 4e-14 * (std::abs(low) + std::abs(step))) << n << " at " << x;
    }
  }
  EXPECT_GT(polygamma(1, -1e-20), 9e39);
  EXPECT_EQ(polygamma(1, -1e17), HUGE_VAL);
  EXPECT_EQ(polygamma(170, HUGE_VAL), 0);
}

// The last partial vector computes what whole vectors do, and neighbours do not matter.
template <class T>
void expect_position_independent() {
  for (const auto* loops : kAllUnary) {
    for (int n = 1; n <= 70; ++n) {
      std::vector<T> x;
      for (int i = 0; i < n; ++i)
        x.push_back(static_cast<T>(i % 7 == 3 ? 1e6 * i : 0.1 + 1.7 * i - (i % 2) * 2.3 * i));
      if (n > 5) x[5] = std::numeric_limits<T>::quiet_NaN();
      const std::vector<T> y = run(*loops, x);
      for (int i = 0; i < n; ++i) {
        const T alone = run(*loops, std::vector<T>{x[i]})[0];
        ASSERT_TRUE(std::bit_cast<Bits<T>>(alone) == std::bit_cast<Bits<T>>(y[i]) ||
                    (std::isnan(alone) && std::isnan(y[i])))
            << "length " << n << ", element " << i << ": " << y[i] << ", alone " << alone;
      }
    }
  }
}

TEST(KernelMath, SameBitsAtEveryPosition) {
  expect_position_independent<float>();
  expect_position_independent<double>();
}

}  // namespace
}  // namespace gradus::kernels

#endif  // HWY_ONCE
