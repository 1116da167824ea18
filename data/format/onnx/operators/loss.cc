// Losses.
#include "gradus/ops/loss.h"

#include "gradus/data/format/onnx/call.h"
#include "gradus/data/format/onnx/operators.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/elementwise/conversion.h"

namespace gradus::onnx {
namespace {

NllLossOptions read_options(const Call& c) {
  NllLossOptions o;
  const std::string reduction = c.text("reduction", "mean");
  if (reduction == "none") {
    o.reduction = Reduction::none;
  } else if (reduction == "sum") {
    o.reduction = Reduction::sum;
  } else if (reduction != "mean") {
    c.fail("the reduction \"{}\" is none", reduction);
  }
  if (c.has(2)) o.weight = c.in(2);
  if (c.has_attribute("ignore_index")) o.ignore_index = c.whole("ignore_index");
  return o;
}

void run_nll(Call& c) { c.set(0, nll_loss(c.in(0), astype(c.in(1), DType::i64), read_options(c))); }

// The second output is what the loss is computed from.
void run_softmax_cross_entropy(Call& c) {
  const Tensor log_p = log_softmax(c.in(0), 1);
  c.set(0, nll_loss(log_p, astype(c.in(1), DType::i64), read_options(c)));
  c.set(1, log_p);
}

constexpr Operator kOperators[] = {
    {"NegativeLogLikelihoodLoss", run_nll, 2, 3},
    {"SoftmaxCrossEntropyLoss", run_softmax_cross_entropy, 2, 3},
};

}  // namespace

std::span<const Operator> loss_operators() { return kOperators; }

}  // namespace gradus::onnx
