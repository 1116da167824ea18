// nll_loss: -input[label] for log-probabilities, put together from gather and arithmetic, which bring its
// derivatives.
#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/conversion.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/loss/loss.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus {

Tensor nll_of_rows(const ClassRows& rows, const NllLossOptions& options, const char* op, Location where) {
  const Tensor& x = rows.input;
  const Tensor& labels = rows.target;
  if (!is_floating(x.dtype()) || labels.dtype() != DType::i64) {
    throw_error<DtypeError>(where, op, "takes floating-point scores and integer labels: input {}, target {}",
                            describe(x), describe(labels));
  }
  Shape wanted = x.shape();
  if (x.rank() > 0) wanted.pop_back();
  if (x.rank() == 0 || labels.shape() != wanted) {
    throw_error<ShapeError>(where, op, "there is one label for each row of classes: input {}, target {}",
                            describe(x), describe(labels));
  }
  check_labels(labels.view(), x.size(-1), options.ignore_index, op, where);
  if (options.weight.defined()) check_weight(options.weight, x, op, where);

  const bool ignores = options.ignore_index.has_value();
  Tensor counts, safe = labels;
  if (ignores) {
    counts = ne(Operand(labels, where), *options.ignore_index);
    safe = gradus::where(Operand(counts, where), labels, 0);
  }
  Tensor factors;
  if (options.weight.defined()) {
    factors =
        reshape(index_select(Operand(options.weight, where), 0, reshape(Operand(safe, where), {-1})), wanted);
  }
  Tensor losses = neg(squeeze(gather(Operand(x, where), -1, unsqueeze(Operand(safe, where), -1)), {-1}));
  if (factors.defined()) losses = mul(Operand(losses, where), factors);
  if (ignores) losses = gradus::where(Operand(counts, where), losses, 0.0);
  if (options.reduction == Reduction::none) return losses;
  Tensor total = sum(Operand(losses, where));
  if (options.reduction == Reduction::sum) return total;
  if (factors.defined()) {
    if (ignores) factors = gradus::where(Operand(counts, where), factors, 0.0);
    return div(Operand(total, where), sum(Operand(factors, where)));
  }
  const double count = ignores ? sum(counts).item() : static_cast<double>(labels.numel());
  return div(Operand(total, where), count);
}

Tensor nll_loss(Operand input, Operand target, const NllLossOptions& options) {
  if (input.impl == nullptr || target.impl == nullptr) {
    throw_error<ValueError>(input.where, "nll_loss",
                            "an operand is an empty handle; it was never given a tensor");
  }
  return nll_of_rows(classes_last(input, target, "nll_loss"), options, "nll_loss", input.where);
}

}  // namespace gradus
