// Loops over whole numbers for what gradus has no op for; whole numbers have no gradient. Internal to
// data/format/onnx.
#pragma once

#include <cstdint>

#include "gradus/data/format/onnx/call.h"

namespace gradus::onnx {

// f of each pair of elements, both broadcast, in the dtype of a, which b has too.
Tensor map_integers(const Call& c, const Tensor& a, const Tensor& b,
                    std::int64_t (*f)(std::int64_t, std::int64_t));

// A list as an i64 tensor.
Tensor index_tensor(const std::vector<std::int64_t>& values);
Tensor index_tensor(const std::vector<std::int64_t>& values, const Shape& shape);

// Indices of any integer type as i64 with negative ones counted from `size`. Errors: BadNode for one out of
// range.
Tensor wrapped_indices(const Call& c, const Tensor& indices, std::int64_t size);

}  // namespace gradus::onnx
