// Linear regression by gradient descent against the normal equations' answer: both find the line that the
// noisy points were drawn from.
#include <gradus/gradus.h>

#include <cmath>
#include <cstdio>

namespace gd = gradus;

int main() {
  gd::manual_seed(7);
  const int n = 200;
  const gd::Tensor x = gd::uniform({n, 1}, -1.0, 1.0, {.dtype = gd::DType::f64});
  const gd::Tensor y = 3.0 * x + 0.5 + 0.1 * gd::normal({n, 1}, 0.0, 1.0, {.dtype = gd::DType::f64});

  gd::Tensor w = gd::zeros({1, 1}, gd::DType::f64).requires_grad(true);
  gd::Tensor b = gd::zeros({1}, gd::DType::f64).requires_grad(true);
  gd::optim::SGD opt({w, b}, {.lr = 0.3});
  for (int step = 0; step < 200; ++step) {
    const gd::Tensor loss = mse_loss(matmul(x, w) + b, y);
    opt.zero_grad();
    loss.backward();
    opt.step();
  }

  // The least-squares line: slope = cov(x, y) / var(x), intercept = mean(y) - slope mean(x).
  const double mx = mean(x).item();
  const double my = mean(y).item();
  const double slope = sum((x - mx) * (y - my)).item() / sum(square(x - mx)).item();
  std::printf("gradient descent: y = %.6f x + %.6f\n", w.item(), b.item());
  std::printf("least squares:    y = %.6f x + %.6f\n", slope, my - slope * mx);
  return std::abs(w.item() - slope) < 1e-6 && std::abs(b.item() - (my - slope * mx)) < 1e-6 ? 0 : 1;
}
