// gather: out[i][j][k] = input[index[i][j][k]][j][k] for dim 0, and so on for other axes.
// Derivative: the cotangent is added at the places that were read: gather_backward.
#include "gradus/ops/indexing/gather.h"

#include "gradus/graph/samples.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/kernels/index.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  require_index(c, 1);
  const int axis = c.axis(0, c.attrs<IndexAttrs>().dim);
  require_index_fits(c, 1, 0, axis);
  c.set_out_like(0, 1, c.dtype(0));
}

void kernel(KernelContext& c) {
  const int axis = positive_axis(c.attrs<IndexAttrs>().dim, c.in[0].rank);
  check_range(c, 1, c.in[0].dims[axis], "the axis of input");
  kernels::gather(c.in[0], axis, c.in[1], c.out[0]);
}

void rule(RuleContext& c) {
  if (!c.needs(0)) return;
  // Unless it is smaller than the input away from dim, the index tells the whole shape.
  const Shape shape = c.input_shape(0);
  const std::int64_t dim = c.attrs<IndexAttrs>().dim;
  const int axis = positive_axis(dim, shape.rank());
  const Tensor index = c.input(1);
  bool whole = true;
  for (int k = 0; k < shape.rank(); ++k) whole = whole && (k == axis || shape[k] == index.size(k));
  if (whole) return c.set(0, gather_backward(c.grad(), index, dim, shape[axis]));
  c.set(0, scatter_add(zeros(shape, c.input_dtype(0)), dim, index, c.grad()));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), SampleSink::i64({3, 2}, {0, 3, 1, 1, 2, 0})}, IndexAttrs{1});
  s.add({s.values({3, 4}), SampleSink::i64({2, 4}, {0, 2, 1, 1, 2, 0, 0, 1})}, IndexAttrs{-2});
  s.add({s.values({2, 3, 2}), SampleSink::i64({1, 4, 2}, {0, 2, 1, 1, 2, 0, 0, 1})}, IndexAttrs{1},
        {.note = "an index smaller than the input"});
  s.add({s.values({4}), SampleSink::i64({6}, {3, 3, 3, 0, 1, 3})}, IndexAttrs{0},
        {.note = "places more than once"});
  s.add({s.values({3, 4}), SampleSink::i64({3, 0}, {})}, IndexAttrs{1}, {.note = "empty"});
  s.add({SampleSink::i64({3}, {7, 8, 9}), SampleSink::i64({1}, {2})}, IndexAttrs{0});
  s.add_error({s.values({2, 3}), SampleSink::i64({2, 1}, {0, 3})}, IndexAttrs{1},
              "gather: index 3 at [1, 0] of index is out of range: the axis of input has the places 0..2");
  s.add_error({s.values({2, 3}), SampleSink::i64({2, 1}, {0, -1})}, IndexAttrs{1},
              "gather: index -1 at [1, 0] of index is out of range: the axis of input has the places 0..2");
  s.add_error({s.values({2, 3}), SampleSink::i64({2}, {0, 1})}, IndexAttrs{1},
              "gather: ranks differ: index [2] i64, input [2, 3] f64; both need the same number of axes");
  s.add_error(
      {s.values({2, 3}), SampleSink::i64({3, 1}, {0, 1, 2})}, IndexAttrs{1},
      "gather: index [3, 1] i64 is larger than input [2, 3] f64 at axis 0: 3 and 2; it may be larger at axis "
      "1 only");
  s.add_error({s.values({2}), s.values({2})}, IndexAttrs{0},
              "gather: indices are i64 numbers: index [2] f64; convert them with astype(x, DType::i64)");
}

constexpr const char* kInputs[] = {"input", "index"};
constexpr SaveMask kSaves[] = {in(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(IndexAttrs, dim, nullptr)};

}  // namespace

extern constinit const OpDef op_gather = {
    .name = "gather",
    .doc = "the elements of input at the places index along dim",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "GatherElements",
    .formula = "y[i, j] = x[index[i, j], j] for dim 0",
};

Tensor gather(Operand input, std::int64_t dim, Operand index) {
  return apply(op_gather, {input, index}, IndexAttrs{dim});
}

}  // namespace gradus
