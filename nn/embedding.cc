#include "gradus/nn/embedding.h"

#include <algorithm>
#include <vector>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/recording.h"
#include "gradus/nn/init.h"
#include "gradus/nn/start.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/reduction.h"
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

void check_max_norm(const char* layer, std::optional<double> max_norm, double norm_type, Location where) {
  if (max_norm.has_value() && !(*max_norm > 0)) {
    throw_error<ValueError>(where, layer, "max_norm is {}; it must be greater than 0", *max_norm);
  }
  if (!(norm_type > 0)) {
    throw_error<ValueError>(where, layer, "norm_type is {}; it must be greater than 0", norm_type);
  }
}

// Shortens the rows at `indices`; see Note [max_norm]. Leaves indices that are wrong to the look-up, which
// says so.
void shorten_rows(const Tensor& weight, const Operand& indices, double max_norm, double norm_type) {
  const Location where = indices.where;
  if (indices.dtype() != DType::i64 || !weight.defined() || weight.rank() != 2) return;
  std::vector<std::int64_t> touched = Tensor::share(indices.impl).to_vector<std::int64_t>(where);
  std::sort(touched.begin(), touched.end());
  touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
  if (touched.empty() || touched.front() < 0 || touched.back() >= weight.size(0)) return;
  const NoGrad guard;
  const Tensor rows = index_select(Operand(weight, where), 0, Operand(tensor(touched, where), where));
  const std::vector<double> norms = astype(norm(rows, norm_type, {1}), DType::f64).to_vector<double>();
  for (std::size_t i = 0; i < touched.size(); ++i) {
    if (!(norms[i] > max_norm)) continue;
    select(weight, 0, touched[i])
        .copy_(select(rows, 0, static_cast<std::int64_t>(i)) * (max_norm / (norms[i] + 1e-7)), where);
  }
}

std::string text_of(const Tensor& weight, std::optional<std::int64_t> padding_idx,
                    std::optional<double> max_norm, double norm_type) {
  if (!weight.defined() || weight.rank() != 2) return {};
  std::string text = fmt::format("{}, {}", weight.size(0), weight.size(1));
  if (padding_idx.has_value()) text += fmt::format(", padding_idx={}", *padding_idx);
  if (max_norm.has_value()) text += fmt::format(", max_norm={}", *max_norm);
  if (norm_type != 2) text += fmt::format(", norm_type={}", norm_type);
  return text;
}

}  // namespace

Embedding::Embedding(std::int64_t num_embeddings, std::int64_t embedding_dim, const EmbeddingLayerOptions& o,
                     Location where)
    : weight(table("Embedding", num_embeddings, embedding_dim, o.padding_idx, o.dtype, o.generator, where)),
      padding_idx(o.padding_idx),
      max_norm(o.max_norm),
      norm_type(o.norm_type) {
  check_max_norm("Embedding", max_norm, norm_type, where);
}

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

Tensor Embedding::forward(Operand indices) const {
  if (max_norm.has_value()) shorten_rows(weight, indices, *max_norm, norm_type);
  return embedding(indices, Operand(weight, indices.where), {.padding_idx = padding_idx});
}

Tensor Embedding::with_weight(Operand indices, const Tensor& w) const {
  if (max_norm.has_value()) {
    throw_error<ValueError>(
        indices.where, "Embedding",
        "max_norm = {} shortens rows of the weight in place, and this weight is computed; "
        "leave max_norm out",
        *max_norm);
  }
  return embedding(indices, Operand(w, indices.where), {.padding_idx = padding_idx});
}

std::string Embedding::options_text() const { return text_of(weight, padding_idx, max_norm, norm_type); }

EmbeddingBag::EmbeddingBag(std::int64_t num_embeddings, std::int64_t embedding_dim,
                           const EmbeddingBagLayerOptions& o, Location where)
    : weight(
          table("EmbeddingBag", num_embeddings, embedding_dim, o.padding_idx, o.dtype, o.generator, where)),
      mode(o.mode),
      padding_idx(o.padding_idx),
      max_norm(o.max_norm),
      norm_type(o.norm_type) {
  check_max_norm("EmbeddingBag", max_norm, norm_type, where);
}

Tensor EmbeddingBag::operator()(Operand indices, const EmbeddingBagCall& call) const {
  return with_hooks(*this, indices, [&](Operand in) {
    if (max_norm.has_value()) shorten_rows(weight, in, *max_norm, norm_type);
    return embedding_bag(in, Operand(weight, in.where),
                         {.offsets = call.offsets,
                          .mode = mode,
                          .per_sample_weights = call.per_sample_weights,
                          .padding_idx = padding_idx});
  });
}

std::string EmbeddingBag::options_text() const {
  constexpr const char* kModes[] = {"sum", "mean", "max"};
  std::string text = text_of(weight, padding_idx, max_norm, norm_type);
  return text.empty() ? text : fmt::format("{}, mode='{}'", text, kModes[static_cast<int>(mode)]);
}

}  // namespace gradus::nn
