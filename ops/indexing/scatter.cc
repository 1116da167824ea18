// scatter: input with source[i][j][k] written at [index[i][j][k]][j][k] for dim 0, and so on for other axes.
// Of several for one place the last along dim stays, with any number of threads. Derivatives: for input the
// cotangent, 0 where something was written; for source what gather reads from it, 0 for those that were
// overwritten.
#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/kernels/index.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  require_index(c, 1);
  if (c.dtype(0) != c.dtype(2)) {
    c.dtype_error(
        fmt::format("dtypes differ: {}, {}; convert one with astype()", c.describe(0), c.describe(2)));
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
  kernels::scatter(c.out[0], axis, c.in[1], c.in[2]);
}

void rule(RuleContext& c) {
  const std::int64_t dim = c.attrs<IndexAttrs>().dim;
  const Tensor index = c.input(1);
  if (c.needs(0)) c.set(0, scatter(c.grad(), dim, index, 0));
  if (!c.needs(2)) return;
  // Each element of source writes its number instead of its value; who finds its own number again is the
  // last.
  const Tensor numbers = reshape(arange(index.numel()), index.shape());
  const Tensor last = gather(scatter(zeros(c.output_shape(), DType::i64), dim, index, numbers), dim, index);
  c.set(2, where(eq(last, numbers), gather(c.grad(), dim, index), 0));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), SampleSink::i64({3, 2}, {0, 3, 1, 2, 2, 0}), s.values({3, 2})}, IndexAttrs{1});
  s.add({s.values({5, 3}), SampleSink::i64({2, 2}, {0, 4, 2, 1}), s.values({2, 2})}, IndexAttrs{-2},
        {.note = "an index smaller than the input"});
  s.add({s.values({3, 2}), SampleSink::i64({4, 2}, {0, 1, 0, 2, 2, 1, 0, 1}), s.values({4, 2})},
        IndexAttrs{0}, {.note = "places more than once"});
  s.add({s.values({1}), SampleSink::i64({1}, {0}), s.values({1})}, IndexAttrs{0}, {.note = "size 1"});
  s.add({s.values({3, 4}), SampleSink::i64({3, 0}, {}), s.values({3, 0})}, IndexAttrs{1},
        {.note = "nothing to write"});
  s.add({SampleSink::boolean({3}, {1, 0, 0}), SampleSink::i64({1}, {2}), SampleSink::boolean({1}, {1})},
        IndexAttrs{0}, {.note = "bool"});
  s.add_error({s.values({3}), SampleSink::i64({2}, {0, 3}), s.values({2})}, IndexAttrs{0},
              "scatter: index 3 at [1] of index is out of range: the axis of input has the places 0..2");
  s.add_error({s.values({3}), SampleSink::i64({2}, {0, 1}), s.values({3})}, IndexAttrs{0},
              "scatter: shapes differ: index [2] i64, source [3] f64; there is one index an element");
  s.add_error({s.values({3}), SampleSink::i64({2}, {0, 1}), SampleSink::i64({2}, {0, 1})}, IndexAttrs{0},
              "scatter: dtypes differ: input [3] f64, source [2] i64; convert one with astype()");
}

constexpr const char* kInputs[] = {"input", "index", "source"};
constexpr SaveMask kSaves[] = {in(1), 0, in(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(IndexAttrs, dim, nullptr)};

}  // namespace

extern constinit const OpDef op_scatter = {
    .name = "scatter",
    .doc = "input with source written at the places index along dim",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "ScatterElements",
    .formula = "y = x; y[index[i, j], j] = source[i, j] for dim 0",
};

Tensor scatter(Operand input, std::int64_t dim, Operand index, Operand source) {
  return apply(op_scatter, {input, index, source}, IndexAttrs{dim});
}

Tensor scatter(Operand input, std::int64_t dim, Operand index, Scalar value) {
  if (index.impl == nullptr) index.fail_undefined();
  const Tensor number = scalar_like(input, value, "scatter");
  const Tensor source = expand({number, input.where}, Tensor::share(index.impl).shape());
  return apply(op_scatter, {input, index, Operand(source, input.where)}, IndexAttrs{dim});
}

}  // namespace gradus
