// embedding: for each index the row of weight at that place.
// Derivative: the cotangent's rows are added at those places, but for the padding's: embedding_backward.
#include "gradus/ops/indexing/embedding.h"

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/kernels/index.h"
#include "gradus/ops/pack.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  require_index(c, 0);
  c.require_floating(1);
  if (c.rank(1) != 2)
    c.shape_error(fmt::format("weight is a matrix with a row for each index: {}", c.describe(1)));
  const std::int64_t padding = c.attrs<EmbeddingAttrs>().padding_idx;
  if (padding != kNoPadding && (padding < 0 || padding >= c.dim(1, 0))) {
    c.value_error(
        fmt::format("padding_idx {} is out of range: {} has {} rows", padding, c.describe(1), c.dim(1, 0)));
  }
  Shape shape = c.shape(0);
  shape.push_back(c.dim(1, 1));
  c.set_out(0, c.dtype(1), shape);
  c.set_scratch(pack_room(c.impl(0)));
}

void kernel(KernelContext& c) {
  check_range(c, 0, c.in[1].dims[0], "weight");
  auto* scratch = static_cast<std::byte*>(c.scratch);
  View index = pack(c.in[0], &scratch), out = c.out[0];
  const std::int64_t dims[] = {index.numel, c.in[1].dims[1]};
  index.dims = out.dims = dims;
  index.rank = 1;
  out.rank = 2;
  kernels::index_select(c.in[1], 0, index, out);
}

void rule(RuleContext& c) {
  if (!c.needs(1)) return;
  c.set(1, embedding_backward(c.grad(), c.input(0),
                              {c.input_shape(1)[0], c.attrs<EmbeddingAttrs>().padding_idx}));
}

void samples(SampleSink& s) {
  s.add({SampleSink::i64({5}, {2, 0, 0, 1, 2}), s.values({3, 4})}, EmbeddingAttrs{});
  s.add({SampleSink::i64({2, 2}, {3, 1, 1, 0}), s.values({4, 3})}, EmbeddingAttrs{});
  s.add({SampleSink::i64({}, {1}), s.values({2, 3})}, EmbeddingAttrs{}, {.note = "one index"});
  s.add({SampleSink::i64({2, 0}, {}), s.values({2, 3})}, EmbeddingAttrs{}, {.note = "no index"});
  s.add({SampleSink::i64({2}, {1, 0}), s.values({2, 0})}, EmbeddingAttrs{}, {.note = "empty rows"});
  s.add({SampleSink::i64({3}, {1, 0, 1}), s.values({2, 3})}, EmbeddingAttrs{1},
        {.gradcheck = false, .note = "the padding gets no gradient"});
  s.add_error({SampleSink::i64({2, 2}, {0, 1, 3, 0}), s.values({3, 2})}, EmbeddingAttrs{},
              "embedding: index 3 at [1, 0] of input is out of range: weight has the places 0..2");
  s.add_error({SampleSink::i64({1}, {-1}), s.values({3, 2})}, EmbeddingAttrs{},
              "embedding: index -1 at [0] of input is out of range: weight has the places 0..2");
  s.add_error({s.values({2}), s.values({3, 2})}, EmbeddingAttrs{},
              "embedding: indices are i64 numbers: input [2] f64; convert them with astype(x, DType::i64)");
  s.add_error({SampleSink::i64({1}, {0}), s.values({3})}, EmbeddingAttrs{},
              "embedding: weight is a matrix with a row for each index: weight [3] f64");
  s.add_error({SampleSink::i64({1}, {0}), s.values({3, 2})}, EmbeddingAttrs{3},
              "embedding: padding_idx 3 is out of range: weight [3, 2] f64 has 3 rows");
}

constexpr const char* kInputs[] = {"input", "weight"};
constexpr SaveMask kSaves[] = {0, in(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(EmbeddingAttrs, padding_idx, "-1")};

}  // namespace

extern constinit const OpDef op_embedding = {
    .name = "embedding",
    .doc = "the row of weight for each index; the row padding_idx gets no gradient",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Gather",
    .formula = "y[i, :] = weight[input[i], :]",
};

Tensor embedding(Operand input, Operand weight, const EmbeddingOptions& options) {
  std::int64_t padding = kNoPadding;
  if (options.padding_idx && weight.impl != nullptr && weight.impl->rank > 0) {
    const std::int64_t rows = weight.impl->dims()[0], given = *options.padding_idx;
    if (given < -rows || given >= rows) {
      throw_error<ValueError>(input.where, "embedding",
                              "padding_idx {} is out of range: weight {} has {} rows", given,
                              describe(*weight.impl), rows);
    }
    padding = given < 0 ? given + rows : given;
  }
  return apply(op_embedding, {input, weight}, EmbeddingAttrs{padding});
}

}  // namespace gradus
