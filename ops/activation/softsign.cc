// softsign: x / (1 + |x|), put together from ops that bring its derivative, 1 / (1 + |x|)^2.
#include "gradus/ops/activation.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/elementwise/arithmetic.h"

namespace gradus {

Tensor softsign(Operand input) {
  const At at{input.where};
  const Tensor x = held(input);
  return div(at(x), at(add(at(abs(at(x))), 1)));
}

}  // namespace gradus
