// A whole program of a user: includes the umbrella, differentiates, steps, and says whether the numbers are
// right.
#include <gradus/gradus.h>

#include <cmath>
#include <cstdio>

namespace gd = gradus;

int main() {
  // y = x^2 - x - 2 at x = 3: dy/dx = 2 x - 1 = 5.
  gd::Tensor x = gd::full({}, 3.0).requires_grad(true);
  gd::Tensor y = x * x - x - 2.0;
  y.backward();
  const double dx = x.grad().item();
  if (std::fabs(y.item() - 4.0) > 1e-6 || std::fabs(dx - 5.0) > 1e-6) {
    std::printf("y = %g, dy/dx = %g\n", y.item(), dx);
    return 1;
  }

  // An error of the library can be caught by its type across the library's boundary.
  try {
    matmul(gd::zeros({2, 3}), gd::zeros({4, 5}));
  } catch (const gd::ShapeError& e) {
    std::printf("caught: %s\n", e.what());
    return 0;
  }
  std::printf("no ShapeError\n");
  return 1;
}
