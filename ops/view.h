// Views: other shapes of the same elements. A view shares the storage of its operand, costs no copy, and is
// differentiable. Here too are the copies that keep or order the elements: contiguous(), flip() and so on.
// Axes may be negative: they count from the end. All dtypes.
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
Tensor swapaxes(Operand x, std::int64_t axis0, std::int64_t axis1);
// Axes taken out and put in at other places: axis source[i] of x is axis destination[i] of the result, the
// others keep their order. Errors: ShapeError.
Tensor movedim(Operand x, const Dims& source, const Dims& destination);
Tensor moveaxis(Operand x, const Dims& source, const Dims& destination);
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

// The diagonal of the matrices in the axes dim1 (rows) and dim2 (columns), as the last axis: elements
// [i, i + offset], [i - offset, i] for a negative one. Errors: ShapeError.
Tensor diagonal(Operand x, std::int64_t offset = 0, std::int64_t dim1 = 0, std::int64_t dim2 = 1);
// The windows of `size` elements that begin at 0, step, 2 step, ... of an axis: their number takes the axis's
// place, their elements are a new last axis. Errors: ShapeError (axis, a window longer than it), ValueError
// for a size or step below 1.
Tensor unfold(Operand x, std::int64_t dim, std::int64_t size, std::int64_t step);

// The copies below keep x's elements, in another order or beside zeros.

// The elements in reverse order along the given axes. A copy. Errors: ShapeError.
Tensor flip(Operand x, const Dims& dims);
// The elements moved on by shifts[i] places along axis dims[i], those that leave at the end come in at the
// beginning; without dims one shift of the elements in row-major order. A copy. Errors: ShapeError.
Tensor roll(Operand x, const Dims& shifts, const Dims& dims = Dims{});
// Zeros with x's last axis on the diagonal of the axes dim1 and dim2 of the result, `offset` places above.
// Errors: ShapeError.
Tensor diag_embed(Operand x, std::int64_t offset = 0, std::int64_t dim1 = -2, std::int64_t dim2 = -1);
// A list as the diagonal of a matrix, or the diagonal of a matrix as a list (a view). Errors: ShapeError for
// other ranks.
Tensor diag(Operand x, std::int64_t diagonal = 0);

// x itself if its elements lie in row-major order without gaps, otherwise a copy that does.
Tensor contiguous(Operand x);
// A contiguous copy with storage of its own; the gradient flows through. See also Tensor::clone_detached().
Tensor clone(Operand x);

}  // namespace gradus
