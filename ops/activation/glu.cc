// glu: a sigmoid(b) for the halves a, b of an axis. Y. Dauphin et al., "Language Modeling with Gated
// Convolutional Networks" (2017).
#include "gradus/ops/activation.h"
#include "gradus/ops/activation/halves.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/math.h"

namespace gradus {

Tensor glu(Operand input, std::int64_t dim) {
  const At at{input.where};
  const Halves h = halves(input, dim, "glu");
  return mul(at(h.first), at(sigmoid(at(h.second))));
}

}  // namespace gradus
