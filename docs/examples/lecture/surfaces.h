// Functions of the plane on which descents are compared, element by element. Sources: H. Rosenbrock, 1960; E.
// Beale, 1958; D. Himmelblau: "Applied nonlinear programming", 1972.
#pragma once

#include "gradus/gradus.h"

namespace gradus::lecture {

// A curved valley with a flat floor; least at (1, 1).
inline Tensor rosenbrock(const Tensor& x, const Tensor& y) {
  return square(1.0 - x) + 100.0 * square(y - x * x);
}
// Plateaus; least at (3, 1/2).
inline Tensor beale(const Tensor& x, const Tensor& y) {
  return square(1.5 - x + x * y) + square(2.25 - x + x * y * y) + square(2.625 - x + x * y * y * y);
}
// Four minima of value 0.
inline Tensor himmelblau(const Tensor& x, const Tensor& y) {
  return square(x * x + y - 11.0) + square(x + y * y - 7.0);
}

}  // namespace gradus::lecture
