// Embedding and EmbeddingBag: rows of a trained table, picked by number. Their weights start normal(0, 1),
// the row of padding_idx as zeros.
#pragma once

#include <optional>

#include "gradus/base/random.h"
#include "gradus/nn/unary_module.h"
#include "gradus/ops/indexing.h"

namespace gradus::nn {

struct EmbeddingLayerOptions {
  // This row gets no gradient; negative numbers count from the end.
  std::optional<std::int64_t> padding_idx = std::nullopt;
  DType dtype = DType::f32;
  Generator* generator = nullptr;  // of the initial values
};

// Indices [...] (i64) -> [..., embedding_dim].
struct Embedding : UnaryModule {
  Parameter weight;  // [num_embeddings, embedding_dim]
  GRADUS_MEMBERS(weight)

  // Errors: ValueError for a negative size or a padding_idx out of range; DtypeError.
  Embedding(std::int64_t num_embeddings, std::int64_t embedding_dim,
            const EmbeddingLayerOptions& options = {}, Location where = Location::current());
  // A table that is there already, frozen by default. Errors: ShapeError unless it is a matrix, DtypeError.
  static Embedding from_pretrained(const Tensor& table, bool freeze = true,
                                   std::optional<std::int64_t> padding_idx = std::nullopt,
                                   Location where = Location::current());

  // Errors: DtypeError, ValueError for an index out of range.
  Tensor forward(Operand indices) const override;
  Tensor with_weight(Operand indices, const Tensor& w) const;
  std::string options_text() const override;

  std::optional<std::int64_t> padding_idx;
};

struct EmbeddingBagLayerOptions {
  BagMode mode = BagMode::mean;
  std::optional<std::int64_t> padding_idx = std::nullopt;  // counts in no bag
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
};

}  // namespace gradus::nn
