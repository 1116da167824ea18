// Regression by a Gaussian process: from the values of an unknown function at some points, what it may be
// elsewhere, with the uncertainty of that. Zero mean and the Matern kernel with nu = 5/2, so twice
// differentiable functions: with r the distance, each axis divided by its length,
//   k = variance (1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r).
// All tensors are f64. Source: C. Rasmussen, C. Williams: "Gaussian processes for machine learning", 2006,
// algorithm 2.1 and equation 4.17.
#pragma once

#include <vector>

#include "gradus/graph/tensor.h"

namespace gradus::optim::search {

struct Kernel {
  std::vector<double> lengths;  // one for each column of x
  double variance = 1;
  double noise = 0;  // variance of what is added to each value
};

class GaussianProcess {
 public:
  // x [n, d], y [n]. Errors: ShapeError, DtypeError; ValueError where the matrix of covariances is not
  // positive definite: two points are the same and there is no noise.
  GaussianProcess(Tensor x, const Tensor& y, Kernel kernel);

  struct Posterior {
    Tensor mean, variance;  // [m]; of the function without noise
  };
  // At points [m, d].
  Posterior at(const Tensor& points) const;

 private:
  Tensor x_;
  Kernel kernel_;
  Tensor factor_, weights_;  // L of K = L L^T, and K^-1 y
};

// The logarithm of the density of y under the process, differentiable in the logarithms of the lengths [d],
// the variance [] and the noise [].
Tensor log_marginal_likelihood(const Tensor& x, const Tensor& y, const Tensor& log_lengths,
                               const Tensor& log_variance, const Tensor& log_noise);

// The kernel under which y, of mean 0 and variance 1, is most likely, for x in the unit cube. A broad normal
// distribution around common values of the logarithms counts too, so that few points do not lead astray.
Kernel fit_kernel(const Tensor& x, const Tensor& y);

// How much a normal variable is expected to fall below `best`, counting 0 where it does not:
// (best - mean) Phi(z) + deviation phi(z), z = (best - mean) / deviation. Source: D. Jones, M. Schonlau,
// W. Welch: "Efficient global optimization of expensive black-box functions", 1998, equation 15.
double expected_improvement(double mean, double deviation, double best);

}  // namespace gradus::optim::search
