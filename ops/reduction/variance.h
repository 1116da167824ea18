// What var and std have in common. Internal to ops/.
#pragma once

#include "gradus/graph/samples.h"
#include "gradus/ops/reduction/axes.h"

namespace gradus {

// The gradient for x from the cotangent of its variance.
Tensor variance_gradient(const Tensor& g, const Tensor& x, const VarAttrs& a);

void sample_variance(SampleSink& s);

}  // namespace gradus
