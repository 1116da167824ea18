// normalize: x / max(norm(x, p) along dim, eps). Put together from ops; where the norm is below eps the
// gradient does not flow through it.
#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/norm/params.h"
#include "gradus/ops/reduction.h"

namespace gradus {

Tensor normalize(Operand input, double p, std::int64_t dim, double eps) {
  constexpr const char* kOp = "normalize";
  const At at{input.where};
  const Tensor x = held(input);
  if (!is_floating(x.dtype())) {
    throw_error<DtypeError>(at.where, kOp,
                            "takes floating-point numbers: input {}; convert it with astype(x, DType::f32)",
                            describe(x));
  }
  require_axis(x, dim, "input", kOp, at.where);
  if (!(eps >= 0))
    throw_error<ValueError>(at.where, kOp, "eps is {}; it is the least divisor and not negative", eps);
  if (x.numel() == 0) return Tensor::share(input.impl);
  return div(at(x), at(clamp(at(norm(at(x), p, dim, true)), eps)));
}

}  // namespace gradus
