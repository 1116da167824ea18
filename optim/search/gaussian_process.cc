#include "gradus/optim/search/gaussian_process.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "gradus/base/error.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"
#include "gradus/optim/lbfgs.h"

namespace gradus::optim::search {
namespace {

// Lifts the smallest eigenvalues over the rounding of the others while a kernel is fitted.
constexpr double kJitter = 1e-8;

// [n, m] of variance 1.
Tensor correlations(const Tensor& a, const Tensor& b, const Tensor& lengths) {
  const Tensor difference = unsqueeze(a / lengths, 1) - unsqueeze(b / lengths, 0);
  // The square root has no slope at 0. The number is far below what f64 tells from it in the result.
  const Tensor r = sqrt(5.0 * sum(square(difference), {2}) + 1e-24);
  return (1.0 + r + square(r) / 3.0) * exp(-r);
}

void check(const Tensor& x, const Tensor& y, std::size_t lengths) {
  if (x.dtype() != DType::f64 || y.dtype() != DType::f64)
    throw DtypeError("GaussianProcess: x and y must be f64");
  if (x.rank() != 2 || y.rank() != 1 || x.size(0) != y.size(0) || y.numel() == 0 ||
      static_cast<std::size_t>(x.size(1)) != lengths) {
    throw ShapeError(
        fmt::format("GaussianProcess: x must be [n, d], y [n] and the lengths d, with n > 0, but x has {} "
                    "axes, y {} values and there are {} lengths",
                    x.rank(), y.numel(), lengths));
  }
}

// Minus the logarithm of a normal density, up to a constant.
Tensor far_from(const Tensor& value, double mean, double deviation) {
  return sum(square((value - mean) / deviation)) / 2.0;
}

}  // namespace

GaussianProcess::GaussianProcess(Tensor x, const Tensor& y, Kernel kernel)
    : x_(std::move(x)), kernel_(std::move(kernel)) {
  check(x_, y, kernel_.lengths.size());
  const NoGrad no_grad;
  const Tensor k = kernel_.variance * correlations(x_, x_, tensor(kernel_.lengths));
  factor_ = linalg::cholesky(k + kernel_.noise * eye(y.numel(), {.dtype = DType::f64}));
  weights_ = linalg::cholesky_solve(unsqueeze(y, 1), factor_);
}

GaussianProcess::Posterior GaussianProcess::at(const Tensor& points) const {
  const NoGrad no_grad;
  const Tensor k = kernel_.variance * correlations(x_, points, tensor(kernel_.lengths));  // [n, m]
  const Tensor half = linalg::solve_triangular(factor_, k, /*upper=*/false);
  return {sum(k * weights_, {0}), maximum(kernel_.variance - sum(square(half), {0}), 0.0)};
}

Tensor log_marginal_likelihood(const Tensor& x, const Tensor& y, const Tensor& log_lengths,
                               const Tensor& log_variance, const Tensor& log_noise) {
  check(x, y, static_cast<std::size_t>(log_lengths.numel()));
  const std::int64_t n = y.numel();
  const Tensor k = exp(log_variance) * correlations(x, x, exp(log_lengths)) +
                   (exp(log_noise) + kJitter * exp(log_variance)) * eye(n, {.dtype = DType::f64});
  const Tensor factor = linalg::cholesky((k + transpose(k, 0, 1)) / 2.0);
  const Tensor half = linalg::solve_triangular(factor, unsqueeze(y, 1), /*upper=*/false);
  const double constant = static_cast<double>(n) / 2 * std::log(2 * std::numbers::pi);
  return -(sum(square(half)) / 2.0) - sum(log(diagonal(factor))) - constant;
}

Kernel fit_kernel(const Tensor& x, const Tensor& y) {
  const auto dims = x.size(1);
  const double length = std::log(0.5), noise = std::log(1e-3);
  const Tensor log_lengths = full({dims}, length, {.dtype = DType::f64}).requires_grad(true);
  const Tensor log_variance = zeros({}, DType::f64).requires_grad(true);
  const Tensor log_noise = full({}, noise, {.dtype = DType::f64}).requires_grad(true);
  LBFGS optimizer({log_lengths, log_variance, log_noise},
                  {.max_iter = 40, .line_search_fn = LineSearch::strong_wolfe});
  try {
    optimizer.step([&] {
      optimizer.zero_grad();
      Tensor loss = far_from(log_lengths, length, 1) + far_from(log_variance, 0, 1) +
                    far_from(log_noise, noise, 3) -
                    log_marginal_likelihood(x, y, log_lengths, log_variance, log_noise);
      loss.backward();
      return loss;
    });
  } catch (const ValueError&) {
    // A step so long that the matrix is no longer positive definite: the last good kernel stays.
  }
  const NoGrad no_grad;
  const double variance = std::exp(log_variance.item<double>());
  return {.lengths = exp(log_lengths).to_vector<double>(),
          .variance = variance,
          .noise = std::exp(log_noise.item<double>()) + kJitter * variance};
}

double expected_improvement(double mean, double deviation, double best) {
  const double gain = best - mean;
  if (!(deviation > 0)) return std::max(gain, 0.0);
  const double z = gain / deviation;
  const double density = std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
  return std::max(0.0, gain * std::erfc(-z / std::numbers::sqrt2) / 2 + deviation * density);
}

}  // namespace gradus::optim::search
