// Attributes of embedding and its derivative. Internal to ops/ and its tests.
#pragma once

#include "gradus/graph/apply.h"

namespace gradus {

inline constexpr std::int64_t kNoPadding = -1;

struct EmbeddingAttrs {
  std::int64_t padding_idx = kNoPadding;  // the row that gets no gradient
};
struct EmbeddingBackwardAttrs {
  std::int64_t rows;
  std::int64_t padding_idx = kNoPadding;
};

// Zeros [rows, n] with the rows of g [.., n] added at the places `input` [..]; the row padding_idx stays
// zero.
Tensor embedding_backward(Operand g, Operand input, const EmbeddingBackwardAttrs& attrs);

}  // namespace gradus
