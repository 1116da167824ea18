// Embedding and EmbeddingBag: rows of a trained table, picked by number. Their weights start normal(0, 1),
// the row of padding_idx as zeros.
//
// Note [max_norm]. With max_norm a call first shortens, in place and unrecorded, the rows that it looks up
// and whose norm is greater: row *= max_norm / (norm + 1e-7), as torch does. Rows that fit are not written.
// So such a call changes the weight: not from several threads at once.
#pragma once

#include <optional>

#include "gradus/base/random.h"
#include "gradus/nn/unary_module.h"
#include "gradus/ops/indexing.h"

namespace gradus::nn {

struct EmbeddingLayerOptions {
  // This row gets no gradient; negative numbers count from the end.
  std::optional<std::int64_t> padding_idx = std::nullopt;
  std::optional<double> max_norm = std::nullopt;  // see Note [max_norm]
  double norm_type = 2;                           // p of that norm
  DType dtype = DType::f32;
  Generator* generator = nullptr;  // of the initial values
};

// Indices [...] (i64) -> [..., embedding_dim].
struct Embedding : UnaryModule {
  Parameter weight;  // [num_embeddings, embedding_dim]
  GRADUS_MEMBERS(weight)

  // Errors: ValueError for a negative size, a padding_idx out of range, a max_norm or norm_type that is not
  // greater than 0; DtypeError.
  Embedding(std::int64_t num_embeddings, std::int64_t embedding_dim,
            const EmbeddingLayerOptions& options = {}, Location where = Location::current());
  // A table that is there already, frozen by default. Errors: ShapeError unless it is a matrix, DtypeError.
  static Embedding from_pretrained(const Tensor& table, bool freeze = true,
                                   std::optional<std::int64_t> padding_idx = std::nullopt,
                                   Location where = Location::current());

  // Errors: DtypeError, ValueError for an index out of range.
  Tensor forward(Operand indices) const override;
  // Errors: also ValueError with max_norm, since a computed weight has no rows to shorten.
  Tensor with_weight(Operand indices, const Tensor& w) const;
  std::string options_text() const override;

  std::optional<std::int64_t> padding_idx;
  std::optional<double> max_norm;
  double norm_type = 2;
};

struct EmbeddingBagLayerOptions {
  BagMode mode = BagMode::mean;
  std::optional<std::int64_t> padding_idx = std::nullopt;  // counts in no bag
  std::optional<double> max_norm = std::nullopt;           // see Note [max_norm]
  double norm_type = 2;
  DType dtype = DType::f32;
  Generator* generator = nullptr;
};

struct EmbeddingBagCall {
  Tensor offsets = {};             // where each bag begins in a list of indices
  Tensor per_sample_weights = {};  // a factor for each index; with BagMode::sum only
};

// Embedding reduced over bags of indices, a row a bag or by offsets: [bags, embedding_dim].
struct EmbeddingBag : Module {
  Parameter weight;
  GRADUS_MEMBERS(weight)

  // Errors: as Embedding.
  EmbeddingBag(std::int64_t num_embeddings, std::int64_t embedding_dim,
               const EmbeddingBagLayerOptions& options = {}, Location where = Location::current());

  // Errors: those of embedding_bag().
  Tensor operator()(Operand indices, const EmbeddingBagCall& call = {}) const;
  std::string options_text() const override;

  BagMode mode;
  std::optional<std::int64_t> padding_idx;
  std::optional<double> max_norm;
  double norm_type = 2;
};

}  // namespace gradus::nn
