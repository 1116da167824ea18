#include "gradus/ops/elementwise/infer.h"

#include "gradus/base/format.h"
#include "gradus/graph/tensor_impl.h"

namespace gradus {
namespace {

[[noreturn]] void fail_unsupported(const InferContext& c, const kernels::ElementwiseLoops& loops, int i) {
  if (!kernels::supports(loops, DType::i64)) c.require_floating(i);
  c.dtype_error(fmt::format("does not take {}: {}; convert it with astype(x, DType::{})", name(c.dtype(i)),
                            c.describe(i), c.dtype(i) == DType::boolean ? "i64" : "f32"));
}

[[noreturn]] void fail_different(const InferContext& c, int i, int k) {
  c.dtype_error(
      fmt::format("dtypes differ: {}, {}; convert one with astype()", c.describe(i), c.describe(k)));
}

void infer_as(InferContext& c, const kernels::ElementwiseLoops& loops, int first, bool predicate) {
  const DType dtype = c.dtype(first);
  // The widest input so far, while the others have its shape or are scalars.
  const TensorImpl* widest = &c.impl(0);
  bool simple = true;
  for (int k = 1; k < c.size(); ++k) {
    const TensorImpl* t = &c.impl(k);
    if (t->dtype != dtype && k > first) [[unlikely]]
      fail_different(c, first, k);
    if (t->rank == 0) continue;
    if (widest->rank == 0) {
      widest = t;
    } else {
      simple = simple && same_dims(*widest, *t);
    }
  }
  if (!kernels::supports(loops, dtype)) [[unlikely]]
    fail_unsupported(c, loops, first);
  const DType result = predicate ? DType::boolean : dtype;
  if (simple) {
    c.set_out(0, result, widest->dims(), widest->rank);
  } else {
    c.set_out_broadcast(0, result);
  }
}

}  // namespace

void infer_elementwise(InferContext& c, const kernels::ElementwiseLoops& loops, int first) {
  infer_as(c, loops, first, false);
}

void infer_predicate(InferContext& c, const kernels::ElementwiseLoops& loops) { infer_as(c, loops, 0, true); }

Tensor zero_gradient(const RuleContext& c, int i) {
  Tensor zero = empty(c.input_shape(i), c.input_dtype(i));
  zero.fill_(0.0);
  return zero;
}

}  // namespace gradus
