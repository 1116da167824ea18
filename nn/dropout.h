// Dropout: in training, zeroes each element with probability p and scales the rest by 1 / (1 - p).
#pragma once

#include "gradus/graph/apply.h"
#include "gradus/nn/module.h"

namespace gradus::nn {

struct Dropout : Module {
  GRADUS_MEMBERS()

  // Errors: ValueError unless 0 <= p < 1.
  explicit Dropout(double p = 0.5, Location where = Location::current());

  // In eval mode the operand itself.
  Tensor operator()(Operand x) const;
  std::string options_text() const override;

  double p;
};

}  // namespace gradus::nn
