// A problem with known gradients for the optimizers' tests, and what the tests compare: weights after each
// step of the library and of plain loops written here, in f64.
#pragma once

#include <cmath>
#include <vector>

#include "gradus/graph/tensor.h"

namespace gradus::optim_test {

inline Tensor leaf(const std::vector<double>& values) {
  Tensor t = empty({static_cast<std::int64_t>(values.size())}, DType::f64);
  std::copy(values.begin(), values.end(), t.mutable_span<double>().begin());
  t.requires_grad(true);
  return t;
}

inline void set_gradient(Tensor& t, const std::vector<double>& values) {
  Tensor g = empty(t.shape(), t.dtype());
  if (t.dtype() == DType::f64)
    std::copy(values.begin(), values.end(), g.mutable_span<double>().begin());
  else
    std::copy(values.begin(), values.end(), g.mutable_span<float>().begin());
  t.set_grad(g);
}

inline std::vector<double> start(std::size_t n) {
  std::vector<double> w(n);
  for (std::size_t i = 0; i < n; ++i) w[i] = std::sin(1.7 * static_cast<double>(i) + 0.3);
  return w;
}

// Of sum a_i (w_i - c_i)^2 / 2 + a term that changes from step to step.
inline std::vector<double> gradient(const std::vector<double>& w, int step) {
  std::vector<double> g(w.size());
  for (std::size_t i = 0; i < w.size(); ++i) {
    const double x = static_cast<double>(i);
    g[i] = (0.5 + 0.1 * x) * (w[i] - std::cos(x)) + 0.3 * std::sin(2.1 * step + x);
  }
  return g;
}

}  // namespace gradus::optim_test
