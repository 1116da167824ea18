// Views: other shapes of the same elements. A view shares the storage of its operand, costs no copy, and is
// differentiable. Here too are contiguous() and clone(), which copy. Axes may be negative: they count from
// the end. All dtypes.
#pragma once

#include <cstdint>
#include <limits>

#include "gradus/graph/apply.h"
#include "gradus/graph/shape.h"

namespace gradus {

// The end of an axis, whatever its size.
inline constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();

// The elements in row-major order as `shape`; one size may be -1 and is worked out. A view where the strides
// allow it, otherwise a copy. Errors: ShapeError for another number of elements or two -1.
Tensor reshape(Operand x, const Shape& shape);
// The axes start_dim..end_dim as one; a scalar becomes [1]. Errors: ShapeError.
Tensor flatten(Operand x, std::int64_t start_dim = 0, std::int64_t end_dim = -1);
// Axis i of the result is axis dims[i] of x. Errors: ShapeError unless dims names each axis once.
Tensor permute(Operand x, const Dims& dims);
// Two axes swapped. Errors: ShapeError.
Tensor transpose(Operand x, std::int64_t dim0, std::int64_t dim1);
// One axis taken out and put in at another place. Errors: ShapeError.
Tensor movedim(Operand x, std::int64_t source, std::int64_t destination);
// Without all axes of size 1.
Tensor squeeze(Operand x);
// Without the given axes. Errors: ShapeError for an axis that has another size than 1.
Tensor squeeze(Operand x, const Dims& dims);
// With an axis of size 1 at `dim` of the result. Errors: ShapeError.
Tensor unsqueeze(Operand x, std::int64_t dim);
// Axes of size 1 repeated, and new axes in front, without a copy; -1 keeps a size. Errors: ShapeError.
Tensor expand(Operand x, const Shape& shape);
// Every step-th element of [start, end) along an axis, as Python's x[start:end:step]: negative bounds count
// from the end, bounds outside are cut off. Errors: ShapeError (axis), ValueError for a step below 1.
Tensor slice(Operand x, std::int64_t dim, std::int64_t start, std::int64_t end = kEnd, std::int64_t step = 1);
// The part of x at one index of an axis, without that axis. Errors: ShapeError (axis), ValueError (index).
Tensor select(Operand x, std::int64_t dim, std::int64_t index);

// x itself if its elements lie in row-major order without gaps, otherwise a copy that does.
Tensor contiguous(Operand x);
// A contiguous copy with storage of its own; the gradient flows through. See also Tensor::clone_detached().
Tensor clone(Operand x);

}  // namespace gradus
