// Checks and reductions of the losses that are put together from other ops. Internal to ops/loss/.
#pragma once

#include "gradus/ops/compose.h"
#include "gradus/ops/loss.h"

namespace gradus {

// A tensor with the name that messages give it.
struct NamedTensor {
  const char* name;
  const Tensor& tensor;
};

// Both floating, of one shape and dtype. Errors: ShapeError, DtypeError.
void require_same(NamedTensor a, NamedTensor b, const char* op, Location where);
// weight has a's dtype and broadcasts to its shape. Errors: ShapeError, DtypeError.
void require_broadcasts(NamedTensor a, NamedTensor weight, const char* op, Location where);
// Every element of `ok`, a bool tensor in t's shape, is true. Errors: ValueError with the first place and
// value where it is not.
void require_all(const Tensor& ok, NamedTensor t, const char* what, const char* op, Location where);
// target in the dtype of input (integers are converted), its elements 1 or -1. Errors: ValueError.
Tensor signs(const Operand& target, const Tensor& input, const char* op, Location where);

Tensor reduced(const Tensor& losses, Reduction reduction, At at);

// sqrt(sum(x^2)) along an axis, with the gradient 0 where it is 0.
Tensor euclidean_norm(const Tensor& x, std::int64_t dim, bool keepdim, At at);

}  // namespace gradus
