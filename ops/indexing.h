// Reading and adding at lists of places. Indices are i64 tensors with values in 0 .. size-1 of the axis; the
// gradient flows through the values, never through the indices. Names and argument order are PyTorch's.
// Errors of all: ShapeError, DtypeError for indices that are not i64, ValueError for an index out of range,
// with its place.
#pragma once

#include "gradus/graph/apply.h"

namespace gradus {

// out[i][j][k] = input[index[i][j][k]][j][k] for dim 0 and so on. `index` has input's rank and is nowhere
// larger but along dim; out has its shape. Any dtype.
Tensor gather(Operand input, std::int64_t dim, Operand index);

// input with source[i][j][k] added at [index[i][j][k]][j][k] for dim 0 and so on. Numbers of one dtype; index
// and source have one shape, which is nowhere larger than input's but along dim.
Tensor scatter_add(Operand input, std::int64_t dim, Operand index, Operand source);

// The slices input[.., index[k], ..] at axis dim; index is a list [n], out has n in place of dim's size. Any
// dtype.
Tensor index_select(Operand input, std::int64_t dim, Operand index);

// input with the slice source[.., k, ..] added at [.., index[k], ..] of axis dim. Numbers of one dtype;
// source has input's shape but for n, the length of index, along dim.
Tensor index_add(Operand input, std::int64_t dim, Operand index, Operand source);

// For each label (i64, 0 .. classes-1) a row of `classes` i64 numbers, 1 at the label and 0 elsewhere.
Tensor one_hot(Operand input, std::int64_t classes);

}  // namespace gradus
