// gather_backward: zeros with `source` added at the places of index along dim; the derivative of gather.
// Derivative: linear, so that of source is what gather reads from the cotangent.
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
  if (c.shape(0) != c.shape(1)) {
    c.shape_error(
        fmt::format("shapes differ: {}, {}; there is one index an element", c.describe(0), c.describe(1)));
  }
  Shape shape = c.shape(0);
  shape[c.axis(0, a.dim)] = a.size;
  c.set_out(0, c.dtype(0), shape);
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<IndexBackwardAttrs>();
  check_range(c, 1, a.size, "the axis of the result");
  const std::int64_t zero = 0;
  kernels::fill(c.out[0], &zero);
  kernels::scatter_add(c.out[0], positive_axis(a.dim, c.in[0].rank), c.in[1], c.in[0]);
}

void rule(RuleContext& c) {
  if (c.needs(0)) c.set(0, gather(c.grad(), c.attrs<IndexBackwardAttrs>().dim, c.input(1)));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 2}), SampleSink::i64({3, 2}, {0, 3, 1, 1, 2, 0})}, IndexBackwardAttrs{1, 4});
  s.add({s.values({2, 3}), SampleSink::i64({2, 3}, {0, 3, 1, 1, 2, 0})}, IndexBackwardAttrs{-2, 5});
  s.add({s.values({1, 1}), SampleSink::i64({1, 1}, {0})}, IndexBackwardAttrs{0, 1}, {.note = "size 1"});
  s.add({s.values({0, 2}), SampleSink::i64({0, 2}, {})}, IndexBackwardAttrs{0, 3},
        {.note = "nothing to add"});
  s.add_error(
      {s.values({2}), SampleSink::i64({2}, {0, 3})}, IndexBackwardAttrs{0, 3},
      "gather_backward: index 3 at [1] of index is out of range: the axis of the result has the places 0..2");
  s.add_error(
      {s.values({2, 1}), SampleSink::i64({2}, {0, 1})}, IndexBackwardAttrs{0, 3},
      "gather_backward: shapes differ: source [2, 1] f64, index [2] i64; there is one index an element");
}

constexpr const char* kInputs[] = {"source", "index"};
constexpr SaveMask kSaves[] = {in(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(IndexBackwardAttrs, dim, nullptr),
                              GRADUS_ATTR(IndexBackwardAttrs, size, nullptr)};

}  // namespace

extern constinit const OpDef op_gather_backward = {
    .name = "gather_backward",
    .doc = "zeros with source added at the places index along dim: the gradient of gather",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y[index[i, j], j] += source[i, j] for dim 0",
};

Tensor gather_backward(Operand source, Operand index, std::int64_t dim, std::int64_t size) {
  return apply(op_gather_backward, {source, index}, IndexBackwardAttrs{dim, size});
}

}  // namespace gradus
