// diagonal: the elements [i, i + offset] of the matrices in two axes, as the last axis. A view.
// Derivative: the cotangent on that diagonal of zeros (diagonal_backward).
#include <fmt/format.h>

#include "gradus/graph/samples.h"
#include "gradus/ops/view.h"
#include "gradus/ops/view/attrs.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const auto& attrs = c.attrs<DiagonalAttrs>();
  const int rows = c.axis(0, attrs.dim1), cols = c.axis(0, attrs.dim2);
  if (rows == cols) {
    c.shape_error(
        fmt::format("dim1 {} and dim2 {} are the same axis: {}", attrs.dim1, attrs.dim2, c.describe(0)));
  }
  std::int64_t strides[kMaxRank];
  strides_of(c.impl(0), strides);
  OutputMeta& o = c.out(0);
  o.dtype = c.dtype(0);
  o.rank = static_cast<std::uint8_t>(c.rank(0) - 1);
  o.has_strides = true;
  for (int i = 0, k = 0; i < c.rank(0); ++i) {
    if (i == rows || i == cols) continue;
    o.dims[k] = c.dim(0, i);
    o.strides[k++] = strides[i];
  }
  const std::int64_t n = diagonal_length(c.dim(0, rows), c.dim(0, cols), attrs.offset);
  o.dims[o.rank - 1] = n;
  o.strides[o.rank - 1] = strides[rows] + strides[cols];
  if (n > 0) o.offset = attrs.offset >= 0 ? attrs.offset * strides[cols] : -attrs.offset * strides[rows];
}

void rule(RuleContext& c) {
  const auto& attrs = c.attrs<DiagonalAttrs>();
  const Shape shape = c.input_shape(0);
  const std::int64_t rows = attrs.dim1 < 0 ? attrs.dim1 + shape.rank() : attrs.dim1;
  const std::int64_t cols = attrs.dim2 < 0 ? attrs.dim2 + shape.rank() : attrs.dim2;
  c.set(0, diagonal_backward(c.grad(), {attrs.offset, rows, cols, shape[static_cast<int>(rows)],
                                        shape[static_cast<int>(cols)]}));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4})}, DiagonalAttrs{0, 0, 1});
  s.add({s.values({4, 3})}, DiagonalAttrs{-1, 0, 1});
  s.add({s.values({2, 3, 4})}, DiagonalAttrs{1, -2, -1}, {.note = "a stack of matrices"});
  s.add({s.values({2, 3, 4})}, DiagonalAttrs{1, 2, 0}, {.note = "columns before rows"});
  s.add({s.values({1, 1})}, DiagonalAttrs{0, 0, 1}, {.note = "size 1"});
  s.add({s.values({2, 3})}, DiagonalAttrs{5, 0, 1}, {.note = "beyond the corner"});
  s.add({s.values({0, 3})}, DiagonalAttrs{0, 0, 1}, {.note = "empty"});
  s.add_error({s.values({2, 3})}, DiagonalAttrs{0, 1, -1},
              "diagonal: dim1 1 and dim2 -1 are the same axis: x [2, 3] f64");
  s.add_error({s.values({3})}, DiagonalAttrs{0, 0, 1},
              "diagonal: axis 1 is out of range: x [3] f64 has the axes -1..0");
}

constexpr const char* kInputs[] = {"x"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(DiagonalAttrs, offset, "0"), GRADUS_ATTR(DiagonalAttrs, dim1, "0"),
                              GRADUS_ATTR(DiagonalAttrs, dim2, "1")};

}  // namespace

extern constinit const OpDef op_diagonal = {
    .name = "diagonal",
    .doc = "the diagonal of the matrices in two axes, as the last axis",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kView,
    .infer = infer,
    .rule = rule,
    .samples = samples,
    .formula = "y[i] = x[i, i + offset]",
};

Tensor diagonal(Operand x, std::int64_t offset, std::int64_t dim1, std::int64_t dim2) {
  return apply(op_diagonal, {x}, DiagonalAttrs{offset, dim1, dim2});
}

}  // namespace gradus
