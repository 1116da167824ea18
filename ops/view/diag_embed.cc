// diag_embed: zeros with x's last axis on the diagonal of two new axes.
// Derivative: linear, so that diagonal of the cotangent.
#include <fmt/format.h>

#include <cstdlib>

#include "gradus/graph/samples.h"
#include "gradus/ops/view.h"
#include "gradus/ops/view/attrs.h"

namespace gradus {
namespace {

int result_axis(std::int64_t dim, int rank) { return static_cast<int>(dim < 0 ? dim + rank : dim); }

void infer(InferContext& c) {
  const auto& attrs = c.attrs<DiagonalAttrs>();
  const int rank = c.rank(0) + 1;
  if (c.rank(0) == 0) c.shape_error(fmt::format("takes at least one axis: {}", c.describe(0)));
  if (rank > kMaxRank) {
    c.shape_error(fmt::format("{} has {} axes already, which is the most", c.describe(0), kMaxRank));
  }
  for (std::int64_t dim : {attrs.dim1, attrs.dim2}) {
    if (dim < -rank || dim >= rank) {
      c.shape_error(fmt::format("axis {} is out of range: the result for {} has the axes {}..{}", dim,
                                c.describe(0), -rank, rank - 1));
    }
  }
  const int rows = result_axis(attrs.dim1, rank), cols = result_axis(attrs.dim2, rank);
  if (rows == cols) {
    c.shape_error(fmt::format("dim1 {} and dim2 {} are the same axis of the result for {}", attrs.dim1,
                              attrs.dim2, c.describe(0)));
  }
  // Beyond this the matrix has too many elements in any case.
  constexpr std::int64_t kMost = std::int64_t{1} << 62;
  if (attrs.offset < -kMost || attrs.offset > kMost) {
    c.shape_error(fmt::format("the offset {} is too large: {}", attrs.offset, c.describe(0)));
  }
  const std::int64_t size = c.dim(0, c.rank(0) - 1) + std::abs(attrs.offset);
  OutputMeta& o = c.out(0);
  o.dtype = c.dtype(0);
  o.rank = static_cast<std::uint8_t>(rank);
  for (int i = 0, k = 0; i < rank; ++i) o.dims[i] = i == rows || i == cols ? size : c.dim(0, k++);
}

void kernel(KernelContext& c) {
  const auto& attrs = c.attrs<DiagonalAttrs>();
  const int rank = c.out[0].rank;
  put_diagonal(c.in[0], c.out[0], result_axis(attrs.dim1, rank), result_axis(attrs.dim2, rank), attrs.offset);
}

void rule(RuleContext& c) {
  const auto& attrs = c.attrs<DiagonalAttrs>();
  c.set(0, diagonal(c.grad(), attrs.offset, attrs.dim1, attrs.dim2));
}

void samples(SampleSink& s) {
  s.add({s.values({3})}, DiagonalAttrs{0, -2, -1});
  s.add({s.values({2, 3})}, DiagonalAttrs{1, -2, -1}, {.note = "a stack of matrices"});
  s.add({s.values({2, 3})}, DiagonalAttrs{-2, 2, 0}, {.note = "columns before rows"});
  s.add({s.values({1})}, DiagonalAttrs{0, 0, 1}, {.note = "size 1"});
  s.add({s.values({0})}, DiagonalAttrs{1, 0, 1}, {.note = "empty"});
  s.add({SampleSink::i64({2}, {3, 4})}, DiagonalAttrs{0, 0, 1}, {.note = "integers"});
  s.add_error({s.values({})}, DiagonalAttrs{0, 0, 1}, "diag_embed: takes at least one axis: x [] f64");
  s.add_error({s.values({3})}, DiagonalAttrs{0, 0, 2},
              "diag_embed: axis 2 is out of range: the result for x [3] f64 has the axes -2..1");
  s.add_error({s.values({3})}, DiagonalAttrs{0, 0, -2},
              "diag_embed: dim1 0 and dim2 -2 are the same axis of the result for x [3] f64");
}

constexpr const char* kInputs[] = {"x"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(DiagonalAttrs, offset, "0"), GRADUS_ATTR(DiagonalAttrs, dim1, "-2"),
                              GRADUS_ATTR(DiagonalAttrs, dim2, "-1")};

}  // namespace

extern constinit const OpDef op_diag_embed = {
    .name = "diag_embed",
    .doc = "zeros with the last axis on the diagonal of two new axes",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y[i, i + offset] = x[i], 0 elsewhere",
};

Tensor diag_embed(Operand x, std::int64_t offset, std::int64_t dim1, std::int64_t dim2) {
  return apply(op_diag_embed, {x}, DiagonalAttrs{offset, dim1, dim2});
}

}  // namespace gradus
