// Attributes of the view ops, and what their files share. Internal to ops/ and to tests.
#pragma once

#include <algorithm>
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

struct FlipAttrs {
  Dims dims;
};
struct RollAttrs {
  Dims shifts, dims;
};
struct DiagonalAttrs {
  std::int64_t offset, dim1, dim2;
};
// The sizes of the axes dim1 and dim2, whose diagonal is put back. The axes are not negative.
struct DiagonalBackwardAttrs {
  std::int64_t offset, dim1, dim2, rows, cols;
};
struct UnfoldAttrs {
  std::int64_t dim, size, step;
};
// `length` is the size of the axis that was unfolded.
struct UnfoldBackwardAttrs {
  std::int64_t dim, size, step, length;
};

// Strides of input 0, whether it is contiguous or not.
inline void strides_of(const View& v, std::int64_t* strides) {
  if (v.strides != nullptr) {
    for (int i = 0; i < v.rank; ++i) strides[i] = v.strides[i];
    return;
  }
  std::int64_t step = 1;
  for (int i = v.rank - 1; i >= 0; --i) {
    strides[i] = step;
    step *= v.dims[i];
  }
}
inline void strides_of(const TensorImpl& t, std::int64_t* strides) { strides_of(t.view(), strides); }

// Elements on a diagonal of a matrix, `offset` places above the main one.
inline std::int64_t diagonal_length(std::int64_t rows, std::int64_t cols, std::int64_t offset) {
  const std::int64_t n = offset >= 0 ? std::min(rows, cols - offset) : std::min(rows + offset, cols);
  return std::max<std::int64_t>(n, 0);
}
// `out`, contiguous, becomes zeros with g's last axis on the diagonal of its axes dim1 and dim2.
void put_diagonal(const View& g, const View& out, int dim1, int dim2, std::int64_t offset);

// The gradients of slice, select, diagonal and unfold: g put into zeros, or added up there.
Tensor slice_backward(const Tensor& g, const SliceBackwardAttrs& attrs);
Tensor select_backward(const Tensor& g, const SelectBackwardAttrs& attrs);
Tensor diagonal_backward(const Tensor& g, const DiagonalBackwardAttrs& attrs);
Tensor unfold_backward(const Tensor& g, const UnfoldBackwardAttrs& attrs);

}  // namespace gradus
