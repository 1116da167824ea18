// Losses. Names, argument order and values are PyTorch's; what silently goes wrong there is refused here: a
// target of another shape is not broadcast, an integer outside the classes is an error unless it is the
// ignore_index that was asked for.
#pragma once

#include <optional>

#include "gradus/graph/apply.h"

namespace gradus {

// What becomes of the losses of the single elements or rows.
enum class Reduction : std::uint8_t { none, mean, sum };

struct CrossEntropyOptions {
  // Moves this part of the target's mass evenly to all classes; 0..1.
  double label_smoothing = 0;
  Reduction reduction = Reduction::mean;
  // One factor a class [C], of input's dtype; undefined: all 1. With labels the mean is the weighted one.
  Tensor weight = {};
  // Rows with this label do not count. Only with labels.
  std::optional<std::int64_t> ignore_index = std::nullopt;
};

// -log softmax(input)[target] for scores `input` [C], [N, C] or [N, C, d...] and, as target, either labels
// (integers in 0 .. C-1) of the shape without C, or probabilities of input's shape and dtype. Reduction mean
// divides by the number of rows that count. One fused pass; floating. Errors: ShapeError; DtypeError;
// ValueError for a label out of range (with its place), a NaN probability, label_smoothing outside 0..1.
Tensor cross_entropy(Operand input, Operand target, const CrossEntropyOptions& options = {});

struct NllLossOptions {
  Reduction reduction = Reduction::mean;
  Tensor weight = {};
  std::optional<std::int64_t> ignore_index = std::nullopt;
};

// -input[target] for log-probabilities `input`; shapes, weight and errors as in cross_entropy with labels.
Tensor nll_loss(Operand input, Operand target, const NllLossOptions& options = {});

// (input - target)^2; floating, of one shape and dtype. Errors: ShapeError, DtypeError.
Tensor mse_loss(Operand input, Operand target, Reduction reduction = Reduction::mean);

// |input - target|. Shapes, dtypes and errors of this and what follows as in mse_loss.
Tensor l1_loss(Operand input, Operand target, Reduction reduction = Reduction::mean);

// d^2 / 2 for |d| <= delta, else delta (|d| - delta / 2), with d = input - target. Errors: ValueError unless
// delta > 0.
Tensor huber_loss(Operand input, Operand target, Reduction reduction = Reduction::mean, double delta = 1);

// huber_loss with delta = beta, divided by beta; l1_loss for beta = 0. Errors: ValueError for beta < 0.
Tensor smooth_l1_loss(Operand input, Operand target, Reduction reduction = Reduction::mean, double beta = 1);

struct BinaryCrossEntropyOptions {
  Tensor weight = {};  // a factor for each loss; broadcasts to input
  Reduction reduction = Reduction::mean;
};
// -(t log x + (1 - t) log(1 - x)) for probabilities x; a logarithm counts as -100 at least. Errors:
// ValueError for an x outside 0..1.
Tensor binary_cross_entropy(Operand input, Operand target, const BinaryCrossEntropyOptions& options = {});

struct BceWithLogitsOptions {
  Tensor weight = {};  // a factor for each loss; broadcasts to input
  Reduction reduction = Reduction::mean;
  Tensor pos_weight = {};  // a factor for the part of the positive target; broadcasts to input
};
// binary_cross_entropy of sigmoid(input), without overflow and cancellation.
Tensor binary_cross_entropy_with_logits(Operand input, Operand target,
                                        const BceWithLogitsOptions& options = {});

// t (log t - x) for log-probabilities `input`; e^t (t - x) with log_target. The reduction has no default, for
// PyTorch's own, the mean over elements, is not the divergence: that is the sum divided by the batch size.
Tensor kl_div(Operand input, Operand target, Reduction reduction, bool log_target = false);

struct PoissonNllLossOptions {
  bool log_input = true;  // input is the logarithm of the rate
  bool full = false;      // with Stirling's approximation of log(target!)
  double eps = 1e-8;      // added to a rate before its logarithm is taken
  Reduction reduction = Reduction::mean;
};
// e^x - t x, or x - t log(x + eps).
Tensor poisson_nll_loss(Operand input, Operand target, const PoissonNllLossOptions& options = {});

struct GaussianNllLossOptions {
  bool full = false;  // with log(2 pi) / 2
  double eps = 1e-6;  // variances count as this at least
  Reduction reduction = Reduction::mean;
};
// (log var + (input - target)^2 / var) / 2. var has input's shape, or lacks its last axis, or has it with
// size
// 1. Errors: ValueError for a negative variance.
Tensor gaussian_nll_loss(Operand input, Operand target, Operand var,
                         const GaussianNllLossOptions& options = {});

// The targets of the losses that follow are 1 or -1, in input's dtype or integers. Errors: ValueError for
// others.

// x where target is 1, max(0, margin - x) where it is -1.
Tensor hinge_embedding_loss(Operand input, Operand target, double margin = 1,
                            Reduction reduction = Reduction::mean);
// 1 - cos(input1, input2) where target is 1, max(0, cos - margin) where it is -1. Inputs [D] with a target
// [], or [N, D] with [N].
Tensor cosine_embedding_loss(Operand input1, Operand input2, Operand target, double margin = 0,
                             Reduction reduction = Reduction::mean);
// max(0, margin - target (input1 - input2)).
Tensor margin_ranking_loss(Operand input1, Operand input2, Operand target, double margin = 0,
                           Reduction reduction = Reduction::mean);
// log(1 + e^(-target x)).
Tensor soft_margin_loss(Operand input, Operand target, Reduction reduction = Reduction::mean);

struct MultiMarginLossOptions {
  std::int64_t p = 1;  // or 2
  double margin = 1;
  Tensor weight = {};  // one factor a class [C]
  Reduction reduction = Reduction::mean;
};
// sum over classes j other than the label y of weight_y max(0, margin - x_y + x_j)^p / C, for scores `input`
// [C] or [N, C] and labels [] or [N]. Errors: ValueError for a label out of range.
Tensor multi_margin_loss(Operand input, Operand target, const MultiMarginLossOptions& options = {});

struct TripletMarginLossOptions {
  double margin = 1;
  double p = 2;  // of the norm
  double eps = 1e-6;
  bool swap = false;  // the smaller one of the two distances to negative
  Reduction reduction = Reduction::mean;
};
// max(0, d(anchor, positive) - d(anchor, negative) + margin) with d = pairwise_distance; all three of one
// shape
// [.., D].
Tensor triplet_margin_loss(Operand anchor, Operand positive, Operand negative,
                           const TripletMarginLossOptions& options = {});

struct CtcLossOptions {
  std::int64_t blank = 0;
  Reduction reduction = Reduction::mean;  // each loss divided by its target's length, then the mean
  bool zero_infinity = false;             // targets that no alignment fits cost 0, not inf
};
// Connectionist temporal classification: -log of the probability of all alignments of log_probs [T, N, C] (or
// [T, C]) that collapse to the targets, i64 labels [N, S] or all one behind the other. The lengths are i64,
// one a sequence. Errors: ShapeError, DtypeError; ValueError for a length or label out of range or a label
// that is the blank.
Tensor ctc_loss(Operand log_probs, Operand targets, Operand input_lengths, Operand target_lengths,
                const CtcLossOptions& options = {});

// x1 x2 / (max(|x1|, eps) max(|x2|, eps)) along `dim`; the two broadcast. Errors: ShapeError, DtypeError.
Tensor cosine_similarity(Operand x1, Operand x2, std::int64_t dim = 1, double eps = 1e-8);
// (sum |x1 - x2 + eps|^p)^(1/p) along the last axis. Errors: ShapeError, DtypeError; ValueError unless p > 0.
Tensor pairwise_distance(Operand x1, Operand x2, double p = 2, double eps = 1e-6, bool keepdim = false);

}  // namespace gradus
