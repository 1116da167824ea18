// The loops of gelu and of its derivative.
#pragma once

#include "gradus/ops/kernels/elementwise.h"

namespace gradus::kernels {

// x Phi(x), Phi the distribution function of the standard normal distribution; f32 and f64.
const ElementwiseLoops& gelu_loops();
// g (Phi(x) + x phi(x)) from g and x, phi the density; exactly 0 where g is.
const ElementwiseLoops& gelu_backward_loops();

}  // namespace gradus::kernels
