// Identity: the operand itself, in place of a layer that is not wanted.
#pragma once

#include "gradus/nn/unary_module.h"

namespace gradus::nn {

struct Identity : UnaryModule {
  GRADUS_MEMBERS()
  Tensor forward(Operand x) const override { return Tensor::share(x.impl); }
};

}  // namespace gradus::nn
