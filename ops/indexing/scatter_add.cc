// scatter_add: input with source[i][j][k] added at [index[i][j][k]][j][k] for dim 0, and so on for other
// axes. Places that are named more than once add up, in the order of index. Derivatives: for input the
// cotangent itself; for source what gather reads from it.
#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/kernels/index.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  require_index(c, 1);
  if (c.dtype(0) != c.dtype(2) || c.dtype(0) == DType::boolean) {
    c.dtype_error(fmt::format("takes numbers of one dtype: {}, {}", c.describe(0), c.describe(2)));
  }
  const int axis = c.axis(0, c.attrs<IndexAttrs>().dim);
  require_index_fits(c, 1, 0, axis);
  require_index_an_element(c, 1, 2);
  c.set_out_like(0, 0);
}

void kernel(KernelContext& c) {
  const int axis = positive_axis(c.attrs<IndexAttrs>().dim, c.in[0].rank);
  check_range(c, 1, c.in[0].dims[axis], "the axis of input");
  kernels::copy(c.in[0], c.out[0]);
  kernels::scatter_add(c.out[0], axis, c.in[1], c.in[2]);
}

void rule(RuleContext& c) {
  if (c.needs(0)) c.set(0, c.grad());
  if (c.needs(2)) c.set(2, gather(c.grad(), c.attrs<IndexAttrs>().dim, c.input(1)));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), SampleSink::i64({3, 2}, {0, 3, 1, 1, 2, 0}), s.values({3, 2})}, IndexAttrs{1});
  s.add({s.values({5, 3}), SampleSink::i64({2, 2}, {0, 4, 0, 1}), s.values({2, 2})}, IndexAttrs{-2},
        {.note = "an index smaller than the input"});
  s.add({s.values({1}), SampleSink::i64({3}, {0, 0, 0}), s.values({3})}, IndexAttrs{0},
        {.note = "one place"});
  s.add({s.values({3, 4}), SampleSink::i64({3, 0}, {}), s.values({3, 0})}, IndexAttrs{1},
        {.note = "nothing to add"});
  s.add_error({s.values({3}), SampleSink::i64({2}, {0, 3}), s.values({2})}, IndexAttrs{0},
              "scatter_add: index 3 at [1] of index is out of range: the axis of input has the places 0..2");
  s.add_error({s.values({3}), SampleSink::i64({2}, {0, 1}), s.values({3})}, IndexAttrs{0},
              "scatter_add: shapes differ: index [2] i64, source [3] f64; there is one index an element");
  s.add_error({s.values({3}), SampleSink::i64({2}, {0, 1}), SampleSink::i64({2}, {0, 1})}, IndexAttrs{0},
              "scatter_add: takes numbers of one dtype: input [3] f64, source [2] i64");
}

constexpr const char* kInputs[] = {"input", "index", "source"};
constexpr SaveMask kSaves[] = {0, 0, in(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(IndexAttrs, dim, nullptr)};

}  // namespace

extern constinit const OpDef op_scatter_add = {
    .name = "scatter_add",
    .doc = "input with source added at the places index along dim",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "ScatterElements",
    .formula = "y = x; y[index[i, j], j] += source[i, j] for dim 0",
};

Tensor scatter_add(Operand input, std::int64_t dim, Operand index, Operand source) {
  return apply(op_scatter_add, {input, index, source}, IndexAttrs{dim});
}

}  // namespace gradus
