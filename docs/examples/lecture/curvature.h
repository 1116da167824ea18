// The curvature of a loss whose variables lie in one vector: Hessian-vector products by differentiating
// twice, and the largest eigenvalue of the Hessian from them, without ever writing the matrix.
#pragma once

#include <functional>

#include "gradus/gradus.h"

namespace gradus::lecture {

// The Hessian of `loss` at `at` [P], as something that multiplies vectors.
class Hessian {
 public:
  Hessian(const std::function<Tensor(const Tensor& at)>& loss, const Tensor& at);

  // H v, [P]: the derivative of the gradient's product with v. About the cost of a backward or two.
  Tensor times(const Tensor& v) const;
  std::int64_t size() const { return at_.numel(); }
  DType dtype() const { return at_.dtype(); }

 private:
  Tensor at_, gradient_;
};

// The largest eigenvalue, by at most `steps` steps of Lanczos from a random vector: the eigenvalues of a
// small tridiagonal matrix approach the extreme ones of H from within. C. Lanczos, 1950; each vector is made
// orthogonal to all before it, for rounding would lose that.
double largest_eigenvalue(const Hessian& hessian, std::int64_t steps);

}  // namespace gradus::lecture
