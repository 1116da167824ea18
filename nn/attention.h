// MultiheadAttention: attention of several heads over projections of queries, keys and values, with a cache
// of keys and values for decoding token by token. A. Vaswani et al.: "Attention is all you need",
// 2017, 3.2.2.
#pragma once

#include <optional>

#include "gradus/base/random.h"
#include "gradus/nn/linear.h"
#include "gradus/nn/positional.h"

namespace gradus::nn {

// Keys and values of the calls so far, split into heads: [N, heads, length, head width]. A plain value; a
// default-made one is empty.
struct KeyValueCache {
  Tensor key = {}, value = {};
  // Computed by the first call and kept as they are, as those of an encoder's result: later calls do not read
  // key and value.
  bool fixed = false;

  std::int64_t length() const { return key.defined() ? key.size(2) : 0; }
};

struct MultiheadAttentionOptions {
  double dropout = 0;  // of the attention's probabilities, in training
  bool bias = true;
  bool add_bias_kv = false;                         // a trained key and value behind those of each sequence
  bool add_zero_attn = false;                       // a key and a value of zeros behind them
  std::optional<std::int64_t> kdim = std::nullopt;  // widths of keys and values; embed_dim
  std::optional<std::int64_t> vdim = std::nullopt;
  bool batch_first = false;  // [N, T, E], not [T, N, E]
  DType dtype = DType::f32;
  Generator* generator = nullptr;  // of the initial values
};

struct AttentionCall {
  // As in PyTorch, and the other way round than scaled_dot_product_attention: bool, true hides a key. Of the
  // input's dtype: added to the scores.
  Tensor key_padding_mask = {};  // [N, S]; [S] without a batch
  Tensor attn_mask = {};         // [L, S] or [N heads, L, S]
  // Hides the keys behind each query's own place, by itself and beside the masks. With a cache the places go
  // on where it ends.
  bool is_causal = false;
  bool need_weights = false;
  bool average_attn_weights = true;         // over the heads
  KeyValueCache* cache = nullptr;           // what this call adds is put behind what is there
  const RotaryEmbedding* rotary = nullptr;  // turns queries and keys, places as for is_causal
};

struct AttentionResult {
  Tensor output;   // as query
  Tensor weights;  // [N, L, S], or [N, heads, L, S] not averaged; undefined unless need_weights
};

struct MultiheadAttention : Module {
  Parameter in_proj_weight;  // [3 embed_dim, embed_dim]: query, key, value; undefined with kdim or vdim
  Parameter q_proj_weight;   // [embed_dim, embed_dim], with kdim or vdim
  Parameter k_proj_weight;   // [embed_dim, kdim]
  Parameter v_proj_weight;   // [embed_dim, vdim]
  Parameter in_proj_bias;    // [3 embed_dim], or undefined
  Parameter bias_k, bias_v;  // [1, 1, embed_dim], with add_bias_kv
  Linear out_proj;
  GRADUS_MEMBERS(in_proj_weight, q_proj_weight, k_proj_weight, v_proj_weight, in_proj_bias, bias_k, bias_v,
                 out_proj)

  // Projections start Xavier uniform, biases as zeros, bias_k and bias_v Xavier normal. Errors: ValueError
  // for sizes below 1, heads that do not divide embed_dim, dropout outside [0, 1); DtypeError.
  MultiheadAttention(std::int64_t embed_dim, std::int64_t num_heads,
                     const MultiheadAttentionOptions& options = {}, Location where = Location::current());

  // query [L, N, E], key [S, N, kdim], value [S, N, vdim], or with batch_first [N, L, E] and so on, or all
  // without N. A query that sees no key gets the bias of out_proj alone (PyTorch: NaN). Errors: ShapeError,
  // DtypeError, ValueError for a cache beside add_bias_kv or add_zero_attn.
  AttentionResult operator()(Operand query, Operand key, Operand value, const AttentionCall& call = {}) const;
  // Of x to itself.
  AttentionResult operator()(Operand x, const AttentionCall& call = {}) const;
  std::string options_text() const override;

  std::int64_t embed_dim, num_heads;
  double dropout;
  bool add_zero_attn, batch_first;

 private:
  AttentionResult attend(const Operand& query, const Tensor& key, const Tensor& value,
                         const AttentionCall& call) const;
};

}  // namespace gradus::nn
