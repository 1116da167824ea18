// What the loss ops have in common: their attributes, checks of targets. Internal to
// ops/ and its tests. The ops of cross entropy see the class axis last; the user functions move it there.
#pragma once

#include <optional>

#include "gradus/graph/op_def.h"
#include "gradus/ops/loss.h"
#include "gradus/ops/pack.h"

namespace gradus {

// "none", "mean", "sum": as attributes, which are printed and exported.
const char* to_string(Reduction r);
Reduction to_reduction(const char* name);

struct LossAttrs {
  const char* reduction = "mean";
};

struct CrossEntropyAttrs {
  const char* reduction = "mean";
  double label_smoothing = 0;
  bool ignores = false;  // whether ignore_index counts
  std::int64_t ignore_index = 0;
};

// The gradient for input [..., C] of cross_entropy with labels [...], and with probabilities [..., C].
Tensor cross_entropy_backward(Operand g, Operand input, Operand target, const CrossEntropyAttrs& attrs);
Tensor soft_cross_entropy_backward(Operand g, Operand input, Operand target, const CrossEntropyAttrs& attrs);

// cross_entropy with probabilities [..., C].
Tensor soft_cross_entropy(Operand input, Operand target, const CrossEntropyAttrs& attrs);

// Checks of input (at position i) and target (behind it), labels or probabilities; sets nothing.
void require_labels(const InferContext& c, int i);
void require_probabilities(const InferContext& c, int i);
// The cotangent (input 0) of a loss whose rows have the shape of `input` without its last axis. Errors:
// ShapeError.
void require_cotangent(const InferContext& c, int input, const char* reduction);
// The loss's shape: that of the rows, or a scalar.
void set_out_loss(InferContext& c, int input, const char* reduction);

// Errors: ValueError naming the place and value of a label that is neither in 0..classes-1 nor *ignored.
void check_labels(const View& labels, std::int64_t classes, std::optional<std::int64_t> ignored,
                  const char* op, Location where);

// Scores [.., C] and labels [..] or probabilities [.., C], views of the user's [C], [N, C], [N, C, d..];
// labels of any integer dtype become i64. Errors: ShapeError where the two do not belong together.
struct ClassRows {
  Tensor input, target;
};
ClassRows classes_last(Operand input, Operand target, const char* op);

// cross_entropy with a factor for each class, put together from other ops: so its gradient for the weights is
// there too.
Tensor weighted_cross_entropy(const ClassRows& rows, const CrossEntropyOptions& options, Location where);
// nll_loss on [.., C].
Tensor nll_of_rows(const ClassRows& rows, const NllLossOptions& options, const char* op, Location where);
// Errors: ShapeError, DtypeError unless weight is [C] of input's dtype.
void check_weight(const Tensor& weight, const Tensor& input, const char* op, Location where);

}  // namespace gradus
