// Reading, writing and adding at places: lists of indices, masks, triangles. Indices are i64 tensors with
// values in 0 .. size-1 of the axis; the gradient flows through the values, never through the indices. Names
// and argument order are PyTorch's. Errors of all: ShapeError, DtypeError for indices that are not i64 or
// masks that are not bool, ValueError for an index out of range, with its place. Python's x[...] is index()
// in indexing/index.h.
#pragma once

#include <optional>

#include "gradus/graph/apply.h"
#include "gradus/ops/indexing/index.h"
#include "gradus/ops/scalar.h"

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

struct EmbeddingOptions {
  // The row of this index gets no gradient; negative ones count from the end. What the row holds is yours.
  std::optional<std::int64_t> padding_idx = std::nullopt;
};
// For each index the row of weight [rows, n] at that place: [.., n] for input [..]. Floating.
Tensor embedding(Operand input, Operand weight, const EmbeddingOptions& options = {});

// How embedding_bag reduces a bag of rows; of an empty bag: 0.
enum class BagMode : std::uint8_t { sum, mean, max };

struct EmbeddingBagOptions {
  // Where each bag begins in a list of indices [i64]; undefined for a matrix of indices, a bag a row.
  Tensor offsets = {};
  BagMode mode = BagMode::mean;
  // A factor for each index, in its shape and of weight's dtype; with sum only.
  Tensor per_sample_weights = {};
  std::optional<std::int64_t> padding_idx = std::nullopt;  // counts in no bag and gets no gradient
};
// embedding() reduced over bags of indices: [bags, n]. Errors: ValueError for offsets that fall or lie
// outside.
Tensor embedding_bag(Operand input, Operand weight, const EmbeddingBagOptions& options = {});

// For each label (i64, 0 .. classes-1) a row of `classes` i64 numbers, 1 at the label and 0 elsewhere.
Tensor one_hot(Operand input, std::int64_t classes);

// input with source[i][j][k], or one value, written at [index[i][j][k]][j][k] for dim 0 and so on. Of several
// for one place the last in the order of index stays and alone gets the gradient (PyTorch leaves both open).
// Any dtype; shapes as in scatter_add.
Tensor scatter(Operand input, std::int64_t dim, Operand index, Operand source);
Tensor scatter(Operand input, std::int64_t dim, Operand index, Scalar value);

// gather() with input and index broadcast against each other but along dim; without dim over the flattened
// input with a list.
Tensor take_along_dim(Operand input, Operand index, std::optional<std::int64_t> dim = std::nullopt);

// value where mask, input elsewhere; mask and input broadcast. value is a number or a tensor of no axes. Any
// dtype.
Tensor masked_fill(Operand input, Operand mask, Scalar value);
Tensor masked_fill(Operand input, Operand mask, Operand value);

// The elements of input where mask, in row-major order, as a list; both broadcast. Any dtype.
Tensor masked_select(Operand input, Operand mask);

// The places of the elements that are not 0 (NaN is not), in row-major order: [count, rank] i64.
Tensor nonzero(Operand input);

// The elements on and below / above a diagonal of the matrices in the last two axes, 0 elsewhere. Any dtype.
Tensor tril(Operand input, std::int64_t diagonal = 0);
Tensor triu(Operand input, std::int64_t diagonal = 0);

}  // namespace gradus
