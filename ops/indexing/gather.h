// What indexing ops have in common, and the derivatives of gather and index_select. Internal to ops/ and its
// tests.
#pragma once

#include "gradus/graph/apply.h"
#include "gradus/graph/op_def.h"

namespace gradus {

struct IndexAttrs {
  std::int64_t dim;
};
// The size of the axis that is indexed, where no operand tells it.
struct IndexBackwardAttrs {
  std::int64_t dim;
  std::int64_t size;
};

// Zeros of source's shape, but for `size` along dim, with source added at the places of index: the derivative
// of gather (index has source's shape) and of index_select (index is a list).
Tensor gather_backward(Operand source, Operand index, std::int64_t dim, std::int64_t size);
Tensor index_select_backward(Operand source, Operand index, std::int64_t dim, std::int64_t size);

// Errors: DtypeError unless input i is i64.
void require_index(const InferContext& c, int i);
// The index i has the rank of input j and is nowhere larger but along axis. Errors: ShapeError.
void require_index_fits(const InferContext& c, int i, int j, int axis);
// The index i has the shape of input j. Errors: ShapeError.
void require_index_an_element(const InferContext& c, int i, int j);
// The index i is a list. Errors: ShapeError.
void require_index_list(const InferContext& c, int i);
// Errors: ValueError naming the place and the value of an index outside 0 .. size-1.
void check_range(const KernelContext& c, int i, std::int64_t size, const char* axis_of);

// "[2, 0]": a place in row-major order as one index an axis.
std::string format_place(const View& v, std::int64_t position);

// How far from the first element that place lies in memory.
std::int64_t offset_of(const View& v, std::int64_t position);

inline int positive_axis(std::int64_t dim, int rank) { return static_cast<int>(dim < 0 ? dim + rank : dim); }

}  // namespace gradus
