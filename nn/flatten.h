// Flatten and Unflatten: several axes as one, and one as several.
#pragma once

#include "gradus/nn/unary_module.h"

namespace gradus::nn {

// The axes start_dim..end_dim as one; by default everything but the batch. Errors: ShapeError.
struct Flatten : UnaryModule {
  GRADUS_MEMBERS()
  explicit Flatten(std::int64_t start_dim = 1, std::int64_t end_dim = -1)
      : start_dim(start_dim), end_dim(end_dim) {}
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  std::int64_t start_dim, end_dim;
};

// The axis `dim` as axes of the given sizes; one of them may be -1. Errors: ShapeError.
struct Unflatten : UnaryModule {
  GRADUS_MEMBERS()
  Unflatten(std::int64_t dim, const Shape& unflattened_size) : dim(dim), unflattened_size(unflattened_size) {}
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  std::int64_t dim;
  Shape unflattened_size;
};

}  // namespace gradus::nn
