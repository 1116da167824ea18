// Attributes of the view ops, and what their files share. Internal to ops/ and to tests.
#pragma once

#include <cstdint>

#include "gradus/graph/op_def.h"

namespace gradus {

struct ReshapeAttrs {
  Shape shape;  // one -1 stands for the rest
};
struct PermuteAttrs {
  Dims dims;
};
struct TransposeAttrs {
  std::int64_t dim0, dim1;
};
struct SqueezeAttrs {
  Dims dims;
};
struct UnsqueezeAttrs {
  std::int64_t dim;
};
struct ExpandAttrs {
  Shape shape;  // -1 keeps a size
};
struct SliceAttrs {
  std::int64_t dim, start, end, step;
};
// `size` is that of the sliced axis before the slice.
struct SliceBackwardAttrs {
  std::int64_t dim, start, step, size;
};
struct SelectAttrs {
  std::int64_t dim, index;
};
struct SelectBackwardAttrs {
  std::int64_t dim, index, size;
};

// Strides of input 0, whether it is contiguous or not.
inline void strides_of(const TensorImpl& t, std::int64_t* strides) {
  if (t.strides != nullptr) {
    for (int i = 0; i < t.rank; ++i) strides[i] = t.strides[i];
    return;
  }
  std::int64_t step = 1;
  for (int i = t.rank - 1; i >= 0; --i) {
    strides[i] = step;
    step *= t.dims()[i];
  }
}

// The gradients of slice and select: g put into zeros.
Tensor slice_backward(const Tensor& g, const SliceBackwardAttrs& attrs);
Tensor select_backward(const Tensor& g, const SelectBackwardAttrs& attrs);

}  // namespace gradus
