// embedding_backward: zeros with rows of g added at the places of indices, in the order of the indices; the
// padding's row stays zero. Derivative: linear; for g the rows of the cotangent at those places, zero at the
// padding's.
#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/indexing/embedding.h"
#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/kernels/index.h"
#include "gradus/ops/pack.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  require_index(c, 1);
  c.require_floating(0);
  bool fits = c.rank(0) == c.rank(1) + 1;
  for (int i = 0; fits && i < c.rank(1); ++i) fits = c.dim(0, i) == c.dim(1, i);
  if (!fits) {
    c.shape_error(fmt::format("g has a row for each index: {}, {}", c.describe(0), c.describe(1)));
  }
  c.set_out(0, c.dtype(0), Shape{c.attrs<EmbeddingBackwardAttrs>().rows, c.dim(0, c.rank(0) - 1)});
  c.set_scratch(pack_room(c.impl(0)) + pack_room(c.impl(1)));
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<EmbeddingBackwardAttrs>();
  check_range(c, 1, a.rows, "the result");
  auto* scratch = static_cast<std::byte*>(c.scratch);
  View g = pack(c.in[0], &scratch), index = pack(c.in[1], &scratch);
  const std::int64_t n = c.out[0].dims[1];
  const std::int64_t dims[] = {index.numel, n};
  index.dims = g.dims = dims;
  index.rank = 1;
  g.rank = 2;
  const std::int64_t zero = 0;
  kernels::fill(c.out[0], &zero);
  kernels::index_add(c.out[0], 0, index, g);
  if (a.padding_idx == kNoPadding) return;
  View row = c.out[0];
  row.data = row.as<std::byte>() + a.padding_idx * n * static_cast<std::int64_t>(size_of(row.dtype));
  row.rank = 1;
  row.dims = c.out[0].dims + 1;
  row.numel = n;
  kernels::fill(row, &zero);
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<EmbeddingBackwardAttrs>();
  if (!c.needs(0)) return;
  const Tensor input = c.input(1);
  const Tensor rows = embedding(input, c.grad());
  if (a.padding_idx == kNoPadding)
    c.set(0, rows);
  else
    c.set(0, masked_fill(rows, unsqueeze(eq(input, a.padding_idx), -1), 0.0));
}

void samples(SampleSink& s) {
  s.add({s.values({5, 4}), SampleSink::i64({5}, {2, 0, 0, 1, 2})}, EmbeddingBackwardAttrs{3});
  s.add({s.values({2, 2, 3}), SampleSink::i64({2, 2}, {3, 1, 1, 0})}, EmbeddingBackwardAttrs{4, 1},
        {.note = "padding"});
  s.add({s.values({3}), SampleSink::i64({}, {1})}, EmbeddingBackwardAttrs{2}, {.note = "one index"});
  s.add({s.values({0, 3}), SampleSink::i64({0}, {})}, EmbeddingBackwardAttrs{2, 0}, {.note = "no index"});
  s.add_error({s.values({2, 3}), SampleSink::i64({2}, {0, 2})}, EmbeddingBackwardAttrs{2},
              "embedding_backward: index 2 at [1] of input is out of range: the result has the places 0..1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {0, 2})}, EmbeddingBackwardAttrs{2},
              "embedding_backward: g has a row for each index: g [2] f64, input [2] i64");
}

constexpr const char* kInputs[] = {"g", "input"};
constexpr SaveMask kSaves[] = {in(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(EmbeddingBackwardAttrs, rows, nullptr),
                              GRADUS_ATTR(EmbeddingBackwardAttrs, padding_idx, "-1")};

}  // namespace

extern constinit const OpDef op_embedding_backward = {
    .name = "embedding_backward",
    .doc =
        "zeros with rows of g added at the places of indices, but for padding_idx: the gradient of embedding",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y[input[i], :] += g[i, :]",
};

Tensor embedding_backward(Operand g, Operand input, const EmbeddingBackwardAttrs& attrs) {
  return apply(op_embedding_backward, {g, input}, attrs);
}

}  // namespace gradus
