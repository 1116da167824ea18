// Samples of unequal length as one tensor.
#pragma once

#include <span>

#include "gradus/graph/tensor.h"

namespace gradus::data {

struct Padded {
  Tensor values;   // [n, longest, ...], filled up behind each sequence
  Tensor lengths;  // [n] i64
};

// Sequences [length_i, ...] of one dtype that agree behind the first axis. Detached copies. Errors:
// ValueError for no sequence, ShapeError, DtypeError.
Padded pad_sequences(std::span<const Tensor> sequences, double value = 0,
                     Location where = Location::current());

}  // namespace gradus::data
