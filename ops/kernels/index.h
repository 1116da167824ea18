// Reading and adding at index lists (i64). Indices are trusted: find_out_of_range first. Additions happen in
// the order of the index array, whatever the number of threads.
#pragma once

#include <cstdint>

#include "gradus/graph/view.h"

namespace gradus::kernels {

// The linear position of the first element of `index` outside [0, size), or -1.
std::int64_t find_out_of_range(const View& index, std::int64_t size);

// out[.., k, ..] = x[.., index[k], ..] at `axis`; index has one dimension, out is contiguous.
void index_select(const View& x, int axis, const View& index, const View& out);

// x[.., index[k], ..] += source[.., k, ..] at `axis`. x is contiguous, source may have any strides.
void index_add(const View& x, int axis, const View& index, const View& source);

// out[i][j][k] = x[index[i][j][k]][j][k] for axis 0 and so on; out is contiguous and has index's dims, which
// are not larger than x's but at `axis`.
void gather(const View& x, int axis, const View& index, const View& out);

// x[index[i][j][k]][j][k] += source[i][j][k] for axis 0 and so on. x is contiguous, source has index's dims
// or larger.
void scatter_add(const View& x, int axis, const View& index, const View& source);

// x[index[i][j][k]][j][k] = source[i][j][k] for axis 0 and so on; of several for one place the last stays. x
// is contiguous, source has index's dims or larger.
void scatter(const View& x, int axis, const View& index, const View& source);

// to += from, element by element; `to` may hold the same element at several places (windows that overlap).
void accumulate(const View& to, const View& from);

// The number of elements that are not 0; NaN is not.
std::int64_t count_nonzero(const View& x);

// The places of the elements that are not 0, in row-major order: out is contiguous, [count, x.rank] i64.
void nonzero(const View& x, const View& out);

// The elements of x where the bool mask is true, in row-major order of dims[0..rank), to which both
// broadcast.
void masked_select(const View& x, const View& mask, const std::int64_t* dims, int rank, const View& out);

}  // namespace gradus::kernels
