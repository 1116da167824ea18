#include "gradus/ops/norm/row_norms.h"

#include <algorithm>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"

namespace gradus {

void require_rows(const InferContext& c, int input, int first, int end) {
  c.require_floating(input);
  c.require_same_dtype();
  for (int i = first; i < end; ++i) {
    const int lead = c.rank(input) - c.rank(i);
    if (c.rank(i) > 0 && lead >= 0 && std::equal(c.dims(i), c.dims(i) + c.rank(i), c.dims(input) + lead) &&
        (i == first || c.rank(i) == c.rank(first))) {
      continue;
    }
    if (i == first) {
      c.shape_error(fmt::format("the last axes of input are normalised, their sizes are those of {}: {}",
                                c.describe(i), c.describe(input)));
    }
    c.shape_error(fmt::format("shapes differ: {}, {}", c.describe(first), c.describe(i)));
  }
}

Shape statistics_shape(const InferContext& c, int input, int weight) {
  Shape shape = c.shape(input);
  for (int i = c.rank(input) - c.rank(weight); i < shape.rank(); ++i) shape[i] = 1;
  return shape;
}

void require_statistics(const InferContext& c, int input, int weight, int first, int end) {
  const Shape wanted = statistics_shape(c, input, weight);
  for (int i = first; i < end; ++i) {
    if (c.shape(i) == wanted) continue;
    c.shape_error(fmt::format("the statistics of {} have the shape {}: {}", c.describe(input),
                              format_shape({wanted.data(), static_cast<std::size_t>(wanted.rank())}),
                              c.describe(i)));
  }
}

kernels::RowNorm row_norm_params(const View& x, const View& weight, bool centered) {
  std::int64_t rows = 1;
  for (int i = 0; i < x.rank - weight.rank; ++i) rows *= x.dims[i];
  return {x.dtype, rows, weight.numel, centered};
}

Dims last_axes(int n) {
  Dims dims;
  for (int i = -n; i < 0; ++i) dims.push_back(i);
  return dims;
}

void check_normalized_shape(const Tensor& input, const Shape& shape, const char* op, Location where) {
  const Shape all = input.shape();
  const int lead = all.rank() - shape.rank();
  if (shape.rank() > 0 && lead >= 0 && std::equal(shape.begin(), shape.end(), all.begin() + lead)) return;
  const std::string wanted = format_shape({shape.data(), static_cast<std::size_t>(shape.rank())});
  if (shape.rank() == 0) {
    throw_error<ShapeError>(where, op,
                            "normalized_shape is []: it names the sizes of the last axes of input {}",
                            describe(input));
  }
  throw_error<ShapeError>(where, op, "normalized_shape is {}, but input {} does not end with these sizes",
                          wanted, describe(input));
}

}  // namespace gradus
