// Functions over a whole axis that turn scores into probabilities. The elementwise ones (relu, sigmoid, tanh)
// are in ops/elementwise/math.h.
#pragma once

#include "gradus/graph/apply.h"

namespace gradus {

// exp(x) / sum(exp(x)) along `dim`, without overflow; floating. A slice that holds a NaN, +inf, or nothing
// but -inf comes out NaN. Errors: DtypeError; ShapeError for an axis out of range.
Tensor softmax(Operand input, std::int64_t dim);

// log(softmax(x)) along `dim`, exact where softmax would round to 0; floating. Errors: as softmax.
Tensor log_softmax(Operand input, std::int64_t dim);

}  // namespace gradus
