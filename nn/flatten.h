// Flatten: the axes start_dim..end_dim as one; by default everything but the batch.
#pragma once

#include "gradus/graph/apply.h"
#include "gradus/nn/module.h"

namespace gradus::nn {

struct Flatten : Module {
  GRADUS_MEMBERS()
  explicit Flatten(std::int64_t start_dim = 1, std::int64_t end_dim = -1)
      : start_dim(start_dim), end_dim(end_dim) {}

  // Errors: ShapeError.
  Tensor operator()(Operand x) const;
  std::string options_text() const override;

  std::int64_t start_dim, end_dim;
};

}  // namespace gradus::nn
