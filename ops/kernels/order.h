// Sorting and selecting along one axis. Every element becomes a pair of an unsigned key, which orders as the
// values do, and its place; so one code serves all dtypes, equal values keep their order, and the result is
// the same however it is computed. -0 equals 0, every NaN is larger than all numbers. x may have any strides,
// outputs are contiguous.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gradus/graph/view.h"

namespace gradus::kernels {

// Bytes of scratch that each of the functions needs for x's lanes along `axis`.
std::size_t order_scratch(const std::int64_t* dims, int rank, int axis);

// The first k of the sorted elements of each lane, and their places (i64); k is the outputs' size along
// `axis`. A stable sort; `values` may be null. All of them: a radix sort.
void sort(const View& x, int axis, bool descending, const View* values, const View& places, void* scratch);

// Of each lane the element with `rank` smaller ones before it (the first of several equal ones that fits),
// and its place. With `nan_first` a NaN in the lane is chosen, the first one. The outputs have one element a
// lane; `places` may be null.
void select_ranked(const View& x, int axis, std::int64_t rank, bool nan_first, const View& values,
                   const View* places, void* scratch);

}  // namespace gradus::kernels
