// Attention. Names, argument order and defaults are PyTorch's.
#pragma once

#include <optional>

#include "gradus/base/random.h"
#include "gradus/graph/apply.h"

namespace gradus {

struct AttentionOptions {
  // Broadcasts to [.., L, S]. bool: false hides a key. Of query's dtype: added to the scores. Undefined:
  // none.
  Tensor attn_mask = {};
  // Probabilities are dropped with probability p, the others divided by 1 - p. Always, also where a module is
  // evaluated.
  double dropout_p = 0;
  // Query i sees the keys 0..i. Not beside attn_mask.
  bool is_causal = false;
  std::optional<double> scale = std::nullopt;  // 1 / sqrt(E) unless given
  // Query may have more heads (axis -3) than key and value, which are shared by neighbouring ones.
  bool enable_gqa = false;
  Generator* generator = nullptr;  // of dropout; nullptr: the default one
};

// softmax(query key^T scale + attn_mask) value for query [.., L, E], key [.., S, E] and value [.., S, Ev];
// the axes in front broadcast. Memory grows with L and S, not with L S; so does that of the first derivative,
// unless attn_mask wants a gradient, but not that of the second. A query that sees no key gives zeros.
// Floating. A. Vaswani et al.: "Attention is all you need", 2017, 3.2.1; T. Dao et al.: "FlashAttention",
// 2022. Errors: ShapeError; DtypeError; ValueError for dropout_p outside [0, 1), attn_mask beside is_causal,
// a scale that is no finite number.
Tensor scaled_dot_product_attention(Operand query, Operand key, Operand value,
                                    const AttentionOptions& options = {});

}  // namespace gradus
