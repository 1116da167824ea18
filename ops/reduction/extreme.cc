#include "gradus/ops/reduction/extreme.h"

#include <algorithm>
#include <limits>

#include "gradus/base/format.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/conversion.h"
#include "gradus/ops/elementwise/logical.h"
#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/kernels/index.h"
#include "gradus/ops/kernels/reduce.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/reduction/axes.h"
#include "gradus/ops/view.h"

namespace gradus {

void share_extreme(RuleContext& c) {
  const auto& a = c.attrs<ReduceAttrs>();
  const Tensor x = c.input(0).detach();
  const Shape shape = x.shape();
  const Tensor y = keep_axes(c.output().detach(), shape, a.dims, a.keepdim);
  // A NaN among the elements is the extreme value; where there is none, x != x is false everywhere.
  const Tensor hit = astype(logical_or(eq(x, y), ne(x, x)), x.dtype());
  const Tensor g = keep_axes(c.grad(), shape, a.dims, a.keepdim);
  c.set(0, mul(div(g, sum(hit, a.dims, true)), hit));
}

void route_extreme(RuleContext& c) {
  const auto& a = c.attrs<DimAttrs>();
  const Shape shape = c.input_shape(0);
  const int axis = static_cast<int>(a.dim < 0 ? a.dim + shape.rank() : a.dim);
  // gather_backward wants the axis itself, also where a tensor of rank 0 would broadcast.
  const auto kept = [&](const Tensor& t) { return a.keepdim ? t : unsqueeze(t, axis); };
  c.set(0, gather_backward(kept(c.grad(0)), kept(c.output(1).detach()), axis, shape[axis]));
}

void infer_extreme(InferContext& c) {
  const auto& a = c.attrs<ReduceAttrs>();
  require_elements(c, set_out_reduced(c, 0, a.dims, a.keepdim, c.dtype(0)));
}

void infer_extreme_along(InferContext& c) {
  const auto& a = c.attrs<DimAttrs>();
  require_elements(c, set_out_reduced(c, 0, a.dim, a.keepdim, c.dtype(0)));
  set_out_reduced(c, 1, a.dim, a.keepdim, DType::i64);
}

void infer_arg(InferContext& c) {
  const auto& a = c.attrs<ArgReduceAttrs>();
  if (a.dims.size() > 1) {
    c.shape_error(fmt::format(
        "takes one axis or none, not {}; an empty list means the place in the whole tensor", a.dims.size()));
  }
  require_elements(c, set_out_reduced(c, 0, a.dims, a.keepdim, DType::i64));
}

void extreme_along(const KernelContext& c, bool largest) {
  const View& x = c.in[0];
  if (c.out[0].numel == 0) return;
  const std::int64_t dim = c.attrs<DimAttrs>().dim;
  const int axis = static_cast<int>(dim < 0 ? dim + x.rank : dim);
  // With the axis kept, values and indices have x's rank.
  std::int64_t dims[kMaxRank];
  std::copy_n(x.dims, x.rank, dims);
  dims[axis] = 1;
  View values = c.out[0], indices = c.out[1];
  values.dims = indices.dims = dims;
  values.rank = indices.rank = x.rank;
  kernels::arg_reduce(largest, x, axis, indices);
  kernels::gather(x, axis, indices, values);
}

void arg_extreme(const KernelContext& c, bool largest) {
  const Dims& dims = c.attrs<ArgReduceAttrs>().dims;
  const int rank = c.in[0].rank;
  const std::int64_t dim = dims.empty() ? -1 : dims[0] < 0 ? dims[0] + rank : dims[0];
  kernels::arg_reduce(largest, c.in[0], static_cast<int>(dim), c.out[0]);
}

void sample_extreme(SampleSink& s) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  s.add({s.values({3, 4})}, ReduceAttrs{});
  s.add({s.values({3, 4})}, ReduceAttrs{.dims = {0}});
  s.add({s.values({3, 2, 3})}, ReduceAttrs{.dims = {0, -1}, .keepdim = true});
  s.add({s.values({5})}, ReduceAttrs{.dims = {0}}, {.note = "a vector"});
  s.add({s.values({})}, ReduceAttrs{}, {.note = "scalar"});
  s.add({s.values({2, 1})}, ReduceAttrs{.dims = {1}}, {.note = "size 1"});
  s.add({SampleSink::f64({2, 4}, {1, 3, 3, 0, -1, -1, -1, -1})}, ReduceAttrs{.dims = {1}},
        {.gradcheck = false, .note = "ties share the gradient"});
  s.add({SampleSink::f64({2, 3}, {1, kNaN, 3, 4, 5, 6})}, ReduceAttrs{.dims = {1}},
        {.gradcheck = false, .note = "a NaN wins"});
  s.add({s.values({0, 3})}, ReduceAttrs{.dims = {1}}, {.note = "no results"});
  s.add({SampleSink::i64({2, 3}, {1, -2, 3, 4, 5, 6})}, ReduceAttrs{.dims = {1}});
}

void sample_extreme_along(SampleSink& s) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  s.add({s.values({3, 4})}, DimAttrs{0});
  s.add({s.values({3, 4})}, DimAttrs{-1, true});
  s.add({s.values({5})}, DimAttrs{0}, {.note = "a vector"});
  s.add({s.values({5})}, DimAttrs{-1, true}, {.note = "a vector, axis kept"});
  s.add({s.values({3, 2, 67})}, DimAttrs{2}, {.note = "a tail behind whole vectors"});
  s.add({s.values({2, 1, 3})}, DimAttrs{1}, {.note = "size 1"});
  s.add({SampleSink::f64({2, 4}, {1, 3, 3, 0, -1, -1, -1, -1})}, DimAttrs{1},
        {.gradcheck = false, .note = "the first of several"});
  s.add({SampleSink::f64({2, 4}, {1, kNaN, 3, kNaN, 4, 5, 6, 7})}, DimAttrs{1},
        {.gradcheck = false, .note = "the first NaN"});
  s.add({s.values({0, 3})}, DimAttrs{1}, {.note = "no results"});
  s.add({SampleSink::i64({2, 3}, {1, -2, 3, 4, 5, 6})}, DimAttrs{1});
}

void sample_arg(SampleSink& s) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  s.add({s.values({3, 4})}, ArgReduceAttrs{});
  s.add({s.values({3, 4})}, ArgReduceAttrs{{0}});
  s.add({s.values({3, 67})}, ArgReduceAttrs{{-1}, true});
  s.add({s.values({5})}, ArgReduceAttrs{{0}}, {.note = "a vector"});
  s.add({s.values({})}, ArgReduceAttrs{}, {.note = "scalar"});
  s.add({SampleSink::f64({2, 4}, {1, 3, 3, 0, -1, -1, -1, -1})}, ArgReduceAttrs{{1}},
        {.note = "the first of several"});
  s.add({SampleSink::f64({2, 4}, {1, kNaN, 3, kNaN, 4, 5, 6, 7})}, ArgReduceAttrs{{1}},
        {.note = "the first NaN"});
  s.add({s.values({0, 3})}, ArgReduceAttrs{{1}}, {.note = "no results"});
  s.add({SampleSink::i64({2, 3}, {1, -2, 3, 4, 5, 6})}, ArgReduceAttrs{{1}});
}

}  // namespace gradus
