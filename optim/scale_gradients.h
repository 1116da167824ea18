// Gradients of parameters times a number, in place; defined in clip.cc. Internal to optim/.
#pragma once

#include <span>

#include "gradus/graph/tensor.h"

namespace gradus::optim {

// `writer` is a string literal.
void scale_gradients(std::span<const Tensor> params, double factor, const char* writer, Location where);

}  // namespace gradus::optim
