// Elementwise driver: walks arrays of any strides and hands runs of contiguous elements to an op's vector
// loops (made in the op's file by elementwise-inl.h). It knows neither ops nor tensors. Large arrays are
// shared out to threads; the numbers do not depend on that, nor on the strides.
#pragma once

#include <cstdint>

#include "gradus/graph/view.h"
#include "gradus/ops/kernels/dispatch.h"

namespace gradus::kernels {

inline constexpr int kMaxElementwiseInputs = 4;

// A loop over n elements. Bit i of `scalars` says that in[i] points to one element that stands for all n.
// The output may be one of the inputs.
using ElementwiseLoop = void (*)(const void* const* in, void* out, std::int64_t n, unsigned scalars,
                                 const void* params);

// The loops of one op for one instruction set.
struct ElementwiseTable {
  // By the dtype of input `key`; nullptr: not supported. For dtypes that are computed in a wider one its
  // loop, which the driver feeds with converted tiles.
  ElementwiseLoop loop[kDTypeCount];
  int key;
};

// The loops of one op: `kernels::ElementwiseLoops` objects are made by the macros of elementwise-inl.h.
using ElementwiseLoops = Dispatched<const ElementwiseTable*>;

inline bool supports(const ElementwiseLoops& loops, DType dtype) {
  return loops.get()->loop[static_cast<int>(dtype)] != nullptr;
}

// out[i] = f(in[0][i], ...). Inputs have out's shape or broadcast to it (sizes aligned to the right; size 1
// or a missing dimension repeats). An input may be `out` itself if it has the same strides. `params` goes to
// f as it is.
void elementwise(const ElementwiseLoops& loops, const View* in, int n_in, const View& out,
                 const void* params = nullptr);

}  // namespace gradus::kernels
