// index_select_backward: zeros with the slices of `source` added at the places of a list; the derivative of
// index_select.
// Derivative: linear, so that of source is what index_select reads from the cotangent.
#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/kernels/index.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const auto& a = c.attrs<IndexBackwardAttrs>();
  require_index(c, 1);
  require_index_list(c, 1);
  Shape shape = c.shape(0);
  const int axis = c.axis(0, a.dim);
  if (shape[axis] != c.dim(1, 0)) {
    c.shape_error(fmt::format("lengths differ: {} has {} slices, {} names {}", c.describe(0), shape[axis],
                              c.describe(1), c.dim(1, 0)));
  }
  shape[axis] = a.size;
  c.set_out(0, c.dtype(0), shape);
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<IndexBackwardAttrs>();
  check_range(c, 1, a.size, "the axis of the result");
  const std::int64_t zero = 0;
  kernels::fill(c.out[0], &zero);
  kernels::index_add(c.out[0], positive_axis(a.dim, c.in[0].rank), c.in[1], c.in[0]);
}

void rule(RuleContext& c) {
  if (c.needs(0)) c.set(0, index_select(c.grad(), c.attrs<IndexBackwardAttrs>().dim, c.input(1)));
}

void samples(SampleSink& s) {
  s.add({s.values({5, 4}), SampleSink::i64({5}, {2, 0, 0, 1, 2})}, IndexBackwardAttrs{0, 3});
  s.add({s.values({2, 3, 4}), SampleSink::i64({3}, {2, 1, 2})}, IndexBackwardAttrs{-2, 4});
  s.add({s.values({1, 1}), SampleSink::i64({1}, {0})}, IndexBackwardAttrs{0, 1}, {.note = "size 1"});
  s.add({s.values({0, 2}), SampleSink::i64({0}, {})}, IndexBackwardAttrs{0, 3}, {.note = "nothing to add"});
  s.add_error(
      {s.values({2}), SampleSink::i64({2}, {0, 3})}, IndexBackwardAttrs{0, 3},
      "index_select_backward: index 3 at [1] of index is out of range: the axis of the result has the places "
      "0..2");
  s.add_error({s.values({3}), SampleSink::i64({2}, {0, 1})}, IndexBackwardAttrs{0, 3},
              "index_select_backward: lengths differ: source [3] f64 has 3 slices, index [2] i64 names 2");
}

constexpr const char* kInputs[] = {"source", "index"};
constexpr SaveMask kSaves[] = {in(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(IndexBackwardAttrs, dim, nullptr),
                              GRADUS_ATTR(IndexBackwardAttrs, size, nullptr)};

}  // namespace

extern constinit const OpDef op_index_select_backward = {
    .name = "index_select_backward",
    .doc = "zeros with slices of source added at the places index along dim: the gradient of index_select",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y[index[k], j] += source[k, j] for dim 0",
};

Tensor index_select_backward(Operand source, Operand index, std::int64_t dim, std::int64_t size) {
  return apply(op_index_select_backward, {source, index}, IndexBackwardAttrs{dim, size});
}

}  // namespace gradus
