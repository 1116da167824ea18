// Fused row functions: softmax, log_softmax and layer normalisation, forward and backward. f32 and f64.
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

// Over the last `n` elements of each row of a contiguous x: y = (x - mean) * rstd * weight + bias with
// rstd = 1 / sqrt(var + eps) and the biased variance. weight and bias have n elements or are null; mean and
// rstd get one element a row (or are null).
void layer_norm(const View& x, std::int64_t n, const void* weight, const void* bias, double eps,
                const View& y, void* mean, void* rstd);

// Gradients of layer_norm: dx always, dweight and dbias (n elements each) where not null.
void layer_norm_backward(const View& x, const View& dy, std::int64_t n, const void* weight, const void* mean,
                         const void* rstd, const View& dx, void* dweight, void* dbias);

}  // namespace gradus::kernels
