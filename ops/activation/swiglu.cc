// swiglu: silu(a) b for the halves a, b of an axis. N. Shazeer, "GLU Variants Improve Transformer" (2020),
// the gate first, as in the weights of the usual language models.
#include "gradus/ops/activation.h"
#include "gradus/ops/activation/halves.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/elementwise/arithmetic.h"

namespace gradus {

Tensor swiglu(Operand input, std::int64_t dim) {
  const At at{input.where};
  const Halves h = halves(input, dim, "swiglu");
  return mul(at(silu(at(h.first))), at(h.second));
}

}  // namespace gradus
