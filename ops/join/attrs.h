// What concat and stack share. Internal to ops/ and to tests.
#pragma once

#include "gradus/base/small_vector.h"
#include "gradus/graph/apply.h"
#include "gradus/ops/kernels/copy.h"

namespace gradus {

struct JoinAttrs {
  std::int64_t dim;
};

inline Tensor apply_joined(const OpDef& op, std::span<const Tensor> tensors, std::int64_t dim,
                           Location where) {
  SmallVector<Operand, 8> operands;
  for (const Tensor& t : tensors) operands.emplace_back(t, where);
  const JoinAttrs attrs{dim};
  return apply(op, std::span<const Operand>(operands.data(), operands.size()), &attrs);
}

// Copies each input to its place in `out`, one after the other. `strides` are those of an input's axes in the
// output, `step[i]` the elements from the beginning of input i to that of the next.
template <class Step>
void copy_parts(KernelContext& c, const std::int64_t* strides, Step step) {
  auto* to = static_cast<std::byte*>(c.out[0].data);
  for (int i = 0; i < c.n; ++i) {
    const View& x = c.in[i];
    if (x.numel > 0) kernels::copy(x, View{to, x.dims, strides, x.numel, x.rank, x.dtype});
    to += step(i) * static_cast<std::int64_t>(size_of(x.dtype));
  }
}

}  // namespace gradus
