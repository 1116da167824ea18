// Index tuples as numbers of rows, for GatherND and ScatterND. Internal to data/format/onnx.
#pragma once

#include "gradus/data/format/onnx/call.h"

namespace gradus::onnx {

// `indices` [.., depth] name places of the `depth` axes of data behind its first batch_dims, one each; their
// numbers when those axes lie in one, as a list. Errors: BadNode.
Tensor row_numbers(const Call& c, const Tensor& indices, const Shape& data, int batch_dims);

// The first `axes` axes as one, the others as one.
Tensor as_rows(const Tensor& data, int axes);

}  // namespace gradus::onnx
