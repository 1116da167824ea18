// The loop that elu, selu and celu have in common. Internal to ops/.
#pragma once

#include "gradus/graph/op_def.h"

namespace gradus {

void infer_elu(InferContext& c);
// y = scale x for x > 0, scale alpha (e^(input_scale x) - 1) below.
void elu_kernel(const KernelContext& c, double alpha, double scale, double input_scale);

}  // namespace gradus
