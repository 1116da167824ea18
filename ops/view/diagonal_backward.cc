// diagonal_backward: zeros with g on the diagonal of two axes: the gradient of diagonal.
// Derivative: linear, so the diagonal of the cotangent.
#include <fmt/format.h>

#include <cstring>

#include "gradus/graph/samples.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/view.h"
#include "gradus/ops/view/attrs.h"

namespace gradus {

void put_diagonal(const View& g, const View& out, int dim1, int dim2, std::int64_t offset) {
  std::memset(out.data, 0, static_cast<std::size_t>(out.numel) * size_of(out.dtype));
  if (g.numel == 0) return;
  std::int64_t all[kMaxRank], strides[kMaxRank];
  strides_of(out, all);
  int k = 0;
  for (int i = 0; i < out.rank; ++i) {
    if (i != dim1 && i != dim2) strides[k++] = all[i];
  }
  strides[k] = all[dim1] + all[dim2];
  const std::int64_t first = offset >= 0 ? offset * all[dim2] : -offset * all[dim1];
  void* data = static_cast<std::byte*>(out.data) + first * static_cast<std::int64_t>(size_of(out.dtype));
  kernels::copy(g, View{data, g.dims, strides, g.numel, g.rank, g.dtype});
}

namespace {

void infer(InferContext& c) {
  const auto& a = c.attrs<DiagonalBackwardAttrs>();
  const int rank = c.rank(0) + 1;
  if (c.rank(0) < 1 || rank > kMaxRank || a.dim1 < 0 || a.dim1 >= rank || a.dim2 < 0 || a.dim2 >= rank ||
      a.dim1 == a.dim2 || a.rows < 0 || a.cols < 0 ||
      c.dim(0, c.rank(0) - 1) != diagonal_length(a.rows, a.cols, a.offset)) {
    c.shape_error(fmt::format("{} is no diagonal {} of {} rows in axis {} and {} columns in axis {}",
                              c.describe(0), a.offset, a.rows, a.dim1, a.cols, a.dim2));
  }
  OutputMeta& o = c.out(0);
  o.dtype = c.dtype(0);
  o.rank = static_cast<std::uint8_t>(rank);
  for (int i = 0, k = 0; i < rank; ++i) {
    o.dims[i] = i == a.dim1 ? a.rows : i == a.dim2 ? a.cols : c.dim(0, k++);
  }
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<DiagonalBackwardAttrs>();
  put_diagonal(c.in[0], c.out[0], static_cast<int>(a.dim1), static_cast<int>(a.dim2), a.offset);
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<DiagonalBackwardAttrs>();
  c.set(0, diagonal(c.grad(), a.offset, a.dim1, a.dim2));
}

void samples(SampleSink& s) {
  s.add({s.values({3})}, DiagonalBackwardAttrs{0, 0, 1, 3, 4});
  s.add({s.values({2, 3})}, DiagonalBackwardAttrs{-1, 1, 2, 4, 3});
  s.add({s.values({3, 2})}, DiagonalBackwardAttrs{1, 2, 0, 4, 3});
  s.add({s.values({1})}, DiagonalBackwardAttrs{0, 0, 1, 1, 1}, {.note = "size 1"});
  s.add({s.values({0})}, DiagonalBackwardAttrs{5, 0, 1, 2, 3}, {.note = "beyond the corner"});
  s.add({s.values({0, 2})}, DiagonalBackwardAttrs{0, 1, 2, 2, 3}, {.note = "empty"});
  s.add_error({s.values({3})}, DiagonalBackwardAttrs{0, 0, 1, 2, 4},
              "diagonal_backward: g [3] f64 is no diagonal 0 of 2 rows in axis 0 and 4 columns in axis 1");
}

constexpr const char* kInputs[] = {"g"};
constexpr AttrDef kAttrs[] = {
    GRADUS_ATTR(DiagonalBackwardAttrs, offset, nullptr), GRADUS_ATTR(DiagonalBackwardAttrs, dim1, nullptr),
    GRADUS_ATTR(DiagonalBackwardAttrs, dim2, nullptr), GRADUS_ATTR(DiagonalBackwardAttrs, rows, nullptr),
    GRADUS_ATTR(DiagonalBackwardAttrs, cols, nullptr)};

}  // namespace

extern constinit const OpDef op_diagonal_backward = {
    .name = "diagonal_backward",
    .doc = "the gradient of diagonal: g on a diagonal of zeros",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
};

Tensor diagonal_backward(const Tensor& g, const DiagonalBackwardAttrs& attrs) {
  return apply(op_diagonal_backward, {g}, attrs);
}

}  // namespace gradus
