// index_add: input with the slices of source added at the places of a list, along one axis. Places that are
// named more than once add up, in the order of the list. Derivatives: for input the cotangent itself; for
// source what index_select reads from it.
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
  require_index_list(c, 1);
  if (c.dtype(0) != c.dtype(2) || c.dtype(0) == DType::boolean) {
    c.dtype_error(fmt::format("takes numbers of one dtype: {}, {}", c.describe(0), c.describe(2)));
  }
  const int axis = c.axis(0, c.attrs<IndexAttrs>().dim);
  Shape wanted = c.shape(0);
  wanted[axis] = c.dim(1, 0);
  if (c.shape(2) != wanted) {
    c.shape_error(fmt::format("{} with {} takes a source of shape {}: {}", c.describe(0), c.describe(1),
                              format_shape({wanted.data(), static_cast<std::size_t>(wanted.rank())}),
                              c.describe(2)));
  }
  c.set_out_like(0, 0);
}

void kernel(KernelContext& c) {
  const int axis = positive_axis(c.attrs<IndexAttrs>().dim, c.in[0].rank);
  check_range(c, 1, c.in[0].dims[axis], "the axis of input");
  kernels::copy(c.in[0], c.out[0]);
  kernels::index_add(c.out[0], axis, c.in[1], c.in[2]);
}

void rule(RuleContext& c) {
  if (c.needs(0)) c.set(0, c.grad());
  if (c.needs(2)) c.set(2, index_select(c.grad(), c.attrs<IndexAttrs>().dim, c.input(1)));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), SampleSink::i64({5}, {2, 0, 0, 1, 2}), s.values({5, 4})}, IndexAttrs{0});
  s.add({s.values({2, 3}), SampleSink::i64({2}, {2, 2}), s.values({2, 2})}, IndexAttrs{-1});
  s.add({s.values({1}), SampleSink::i64({1}, {0}), s.values({1})}, IndexAttrs{0}, {.note = "size 1"});
  s.add({s.values({3, 2}), SampleSink::i64({0}, {}), s.values({0, 2})}, IndexAttrs{0},
        {.note = "nothing to add"});
  s.add_error({s.values({3}), SampleSink::i64({2}, {0, 3}), s.values({2})}, IndexAttrs{0},
              "index_add: index 3 at [1] of index is out of range: the axis of input has the places 0..2");
  s.add_error(
      {s.values({3, 2}), SampleSink::i64({2}, {0, 1}), s.values({2, 3})}, IndexAttrs{0},
      "index_add: input [3, 2] f64 with index [2] i64 takes a source of shape [2, 2]: source [2, 3] f64");
}

constexpr const char* kInputs[] = {"input", "index", "source"};
constexpr SaveMask kSaves[] = {0, 0, in(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(IndexAttrs, dim, nullptr)};

}  // namespace

extern constinit const OpDef op_index_add = {
    .name = "index_add",
    .doc = "input with the slices of source added at the places index along dim",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = x; y[index[k], j] += source[k, j] for dim 0",
};

Tensor index_add(Operand input, std::int64_t dim, Operand index, Operand source) {
  return apply(op_index_add, {input, index, source}, IndexAttrs{dim});
}

}  // namespace gradus
