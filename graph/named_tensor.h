// NamedTensor: a tensor under the name that a file or a state gives it. The common currency of modules,
// optimizers and file formats, which do not know each other.
#pragma once

#include <string>
#include <vector>

#include "gradus/graph/tensor.h"

namespace gradus {

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

// In an order that means something to its owner; names are unique.
using NamedTensors = std::vector<NamedTensor>;

}  // namespace gradus
