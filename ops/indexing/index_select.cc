// index_select: the slices of input at the places of a list, along one axis; the look-up of an embedding.
// Derivative: the cotangent's slices are added at those places: index_select_backward.
#include "gradus/graph/samples.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/kernels/index.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  require_index(c, 1);
  require_index_list(c, 1);
  Shape shape = c.shape(0);
  shape[c.axis(0, c.attrs<IndexAttrs>().dim)] = c.dim(1, 0);
  c.set_out(0, c.dtype(0), shape);
}

void kernel(KernelContext& c) {
  const int axis = positive_axis(c.attrs<IndexAttrs>().dim, c.in[0].rank);
  check_range(c, 1, c.in[0].dims[axis], "the axis of input");
  kernels::index_select(c.in[0], axis, c.in[1], c.out[0]);
}

void rule(RuleContext& c) {
  if (!c.needs(0)) return;
  const std::int64_t dim = c.attrs<IndexAttrs>().dim;
  const Shape shape = c.input_shape(0);
  c.set(0, index_select_backward(c.grad(), c.input(1), dim, shape[positive_axis(dim, shape.rank())]));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), SampleSink::i64({5}, {2, 0, 0, 1, 2})}, IndexAttrs{0});
  s.add({s.values({2, 3, 4}), SampleSink::i64({2}, {2, 1})}, IndexAttrs{1});
  s.add({s.values({2, 4}), SampleSink::i64({3}, {3, 3, 0})}, IndexAttrs{-1});
  s.add({s.values({1, 2}), SampleSink::i64({1}, {0})}, IndexAttrs{0}, {.note = "size 1"});
  s.add({s.values({3, 2}), SampleSink::i64({0}, {})}, IndexAttrs{0}, {.note = "empty"});
  s.add_error({s.values({3, 2}), SampleSink::i64({2}, {1, 3})}, IndexAttrs{0},
              "index_select: index 3 at [1] of index is out of range: the axis of input has the places 0..2");
  s.add_error({s.values({3, 2}), SampleSink::i64({1, 1}, {1})}, IndexAttrs{0},
              "index_select: takes a list of indices, one axis: index [1, 1] i64; see gather() for others");
  s.add_error(
      {s.values({3}), s.values({1})}, IndexAttrs{0},
      "index_select: indices are i64 numbers: index [1] f64; convert them with astype(x, DType::i64)");
}

constexpr const char* kInputs[] = {"input", "index"};
constexpr SaveMask kSaves[] = {in(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(IndexAttrs, dim, nullptr)};

}  // namespace

extern constinit const OpDef op_index_select = {
    .name = "index_select",
    .doc = "the slices of input at the places index along dim",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Gather",
    .formula = "y[k, j] = x[index[k], j] for dim 0",
};

Tensor index_select(Operand input, std::int64_t dim, Operand index) {
  return apply(op_index_select, {input, index}, IndexAttrs{dim});
}

}  // namespace gradus
