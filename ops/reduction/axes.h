// What reductions have in common: their attributes, the shape of their result and the way back from it.
// Internal to ops/ and its tests.
#pragma once

#include "gradus/graph/op_def.h"

namespace gradus {

struct ReduceAttrs {
  Dims dims;  // empty: all axes
  bool keepdim = false;
};

struct VarAttrs {
  Dims dims;
  double correction = 1;
  bool keepdim = false;
};

struct NormAttrs {
  double p = 2;
  Dims dims;
  bool keepdim = false;
};

// Bit i is set where axis i of `rank` is reduced. `dims` has been checked by set_out_reduced.
inline unsigned axes_of(const Dims& dims, int rank) {
  if (dims.empty()) return (1u << rank) - 1;
  unsigned axes = 0;
  for (const std::int64_t d : dims) axes |= 1u << (d < 0 ? d + rank : d);
  return axes;
}

// Sets output `i` to the shape of input 0 without the reduced axes; returns the mask of these. Errors:
// ShapeError for an axis out of range or named twice.
unsigned set_out_reduced(InferContext& c, int i, const Dims& dims, bool keepdim, DType dtype);

// For reductions that need an element. Errors: ShapeError where a reduced axis has size 0.
void require_elements(const InferContext& c, unsigned axes);

// The number of elements that make one output.
std::int64_t reduced_count(const Shape& input, const Dims& dims);

// A reduction's result (or its cotangent) with the reduced axes as axes of size 1, so that it broadcasts
// against the input.
Tensor keep_axes(const Tensor& t, const Shape& input, const Dims& dims, bool keepdim);

// The same, expanded to the input's shape.
Tensor expand_axes(const Tensor& t, const Shape& input, const Dims& dims, bool keepdim);

}  // namespace gradus
