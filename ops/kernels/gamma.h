// The gamma function's logarithm and its derivatives, for one number. Thread-safe: std::lgamma is not, it
// writes a global sign.
#pragma once

namespace gradus::kernels {

// log |gamma(x)|; inf at 0, -1, -2, ...
double lgamma(double x);
float lgamma(float x);

// The derivative of lgamma. -inf at 0, inf at -0, NaN at -1, -2, ... and -inf.
double digamma(double x);

// The n-th derivative of digamma, 0 <= n <= 170 (where n! is a double). For n >= 1 at 0, -1, -2, ...: inf for
// odd n, -inf for even n; NaN at -inf.
double polygamma(int n, double x);

}  // namespace gradus::kernels
