// How tensors, shapes and nodes are written in messages. Internal: brings fmt.
#pragma once

#include <string>

#include "gradus/base/format.h"
#include "gradus/graph/tensor.h"

namespace gradus {

// `"w1" [512, 256] f32`, or without the name where there is none.
std::string describe(const TensorImpl& t);
std::string describe(const Shape& shape, DType dtype);
inline std::string describe(const Tensor& t) { return describe(*t.impl()); }

}  // namespace gradus
