// Making tensor headers. Internal to graph/ and to the functions that create tensors.
#pragma once

#include "gradus/graph/op_def.h"
#include "gradus/graph/tensor.h"

namespace gradus {

// A new tensor, contiguous or with the meta's strides, contents undefined. Errors: ShapeError (through
// `where` and `op`) for a negative size or a product that overflows.
TensorImpl* new_tensor(const OutputMeta& meta, Location where, const char* op);

// A header over storage that exists; takes a share of it.
TensorImpl* new_view(DType dtype, const std::int64_t* dims, int rank, const std::int64_t* strides, void* data,
                     Storage* storage, std::int64_t numel);

// The same array again, without history, name, gradient or hooks.
inline TensorImpl* new_alias(const TensorImpl& t) {
  return new_view(t.dtype, t.dims(), t.rank, t.strides, t.data, t.storage, t.numel);
}

inline bool same_dims(const TensorImpl& a, const TensorImpl& b) {
  if (a.rank != b.rank) return false;
  const std::int64_t* x = a.dims();
  const std::int64_t* y = b.dims();
  for (int i = 0; i < a.rank; ++i) {
    if (x[i] != y[i]) return false;
  }
  return true;
}

// True where `strides` are those of a contiguous array of these sizes (axes of size 1 may have any).
bool is_contiguous_layout(const std::int64_t* dims, const std::int64_t* strides, int rank);

// True where the elements fill one run of memory without holes or overlaps, in whatever order of axes.
bool is_dense_layout(const std::int64_t* dims, const std::int64_t* strides, int rank);

}  // namespace gradus
