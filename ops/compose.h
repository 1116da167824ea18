// For functions that are put together from other ops: operands that carry the caller's place, so that each
// recorded step and each error names the user's line. Internal to op files.
#pragma once

#include <utility>

#include "gradus/graph/apply.h"

namespace gradus {

struct At {
  Location where;

  Operand operator()(const Tensor& t) const { return Operand(t, where); }
  Operand operator()(Tensor&& t) const { return Operand(std::move(t), where); }
};

// A handle to an operand that is read more than once: held, it lends its buffer to none of the readers.
// Errors: ValueError for an empty handle.
inline Tensor held(const Operand& x) {
  x.dtype();
  return Tensor::share(x.impl);
}

// Errors: ShapeError naming `op`, the axis and the operand, as an op's own infer has it.
void require_axis(const Tensor& x, std::int64_t dim, const char* name, const char* op, Location where);

}  // namespace gradus
