// gaussian_nll_loss: (log v + (input - target)^2 / v) / 2 with v = max(var, eps); `full` adds log(2 pi) / 2.
// D. Nix, A. Weigend, "Estimating the mean and variance of the target probability distribution" (1994). Below
// eps the gradient for var is that at eps, as in PyTorch, so that a variance that fell to 0 can grow again.
#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/math.h"
#include "gradus/ops/loss/compose.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

constexpr const char* kOp = "gaussian_nll_loss";

// var in input's shape, or without or with size 1 in its last axis.
Tensor checked_variance(const Tensor& var, const Tensor& x, At at) {
  if (var.dtype() != x.dtype()) {
    throw_error<DtypeError>(at.where, kOp, "dtypes differ: input {}, var {}; convert one with astype()",
                            describe(x), describe(var));
  }
  Shape rows = x.shape();
  if (rows.rank() > 0) rows.pop_back();
  Shape column = rows;
  if (x.rank() > 0) column.push_back(1);
  if (var.shape() == x.shape() || var.shape() == column) return var;
  if (x.rank() > 0 && var.shape() == rows) return unsqueeze(at(var), -1);
  throw_error<ShapeError>(at.where, kOp,
                          "var has neither input's shape nor this without the last axis: input {}, var {}",
                          describe(x), describe(var));
}

}  // namespace

Tensor gaussian_nll_loss(Operand input, Operand target, Operand var, const GaussianNllLossOptions& options) {
  constexpr double kLogTwoPi = 1.8378770664093453;
  const At at{input.where};
  const Tensor x = held(input), t = held(target), given = held(var);
  require_same({"input", x}, {"target", t}, kOp, at.where);
  if (!(options.eps > 0)) {
    throw_error<ValueError>(at.where, kOp, "eps is {}; it must be above 0", options.eps);
  }
  const Tensor variance = checked_variance(given, x, at);
  Tensor raise;
  {
    const NoGrad guard;
    require_all(ge(given, 0), {"var", given}, "is negative", kOp, at.where);
    raise = sub(clamp(variance, options.eps), variance);
  }
  const Tensor v = add(at(variance), at(raise));
  const Tensor fit = div(at(square(at(sub(at(x), at(t))))), at(v));
  Tensor losses = mul(at(add(at(log(at(v))), at(fit))), 0.5);
  if (options.full) losses = add(at(losses), 0.5 * kLogTwoPi);
  return reduced(losses, options.reduction, at);
}

}  // namespace gradus
