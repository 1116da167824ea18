// relu6: min(max(x, 0), 6), which is hardtanh with these bounds; so its derivative at them is 0.
#include "gradus/ops/activation.h"

namespace gradus {

Tensor relu6(Operand input) { return hardtanh(input, 0, 6); }

}  // namespace gradus
