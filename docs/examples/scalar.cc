// Gradient descent on one variable: y = x^2 - x - 2 has its minimum where 2x - 1 = 0, at (1/2, -9/4).
#include <gradus/gradus.h>

#include <cmath>
#include <cstdio>

namespace gd = gradus;

int main() {
  for (const double start : {-10.0, 0.0, 3.0, 1000.0}) {
    gd::Tensor x = gd::full({}, start, gd::DType::f64);
    x.requires_grad(true);
    gd::optim::SGD opt({x}, {.lr = 0.1});
    gd::Tensor y;
    for (int step = 0; step < 200; ++step) {
      y = x * x - x - 2.0;
      opt.zero_grad();
      y.backward();
      opt.step();
    }
    std::printf("from %7.1f to (%.6f, %.6f)\n", start, x.item(), y.item());
    if (std::abs(x.item() - 0.5) > 1e-9 || std::abs(y.item() + 2.25) > 1e-9) return 1;
  }
  return 0;
}
