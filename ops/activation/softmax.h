// What softmax, log_softmax and their derivatives have in common, and the fused derivatives themselves.
// Internal to ops/ and its tests.
#pragma once

#include "gradus/graph/apply.h"
#include "gradus/graph/samples.h"

namespace gradus {

struct SoftmaxAttrs {
  std::int64_t dim;
};

// The gradient for x of softmax(x) = y, from the cotangent g: y (g - sum(g y)). Floating tensors of one shape
// and dtype.
Tensor softmax_backward(Operand g, Operand y, std::int64_t dim);
// The same for log_softmax(x) = y: g - exp(y) sum(g).
Tensor log_softmax_backward(Operand g, Operand y, std::int64_t dim);

void infer_softmax(InferContext& c);
void infer_softmax_backward(InferContext& c);
void softmax_backward_kernel(const KernelContext& c, bool log);
void sample_softmax(SampleSink& s);

// dim as 0..rank-1.
inline int axis_of(const SoftmaxAttrs& a, int rank) {
  return static_cast<int>(a.dim < 0 ? a.dim + rank : a.dim);
}

}  // namespace gradus
