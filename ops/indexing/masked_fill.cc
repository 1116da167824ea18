// masked_fill: a value where a mask is true: where() with the value in front, no op of its own.
#include "gradus/graph/describe.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/indexing.h"

namespace gradus {
namespace {

void check_mask(const Operand& input, const Operand& mask) {
  if (input.impl == nullptr) input.fail_undefined();
  if (mask.impl == nullptr) mask.fail_undefined();
  if (mask.impl->dtype != DType::boolean) {
    throw_error<DtypeError>(input.where, "masked_fill",
                            "the mask is not bool: mask {}; compare it, as in ne(x, 0)",
                            describe(*mask.impl));
  }
}

}  // namespace

Tensor masked_fill(Operand input, Operand mask, Scalar value) {
  check_mask(input, mask);
  const Tensor number = scalar_like(input, value, "masked_fill");
  return where({Tensor::share(mask.impl), input.where}, Operand(number, input.where), input);
}

Tensor masked_fill(Operand input, Operand mask, Operand value) {
  check_mask(input, mask);
  if (value.impl == nullptr) value.fail_undefined();
  if (value.impl->rank != 0) {
    throw_error<ShapeError>(input.where, "masked_fill",
                            "takes one value, a tensor without axes: value {}; see where() for others",
                            describe(*value.impl));
  }
  if (value.impl->dtype != input.impl->dtype) {
    throw_error<DtypeError>(input.where, "masked_fill",
                            "dtypes differ: input {}, value {}; convert one with astype()",
                            describe(*input.impl), describe(*value.impl));
  }
  return where({Tensor::share(mask.impl), input.where}, value, input);
}

}  // namespace gradus
