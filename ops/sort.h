// Sorting and choosing along one axis; any dtype. `dim` may be negative: it counts from the end. Equal
// elements keep their order, so every result is determined. A NaN is larger than all numbers: last in rising
// order, first in descending order. Values carry gradients, to the elements that they were; places (i64)
// carry none. Errors of all: ShapeError for an axis out of range.
#pragma once

#include "gradus/graph/apply.h"
#include "gradus/ops/reduction.h"

namespace gradus {

// The elements in rising (or descending) order, and where each was.
ValuesIndices sort(Operand input, std::int64_t dim = -1, bool descending = false);
// Where they were, alone.
Tensor argsort(Operand input, std::int64_t dim = -1, bool descending = false);

// The k largest (or smallest) elements, the most extreme first, and where they were; of equal ones the first.
// Errors: ValueError unless 0 <= k <= the size of the axis.
ValuesIndices topk(Operand input, std::int64_t k, std::int64_t dim = -1, bool largest = true);

// The k-th smallest element, counted from 1, and where it was. Errors: ValueError unless 1 <= k <= the size
// of the axis.
ValuesIndices kthvalue(Operand input, std::int64_t k, std::int64_t dim = -1, bool keepdim = false);

}  // namespace gradus
