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

}  // namespace gradus
