#include "gradus/ops/elementwise/infer.h"

#include <algorithm>

#include "gradus/base/format.h"

namespace gradus {
namespace {

[[noreturn]] void fail_unsupported(const InferContext& c, const kernels::ElementwiseLoops& loops, int i) {
  if (!kernels::supports(loops, DType::i64)) c.require_floating(i);
  c.dtype_error(fmt::format("does not take {}: {}; convert it with astype(x, DType::{})", name(c.dtype(i)),
                            c.describe(i), c.dtype(i) == DType::boolean ? "i64" : "f32"));
}

void infer_as(InferContext& c, const kernels::ElementwiseLoops& loops, int first, bool predicate) {
  const DType dtype = c.dtype(first);
  bool same_dims = true;
  for (int k = 0; k < c.size(); ++k) {
    if (k > first && c.dtype(k) != dtype) [[unlikely]] {
      c.dtype_error(
          fmt::format("dtypes differ: {}, {}; convert one with astype()", c.describe(first), c.describe(k)));
    }
    same_dims =
        same_dims && c.rank(k) == c.rank(0) && std::equal(c.dims(k), c.dims(k) + c.rank(k), c.dims(0));
  }
  if (!kernels::supports(loops, dtype)) [[unlikely]]
    fail_unsupported(c, loops, first);
  const DType result = predicate ? DType::boolean : dtype;
  if (same_dims) {
    c.set_out_like(0, 0, result);
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
