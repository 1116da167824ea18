// pairwise_distance: (sum |x1 - x2 + eps|^p)^(1/p) along the last axis. eps moves equal vectors away from the
// norm's kink. Put together from ops that bring its derivative, which is 0 where the distance is 0 all the
// same.
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/loss/compose.h"
#include "gradus/ops/reduction.h"

namespace gradus {

Tensor pairwise_distance(Operand x1, Operand x2, double p, double eps, bool keepdim) {
  constexpr const char* kOp = "pairwise_distance";
  const At at{x1.where};
  const Tensor a = held(x1), b = held(x2);
  require_same({"x1", a}, {"x2", b}, kOp, at.where);
  require_axis(a, -1, "x1", kOp, at.where);
  if (!(p > 0)) throw_error<ValueError>(at.where, kOp, "p is {}; it must be above 0", p);
  const Tensor d = add(at(sub(at(a), at(b))), eps);
  if (p == 2) return euclidean_norm(d, -1, keepdim, at);
  const Tensor size = abs(at(d));
  if (p == 1) return sum(at(size), -1, keepdim);
  if (std::isinf(p)) return amax(at(size), -1, keepdim);
  const Tensor total = sum(at(pow(at(size), p)), -1, keepdim);
  const Tensor zero = eq(at(total), 0);
  return where(at(zero), 0, at(pow(at(where(at(zero), 1, at(total))), 1 / p)));
}

}  // namespace gradus
