// tanhshrink: x - tanh(x).
#include "gradus/ops/activation.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/math.h"

namespace gradus {

Tensor tanhshrink(Operand input) {
  const At at{input.where};
  const Tensor x = held(input);
  return sub(at(x), at(tanh(at(x))));
}

}  // namespace gradus
