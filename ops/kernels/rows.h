// Fused row functions: softmax and log_softmax, forward and backward. f32 and f64.
// Inputs may have any strides, outputs are contiguous (or are the input itself). NaN and inf come out as in
// PyTorch: a row of -inf has softmax NaN.
#pragma once

#include <cstdint>

#include "gradus/graph/view.h"

namespace gradus::kernels {

// y = softmax(x) along `axis`, or its logarithm.
void softmax(const View& x, int axis, const View& y, bool log);

// The gradient for x from the result y and the gradient dy: y * (dy - sum(dy * y)), for the logarithm
// dy - exp(y) * sum(dy).
void softmax_backward(const View& y, const View& dy, int axis, const View& dx, bool log);

}  // namespace gradus::kernels
