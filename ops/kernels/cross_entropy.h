// Cross entropy of rows: log-softmax, the pick of labels (or the product with probabilities) and the sum in
// one pass over a row that stays in the first-level cache; and its derivative.
#pragma once

#include <cstdint>

#include "gradus/graph/dtype.h"

namespace gradus::kernels {

// x: [rows, n], contiguous, f32 or f64; n >= 1. The target of row i is q = (1 - smoothing) t + smoothing / n,
// where t is 1 at labels[i] (in range, or `ignored`), or row i of probabilities, of x's dtype; one of the two
// is null.
struct CrossEntropyRows {
  DType dtype;
  const void* x;
  std::int64_t rows, n;
  const std::int64_t* labels = nullptr;
  const void* probabilities = nullptr;
  double smoothing = 0;
  // Rows with this label have loss and gradient 0.
  bool ignores = false;
  std::int64_t ignored = 0;
};

// losses[i] = -sum_j q_j log_softmax(x_i)_j
void cross_entropy(const CrossEntropyRows& r, void* losses);

// dx_ij = scale_i (softmax(x_i)_j sum(q) - q_j); scale_i = scales[i * step] * factor.
void cross_entropy_backward(const CrossEntropyRows& r, const void* scales, std::int64_t step, double factor,
                            void* dx);

}  // namespace gradus::kernels
