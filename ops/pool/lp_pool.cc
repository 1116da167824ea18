// lp_pool: (sum |x|^p)^(1/p) over each window, from abs, pow and avg_pool with the divisor 1. PyTorch leaves
// the absolute value out, so that an odd p gives NaN where its sum is negative. Where a sum is 0, the result
// and its gradient are 0.
#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/pool.h"
#include "gradus/ops/pool/windows.h"

namespace gradus {
namespace {

Tensor pooled(const Operand& input, double p, const Dims& kernel_size, const LpPoolOptions& o, int spatial,
              const char* name) {
  require_spatial(input, spatial, name);
  const At at{input.where};
  const Tensor x = held(input);
  if (!(p > 0) || p > 1e300) {
    throw_error<ValueError>(input.where, name, "takes a finite p above 0, not {}: input {}", p, describe(x));
  }
  if (!is_floating(x.dtype())) {
    throw_error<DtypeError>(input.where, name,
                            "takes floating-point numbers: input {}; convert it with astype(x, DType::f32)",
                            describe(x));
  }
  const AvgPoolOptions sums{.stride = o.stride,
                            .padding = o.padding,
                            .padding_end = o.padding_end,
                            .ceil_mode = o.ceil_mode,
                            .divisor_override = 1};
  const Tensor powers = p == 1 ? abs(at(x)) : p == 2 ? square(at(x)) : pow(at(abs(at(x))), p);
  Tensor sum = spatial == 1   ? avg_pool1d(at(powers), kernel_size, sums)
               : spatial == 2 ? avg_pool2d(at(powers), kernel_size, sums)
                              : avg_pool3d(at(powers), kernel_size, sums);
  if (p == 1) return sum;
  // A NaN goes through the root, not the constant.
  return where(at(eq(at(sum), 0.0)), 0.0, at(pow(at(sum), 1 / p)));
}

}  // namespace

Tensor lp_pool1d(Operand input, double p, const Dims& kernel_size, const LpPoolOptions& options) {
  return pooled(input, p, kernel_size, options, 1, "lp_pool1d");
}
Tensor lp_pool2d(Operand input, double p, const Dims& kernel_size, const LpPoolOptions& options) {
  return pooled(input, p, kernel_size, options, 2, "lp_pool2d");
}
Tensor lp_pool3d(Operand input, double p, const Dims& kernel_size, const LpPoolOptions& options) {
  return pooled(input, p, kernel_size, options, 3, "lp_pool3d");
}

}  // namespace gradus
