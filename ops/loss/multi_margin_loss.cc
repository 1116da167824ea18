// multi_margin_loss: sum over the classes j other than the label y of w_y max(0, margin - x_y + x_j)^p,
// divided by the number of classes. K. Crammer, Y. Singer, "On the Algorithmic Implementation of Multiclass
// Kernel-based Vector Machines" (2001). Put together from ops that bring its derivative.
#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/math.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/loss/compose.h"
#include "gradus/ops/loss/loss.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus {

Tensor multi_margin_loss(Operand input, Operand target, const MultiMarginLossOptions& options) {
  constexpr const char* kOp = "multi_margin_loss";
  const At at{input.where};
  held(target);
  const Tensor x = held(input);
  if (x.rank() < 1 || x.rank() > 2) {
    throw_error<ShapeError>(at.where, kOp, "takes scores [C] or [N, C]: input {}", describe(x));
  }
  const Tensor t = classes_last(at(x), target, kOp).target;
  const std::int64_t classes = x.size(-1);
  const NamedTensor label{"target", t};
  if (!is_floating(x.dtype()) || t.dtype() != DType::i64) {
    throw_error<DtypeError>(at.where, kOp,
                            "takes floating-point scores and integer labels: input {}, target {}",
                            describe(x), describe(t));
  }
  Shape rows = x.shape();
  rows.pop_back();
  if (t.shape() != rows) {
    throw_error<ShapeError>(at.where, kOp, "there is one label for each row of classes: input {}, target {}",
                            describe(x), describe(t));
  }
  if (options.p != 1 && options.p != 2) {
    throw_error<ValueError>(at.where, kOp, "p is {}; it must be 1 or 2", options.p);
  }
  if (options.weight.defined()) check_weight(options.weight, x, kOp, at.where);
  require_all(ge(t, 0), label, "is out of range: labels start at 0", kOp, at.where);
  require_all(lt(t, classes), label, "is out of range: it is not below the number of classes", kOp, at.where);

  const Tensor own = gather(at(x), -1, at(unsqueeze(at(t), -1)));
  Tensor excess = relu(at(add(at(sub(at(x), at(own))), options.margin)));
  if (options.p == 2) excess = square(at(excess));
  const Tensor others = eq(at(one_hot(at(t), classes)), 0);
  Tensor losses = sum(at(where(at(others), at(excess), 0)), -1);
  if (options.weight.defined()) {
    const Tensor factors = index_select(at(options.weight), 0, at(reshape(at(t), {-1})));
    losses = mul(at(losses), at(reshape(at(factors), rows)));
  }
  return reduced(div(at(losses), static_cast<double>(classes)), options.reduction, at);
}

}  // namespace gradus
