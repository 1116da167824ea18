// max_unpool: zeros with the elements of input at the places that max_pool2d_with_indices gave; scatter()
// over the flattened spatial axes, so of several elements for one place the last stays.
#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/pool.h"
#include "gradus/ops/pool/windows.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

Tensor unpooled(const Operand& input, const Operand& indices, const Dims& kernel_size,
                const MaxUnpoolOptions& o, int spatial, const char* name) {
  require_spatial(input, spatial, name);
  const At at{input.where};
  const Tensor x = held(input), places = held(indices);
  const Dims kernel = spread(kernel_size, spatial, "kernel_size", name, input.where);
  const Dims stride = o.stride.empty() ? kernel : spread(o.stride, spatial, "stride", name, input.where);
  const Dims padding = spread(o.padding, spatial, "padding", name, input.where);
  if (places.shape() != x.shape()) {
    throw_error<ShapeError>(input.where, name,
                            "shapes differ: input {}, indices {}; there is one index an element", describe(x),
                            describe(places));
  }
  Shape shape = x.shape(), flat;
  const int lead = x.rank() - spatial;
  for (int i = 0; i < lead; ++i) flat.push_back(shape[i]);
  flat.push_back(-1);
  Shape flat_shape = flat;
  std::int64_t count = 1;
  for (int i = 0; i < spatial; ++i) {
    // (n - 1) stride - 2 padding + kernel, or less than a stride away from it.
    std::int64_t size = 0;
    if (kernel[i] < 1 || stride[i] < 1 || padding[i] < 0 ||
        __builtin_mul_overflow(shape[lead + i] - 1, stride[i], &size) ||
        __builtin_add_overflow(size, kernel[i], &size) || padding[i] > size / 2) {
      throw_error<ValueError>(input.where, name,
                              "kernel size {}, stride {} and padding {} along axis {} give no size: input {}",
                              kernel[i], stride[i], padding[i], lead + i, describe(x));
    }
    size -= 2 * padding[i];
    if (!o.output_size.empty()) {
      const std::int64_t wanted = spread(o.output_size, spatial, "output_size", name, input.where)[i];
      if (wanted <= size - stride[i] || wanted >= size + stride[i]) {
        throw_error<ValueError>(input.where, name,
                                "output size {} along axis {} is not within {}..{}: input {}", wanted,
                                lead + i, size - stride[i] + 1, size + stride[i] - 1, describe(x));
      }
      size = wanted;
    }
    if (size < 1 || __builtin_mul_overflow(count, size, &count)) {
      throw_error<ShapeError>(input.where, name, "axis {} of the result would have the size {}: input {}",
                              lead + i, size, describe(x));
    }
    shape[lead + i] = size;
  }
  if (x.numel() == 0) return zeros(shape, x.dtype(), input.where);
  flat_shape[lead] = count;
  const Tensor to = zeros(flat_shape, x.dtype(), input.where);
  return reshape(at(scatter(at(to), lead, at(reshape(at(places), flat)), at(reshape(at(x), flat)))), shape);
}

}  // namespace

Tensor max_unpool1d(Operand input, Operand indices, const Dims& kernel_size,
                    const MaxUnpoolOptions& options) {
  return unpooled(input, indices, kernel_size, options, 1, "max_unpool1d");
}
Tensor max_unpool2d(Operand input, Operand indices, const Dims& kernel_size,
                    const MaxUnpoolOptions& options) {
  return unpooled(input, indices, kernel_size, options, 2, "max_unpool2d");
}
Tensor max_unpool3d(Operand input, Operand indices, const Dims& kernel_size,
                    const MaxUnpoolOptions& options) {
  return unpooled(input, indices, kernel_size, options, 3, "max_unpool3d");
}

}  // namespace gradus
