// cross_entropy with a factor for each class. The mean over labels is the weighted one; over probabilities it
// divides by the number of rows, as PyTorch has it.
#include "gradus/base/format.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/conversion.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/loss/loss.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus {

namespace {

constexpr const char* kOp = "cross_entropy";

// -sum over classes of w_j log p_j: what a target spread evenly over the classes costs, times their number.
Tensor spread_losses(const Tensor& log_p, const Tensor& weight, Location where) {
  return neg(sum(mul(Operand(log_p, where), weight), -1));
}

Tensor with_labels(const Tensor& log_p, const Tensor& labels, const CrossEntropyOptions& o, Location where) {
  const double e = o.label_smoothing;
  Tensor picked = nll_of_rows({log_p, labels}, {o.reduction, o.weight, o.ignore_index}, kOp, where);
  if (e == 0) return picked;
  Tensor spread = spread_losses(log_p, o.weight, where);
  Tensor safe = labels, counts;
  if (o.ignore_index) {
    counts = ne(Operand(labels, where), *o.ignore_index);
    spread = gradus::where(Operand(counts, where), spread, 0.0);
  }
  if (o.reduction != Reduction::none) spread = sum(Operand(spread, where));
  if (o.reduction == Reduction::mean) {
    if (o.ignore_index) safe = gradus::where(Operand(counts, where), labels, 0);
    Tensor factors = index_select(Operand(o.weight, where), 0, reshape(Operand(safe, where), {-1}));
    if (o.ignore_index) factors = gradus::where(reshape(Operand(counts, where), {-1}), factors, 0.0);
    spread = div(Operand(spread, where), sum(Operand(factors, where)));
  }
  const double classes = static_cast<double>(log_p.size(-1));
  return add(mul(Operand(picked, where), 1 - e), mul(Operand(spread, where), e / classes));
}

Tensor with_probabilities(const Tensor& log_p, const Tensor& t, const CrossEntropyOptions& o,
                          Location where) {
  if (t.shape() != log_p.shape() || t.dtype() != log_p.dtype()) {
    // The op without weights says what is wrong.
    return soft_cross_entropy(Operand(log_p, where), Operand(t, where), {});
  }
  const double e = o.label_smoothing, classes = static_cast<double>(log_p.size(-1));
  Tensor q = t;
  if (e != 0) q = add(mul(Operand(t, where), 1 - e), e / classes);
  Tensor losses = spread_losses(log_p, mul(Operand(q, where), o.weight), where);
  if (o.reduction == Reduction::none) return losses;
  return o.reduction == Reduction::sum ? sum(Operand(losses, where)) : mean(Operand(losses, where));
}

}  // namespace

Tensor weighted_cross_entropy(const ClassRows& rows, const CrossEntropyOptions& o, Location where) {
  check_weight(o.weight, rows.input, kOp, where);
  if (!(o.label_smoothing >= 0 && o.label_smoothing <= 1)) {
    throw_error<ValueError>(where, kOp, "label_smoothing is {}; it must lie in 0..1", o.label_smoothing);
  }
  const Tensor log_p = log_softmax(Operand(rows.input, where), -1);
  return is_floating(rows.target.dtype()) ? with_probabilities(log_p, rows.target, o, where)
                                          : with_labels(log_p, rows.target, o, where);
}

}  // namespace gradus
