#include "gradus/nn/embedding.h"

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/nn/init.h"
#include "gradus/nn/start.h"
#include "gradus/ops/view.h"

namespace gradus::nn {
namespace {

void check_padding(const char* layer, std::optional<std::int64_t> padding_idx, std::int64_t rows,
                   Location where) {
  if (!padding_idx.has_value() || (*padding_idx >= -rows && *padding_idx < rows)) return;
  throw_error<ValueError>(where, layer, "padding_idx {} is not one of {} rows", *padding_idx, rows);
}

Parameter table(const char* layer, std::int64_t rows, std::int64_t columns,
                std::optional<std::int64_t> padding_idx, DType dtype, Generator* generator, Location where) {
  check_sizes(layer, {{"num_embeddings", rows}, {"embedding_dim", columns}}, where);
  check_padding(layer, padding_idx, rows, where);
  Tensor t = init::normal_(empty({rows, columns}, dtype, where), 0, 1, generator, where);
  if (padding_idx.has_value()) {
    select(t, 0, *padding_idx < 0 ? *padding_idx + rows : *padding_idx).fill_(0, where);
  }
  return {std::move(t), where};
}

std::string text_of(const Tensor& weight, std::optional<std::int64_t> padding_idx) {
  if (!weight.defined() || weight.rank() != 2) return {};
  std::string text = fmt::format("{}, {}", weight.size(0), weight.size(1));
  if (padding_idx.has_value()) text += fmt::format(", padding_idx={}", *padding_idx);
  return text;
}

}  // namespace

Embedding::Embedding(std::int64_t num_embeddings, std::int64_t embedding_dim, const EmbeddingLayerOptions& o,
                     Location where)
    : weight(table("Embedding", num_embeddings, embedding_dim, o.padding_idx, o.dtype, o.generator, where)),
      padding_idx(o.padding_idx) {}

Embedding Embedding::from_pretrained(const Tensor& table, bool freeze,
                                     std::optional<std::int64_t> padding_idx, Location where) {
  if (table.rank() != 2) {
    throw_error<ShapeError>(where, "Embedding", "a table has the axes [rows, columns]: {}", describe(table));
  }
  check_padding("Embedding", padding_idx, table.size(0), where);
  Embedding e(0, 0, {.dtype = table.dtype()}, where);
  e.weight = Parameter(table, where);
  e.weight.requires_grad(!freeze);
  e.padding_idx = padding_idx;
  return e;
}

Tensor Embedding::forward(Operand indices) const { return with_weight(indices, weight); }

Tensor Embedding::with_weight(Operand indices, const Tensor& w) const {
  return embedding(indices, Operand(w, indices.where), {.padding_idx = padding_idx});
}

std::string Embedding::options_text() const { return text_of(weight, padding_idx); }

EmbeddingBag::EmbeddingBag(std::int64_t num_embeddings, std::int64_t embedding_dim,
                           const EmbeddingBagLayerOptions& o, Location where)
    : weight(
          table("EmbeddingBag", num_embeddings, embedding_dim, o.padding_idx, o.dtype, o.generator, where)),
      mode(o.mode),
      padding_idx(o.padding_idx) {}

Tensor EmbeddingBag::operator()(Operand indices, const EmbeddingBagCall& call) const {
  return with_hooks(*this, indices, [&](Operand in) {
    return embedding_bag(in, Operand(weight, in.where),
                         {.offsets = call.offsets,
                          .mode = mode,
                          .per_sample_weights = call.per_sample_weights,
                          .padding_idx = padding_idx});
  });
}

std::string EmbeddingBag::options_text() const {
  constexpr const char* kModes[] = {"sum", "mean", "max"};
  std::string text = text_of(weight, padding_idx);
  return text.empty() ? text : fmt::format("{}, mode='{}'", text, kModes[static_cast<int>(mode)]);
}

}  // namespace gradus::nn
