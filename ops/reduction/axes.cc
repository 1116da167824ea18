#include "gradus/ops/reduction/axes.h"

#include "gradus/base/format.h"
#include "gradus/ops/view.h"

namespace gradus {

unsigned set_out_reduced(InferContext& c, int i, const Dims& dims, bool keepdim, DType dtype) {
  const int rank = c.rank(0);
  unsigned axes = 0;
  if (dims.empty()) {
    axes = (1u << rank) - 1;
  } else {
    for (const std::int64_t d : dims) {
      const unsigned bit = 1u << c.axis(0, d);
      if ((axes & bit) != 0) {
        c.shape_error(fmt::format("dims {{{}}} name axis {} of {} twice; name each axis once",
                                  fmt::join(dims.begin(), dims.end(), ", "), c.axis(0, d), c.describe(0)));
      }
      axes |= bit;
    }
  }
  OutputMeta& o = c.out(i);
  o.dtype = dtype;
  int n = 0;
  for (int k = 0; k < rank; ++k) {
    if ((axes >> k & 1) == 0) {
      o.dims[n++] = c.dim(0, k);
    } else if (keepdim) {
      o.dims[n++] = 1;
    }
  }
  o.rank = static_cast<std::uint8_t>(n);
  return axes;
}

void require_elements(const InferContext& c, unsigned axes) {
  for (int k = 0; k < c.rank(0); ++k) {
    if ((axes >> k & 1) != 0 && c.dim(0, k) == 0) {
      c.shape_error(fmt::format("nothing to choose from: axis {} of {} has size 0", k, c.describe(0)));
    }
  }
}

std::int64_t reduced_count(const Shape& input, const Dims& dims) {
  const unsigned axes = axes_of(dims, input.rank());
  std::int64_t n = 1;
  for (int k = 0; k < input.rank(); ++k) {
    if ((axes >> k & 1) != 0) n *= input[k];
  }
  return n;
}

Tensor keep_axes(const Tensor& t, const Shape& input, const Dims& dims, bool keepdim) {
  // A tensor of rank 0 broadcasts against everything as it is.
  if (keepdim || t.rank() == 0) return t;
  Shape kept = input;
  const unsigned axes = axes_of(dims, input.rank());
  for (int k = 0; k < input.rank(); ++k) {
    if ((axes >> k & 1) != 0) kept[k] = 1;
  }
  return reshape(t, kept);
}

Tensor expand_axes(const Tensor& t, const Shape& input, const Dims& dims, bool keepdim) {
  return expand(keep_axes(t, input, dims, keepdim), input);
}

}  // namespace gradus
