// Tensors from the shared input data.
#pragma once

#include <gradus/gradus.h>

#include "cases.h"

namespace bench {

namespace gd = gradus;

template <class T>
gd::Tensor tensor(const std::vector<T>& values, const gd::Shape& shape) {
  return gd::from_vector(values, shape);
}

}  // namespace bench
