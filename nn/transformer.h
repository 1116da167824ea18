// Layers of transformers and stacks of them, as torch.nn has them. A. Vaswani et al.: "Attention is all you
// need", 2017, 3.1; norm_first: R. Xiong et al.: "On layer normalization in the transformer architecture",
// 2020. Masks are those of MultiheadAttention: bool masks hide where they are true. With caches the layers
// decode token by token: each call gets only what is new.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "gradus/nn/attention.h"
#include "gradus/nn/dropout.h"
#include "gradus/nn/norm.h"

namespace gradus::nn {

enum class TransformerActivation : std::uint8_t { relu, gelu };

struct TransformerOptions {
  std::int64_t dim_feedforward = 2048;
  double dropout = 0.1;
  TransformerActivation activation = TransformerActivation::relu;
  double layer_norm_eps = 1e-5;
  bool batch_first = false;  // [N, T, E], not [T, N, E]
  bool norm_first = false;   // the norm acts on the input of each part, not on the sum behind it
  bool bias = true;
  DType dtype = DType::f32;
  Generator* generator = nullptr;  // of the initial values
};

struct EncoderCall {
  Tensor src_mask = {};                     // [T, T] or [N heads, T, T]
  Tensor src_key_padding_mask = {};         // [N, T]
  bool is_causal = false;                   // by itself or beside src_mask
  KeyValueCache* cache = nullptr;           // for decoding with causal layers
  const RotaryEmbedding* rotary = nullptr;  // for queries and keys
};

// Self-attention, then two linear layers, each with a residual and a norm.
struct TransformerEncoderLayer : Module {
  MultiheadAttention self_attn;
  Linear linear1, linear2;
  LayerNorm norm1, norm2;
  Dropout dropout, dropout1, dropout2;
  GRADUS_MEMBERS(self_attn, linear1, dropout, linear2, norm1, norm2, dropout1, dropout2)

  // Errors: as MultiheadAttention.
  TransformerEncoderLayer(std::int64_t d_model, std::int64_t nhead, const TransformerOptions& options = {},
                          Location where = Location::current());
  Tensor operator()(Operand src, const EncoderCall& call = {}) const;

  TransformerActivation activation;
  bool norm_first;
};

// What the layers of a decoder keep between calls: of the tokens so far, and of the encoder's result, whose
// keys and values are computed once.
struct DecoderCache {
  KeyValueCache self;
  KeyValueCache memory{.fixed = true};
};

struct DecoderCall {
  Tensor tgt_mask = {};
  Tensor memory_mask = {};
  Tensor tgt_key_padding_mask = {};
  Tensor memory_key_padding_mask = {};
  bool tgt_is_causal = false;
  bool memory_is_causal = false;
  DecoderCache* cache = nullptr;
};

// Self-attention, attention to the encoder's result `memory`, two linear layers.
struct TransformerDecoderLayer : Module {
  MultiheadAttention self_attn, multihead_attn;
  Linear linear1, linear2;
  LayerNorm norm1, norm2, norm3;
  Dropout dropout, dropout1, dropout2, dropout3;
  GRADUS_MEMBERS(self_attn, multihead_attn, linear1, dropout, linear2, norm1, norm2, norm3, dropout1,
                 dropout2, dropout3)

  TransformerDecoderLayer(std::int64_t d_model, std::int64_t nhead, const TransformerOptions& options = {},
                          Location where = Location::current());
  Tensor operator()(Operand tgt, Operand memory, const DecoderCall& call = {}) const;

  TransformerActivation activation;
  bool norm_first;
};

struct EncoderStackCall {
  Tensor mask = {};
  Tensor src_key_padding_mask = {};
  bool is_causal = false;
  std::vector<KeyValueCache>* caches = nullptr;  // one a layer; an empty list is filled
  const RotaryEmbedding* rotary = nullptr;
};

// num_layers copies of a layer (all start with its values), and a norm behind the last.
struct TransformerEncoder : Module {
  std::vector<TransformerEncoderLayer> layers;
  std::optional<LayerNorm> norm;
  GRADUS_MEMBERS(layers, norm)

  // Errors: ValueError for a negative number; calls: also for another number of caches.
  TransformerEncoder(const TransformerEncoderLayer& layer, std::int64_t num_layers,
                     std::optional<LayerNorm> norm = std::nullopt, Location where = Location::current());
  Tensor operator()(Operand src, const EncoderStackCall& call = {}) const;
};

struct DecoderStackCall {
  Tensor tgt_mask = {};
  Tensor memory_mask = {};
  Tensor tgt_key_padding_mask = {};
  Tensor memory_key_padding_mask = {};
  bool tgt_is_causal = false;
  bool memory_is_causal = false;
  std::vector<DecoderCache>* caches = nullptr;
};

struct TransformerDecoder : Module {
  std::vector<TransformerDecoderLayer> layers;
  std::optional<LayerNorm> norm;
  GRADUS_MEMBERS(layers, norm)

  TransformerDecoder(const TransformerDecoderLayer& layer, std::int64_t num_layers,
                     std::optional<LayerNorm> norm = std::nullopt, Location where = Location::current());
  Tensor operator()(Operand tgt, Operand memory, const DecoderStackCall& call = {}) const;
};

struct TransformerCall {
  Tensor src_mask = {}, tgt_mask = {}, memory_mask = {};
  Tensor src_key_padding_mask = {}, tgt_key_padding_mask = {}, memory_key_padding_mask = {};
  bool src_is_causal = false, tgt_is_causal = false, memory_is_causal = false;
};

// An encoder and a decoder with norms behind both; all matrices start Xavier uniform.
struct Transformer : Module {
  TransformerEncoder encoder;
  TransformerDecoder decoder;
  GRADUS_MEMBERS(encoder, decoder)

  explicit Transformer(std::int64_t d_model = 512, std::int64_t nhead = 8,
                       std::int64_t num_encoder_layers = 6, std::int64_t num_decoder_layers = 6,
                       const TransformerOptions& options = {}, Location where = Location::current());
  Tensor operator()(Operand src, Operand tgt, const TransformerCall& call = {}) const;
  // bool [size, size], true above the diagonal: what a causal mask hides.
  static Tensor generate_square_subsequent_mask(std::int64_t size);
};

}  // namespace gradus::nn
