#include "gradus/ops/kernels/gamma.h"

#include <math.h>  // NOLINT(modernize-deprecated-headers): lgamma_r is POSIX

#include <cmath>
#include <limits>
#include <numbers>

namespace gradus::kernels {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// The sum of (q + k)^-s over k = 0, 1, ... for q > 0: the first terms one by one, the rest by the formula of
// Euler and Maclaurin, which converges fast once q + k is larger than s.
double hurwitz_zeta(int s, double q) {
  double sum = 0;
  double a = q;
  for (const double enough = 10.0 + s; a < enough; ++a) sum += std::pow(a, -s);
  if (std::isinf(a)) return sum;
  const double power = std::pow(a, -s);
  sum += power * a / (s - 1) + power / 2;
  // Bernoulli numbers B_2j over (2 j)!.
  constexpr double kBernoulli[] = {
      1.0 / 12,
      -1.0 / 720,
      1.0 / 30240,
      -1.0 / 1209600,
      1.0 / 47900160,
      -691.0 / 1307674368000,
      1.0 / 74724249600,
      -3617.0 / 10670622842880000,
      43867.0 / 5109094217170944000,
  };
  double term = power * s / a;
  double order = s;
  for (const double b : kBernoulli) {
    sum += b * term;
    term *= (order + 1) * (order + 2) / (a * a);
    order += 2;
  }
  return sum;
}

}  // namespace

double lgamma(double x) {
  int sign;
  return ::lgamma_r(x, &sign);
}

float lgamma(float x) {
  int sign;
  return ::lgammaf_r(x, &sign);
}

double digamma(double x) {
  if (x == 0) return std::copysign(kInf, -x);
  double sum = 0;
  if (x < 0) {
    // psi(x) = psi(1 - x) - pi / tan(pi x); only the fraction goes into the tangent, which is exact.
    const double fraction = x - std::trunc(x);
    if (fraction == 0 || std::isinf(x)) return kNaN;
    sum = -std::numbers::pi / std::tan(std::numbers::pi * fraction);
    x = 1 - x;
  }
  for (; x < 10; ++x) sum -= 1 / x;
  // log(x) - 1 / (2 x) - B_2j / (2 j x^2j): M. Abramowitz, I. A. Stegun, 6.3.18.
  const double z = 1 / (x * x);
  double series = 1.0 / 12;
  series = series * z - 691.0 / 32760;
  series = series * z + 1.0 / 132;
  series = series * z - 1.0 / 240;
  series = series * z + 1.0 / 252;
  series = series * z - 1.0 / 120;
  series = series * z + 1.0 / 12;
  return sum + (std::log(x) - 0.5 / x - series * z);
}

double polygamma(int n, double x) {
  if (n == 0) return digamma(x);
  if (std::isnan(x)) return x;
  if (x == -kInf) return kNaN;
  const int s = n + 1;
  double zeta;
  if (x > 0) {
    zeta = hurwitz_zeta(s, x);
  } else {
    const double whole = std::floor(-x);
    const double fraction = -x - whole;
    if (fraction == 0) {
      zeta = kInf;
    } else {
      // The terms left of 0 are finitely many, the difference of two such sums, seen from the other side.
      const double left = hurwitz_zeta(s, fraction) - hurwitz_zeta(s, 1 - x);
      zeta = hurwitz_zeta(s, 1 - fraction) + (s % 2 == 0 ? left : -left);
    }
  }
  return (n % 2 == 0 ? -1 : 1) * std::tgamma(s) * zeta;
}

}  // namespace gradus::kernels
