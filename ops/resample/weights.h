// Attributes of resample, and the table of weights behind them: place j of the resampled axis is the sum of
// weight[j][t] times place index[j][t] of the given one. Internal to ops/ and to tests.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gradus/graph/apply.h"
#include "gradus/graph/op_def.h"

namespace gradus {

// Place j of the resampled axis lies at (j + shift) * numerator / denominator + offset of the given one,
// where places have whole numbers. Modes: "floor", "ceil", "round_half_down", "round_half_up" take one place;
// "linear" two; "cubic" four, by Keys' kernel with the parameter `cubic`. Places outside count as the nearest
// inside, or with exclude_outside not at all. `size` is that of the result.
struct ResampleAttrs {
  std::int64_t dim, size;
  const char* mode = "linear";
  double shift = 0.5, numerator = 1, denominator = 1, offset = -0.5;
  double cubic = -0.75;
  bool exclude_outside = false;
};

// Errors: ValueError for attributes that make no table for an axis of n given places and m resampled ones.
void require_resample(const InferContext& c, const ResampleAttrs& a);
int resample_taps(const ResampleAttrs& a);
std::size_t resample_room(const ResampleAttrs& a, std::int64_t resampled);

struct ResampleTable {
  int taps;
  const std::int64_t* index;  // [m][taps]
  const double* weight;
};
// In memory of resample_room() bytes.
ResampleTable make_resample_table(const ResampleAttrs& a, std::int64_t given, std::int64_t resampled,
                                  void* memory);

// The two ops, each the derivative of the other.
Tensor resample(Operand x, const ResampleAttrs& attrs);
Tensor resample_backward(Operand g, const ResampleAttrs& attrs);

}  // namespace gradus
