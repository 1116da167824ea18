#include "gradus/nn/transformer.h"

#include "gradus/base/format.h"
#include "gradus/nn/init.h"
#include "gradus/nn/start.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/indexing.h"

namespace gradus::nn {
namespace {

MultiheadAttentionOptions attention_options(const TransformerOptions& o) {
  return {.dropout = o.dropout,
          .bias = o.bias,
          .batch_first = o.batch_first,
          .dtype = o.dtype,
          .generator = o.generator};
}
LinearOptions linear_options(const TransformerOptions& o) {
  return {.bias = o.bias, .dtype = o.dtype, .generator = o.generator};
}
LayerNormLayerOptions norm_options(const TransformerOptions& o) {
  return {.eps = o.layer_norm_eps, .bias = o.bias, .dtype = o.dtype};
}

// x + part(x), the norm before the part or behind the sum.
template <class F>
Tensor residual(const Tensor& x, const LayerNorm& norm, bool norm_first, Location where, F part) {
  if (norm_first) return add(Operand(x, where), Operand(part(norm(Operand(x, where))), where));
  return norm(Operand(add(Operand(x, where), Operand(part(x), where)), where));
}

Tensor feed_forward(const Tensor& x, const Linear& linear1, TransformerActivation activation,
                    const Dropout& dropout, const Linear& linear2, Location where) {
  const Tensor h = linear1(Operand(x, where));
  const Tensor a =
      activation == TransformerActivation::relu ? relu(Operand(h, where)) : gelu(Operand(h, where));
  return linear2(Operand(dropout(Operand(a, where)), where));
}

// One cache a layer.
template <class Cache>
void fill_caches(std::vector<Cache>* caches, std::size_t layers, const char* layer, Location where) {
  if (caches == nullptr) return;
  if (caches->empty()) caches->resize(layers);
  if (caches->size() == layers) return;
  throw_error<ValueError>(where, layer, "there are {} caches for {} layers; an empty list is filled",
                          caches->size(), layers);
}

}  // namespace

TransformerEncoderLayer::TransformerEncoderLayer(std::int64_t d_model, std::int64_t nhead,
                                                 const TransformerOptions& o, Location where)
    : self_attn(d_model, nhead, attention_options(o), where),
      linear1(d_model, o.dim_feedforward, linear_options(o), where),
      linear2(o.dim_feedforward, d_model, linear_options(o), where),
      norm1({d_model}, norm_options(o), where),
      norm2({d_model}, norm_options(o), where),
      dropout(o.dropout, where),
      dropout1(o.dropout, where),
      dropout2(o.dropout, where),
      activation(o.activation),
      norm_first(o.norm_first) {}

Tensor TransformerEncoderLayer::operator()(Operand src, const EncoderCall& call) const {
  return with_hooks(*this, src, [&](Operand in) {
    const Location where = in.where;
    const Tensor x = residual(Tensor::share(in.impl), norm1, norm_first, where, [&](const Tensor& t) {
      const AttentionResult r = self_attn(Operand(t, where), {.key_padding_mask = call.src_key_padding_mask,
                                                              .attn_mask = call.src_mask,
                                                              .is_causal = call.is_causal,
                                                              .cache = call.cache,
                                                              .rotary = call.rotary});
      return dropout1(Operand(r.output, where));
    });
    return residual(x, norm2, norm_first, where, [&](const Tensor& t) {
      return dropout2(Operand(feed_forward(t, linear1, activation, dropout, linear2, where), where));
    });
  });
}

TransformerDecoderLayer::TransformerDecoderLayer(std::int64_t d_model, std::int64_t nhead,
                                                 const TransformerOptions& o, Location where)
    : self_attn(d_model, nhead, attention_options(o), where),
      multihead_attn(d_model, nhead, attention_options(o), where),
      linear1(d_model, o.dim_feedforward, linear_options(o), where),
      linear2(o.dim_feedforward, d_model, linear_options(o), where),
      norm1({d_model}, norm_options(o), where),
      norm2({d_model}, norm_options(o), where),
      norm3({d_model}, norm_options(o), where),
      dropout(o.dropout, where),
      dropout1(o.dropout, where),
      dropout2(o.dropout, where),
      dropout3(o.dropout, where),
      activation(o.activation),
      norm_first(o.norm_first) {}

Tensor TransformerDecoderLayer::operator()(Operand tgt, Operand memory, const DecoderCall& call) const {
  const Tensor encoded = Tensor::share(memory.impl);
  return with_hooks(*this, tgt, [&](Operand in) {
    const Location where = in.where;
    KeyValueCache* own = call.cache != nullptr ? &call.cache->self : nullptr;
    KeyValueCache* other = call.cache != nullptr ? &call.cache->memory : nullptr;
    const Tensor x = residual(Tensor::share(in.impl), norm1, norm_first, where, [&](const Tensor& t) {
      const AttentionResult r = self_attn(Operand(t, where), {.key_padding_mask = call.tgt_key_padding_mask,
                                                              .attn_mask = call.tgt_mask,
                                                              .is_causal = call.tgt_is_causal,
                                                              .cache = own});
      return dropout1(Operand(r.output, where));
    });
    const Tensor y = residual(x, norm2, norm_first, where, [&](const Tensor& t) {
      const AttentionResult r =
          multihead_attn(Operand(t, where), Operand(encoded, where), Operand(encoded, where),
                         {.key_padding_mask = call.memory_key_padding_mask,
                          .attn_mask = call.memory_mask,
                          .is_causal = call.memory_is_causal,
                          .cache = other});
      return dropout2(Operand(r.output, where));
    });
    return residual(y, norm3, norm_first, where, [&](const Tensor& t) {
      return dropout3(Operand(feed_forward(t, linear1, activation, dropout, linear2, where), where));
    });
  });
}

TransformerEncoder::TransformerEncoder(const TransformerEncoderLayer& layer, std::int64_t num_layers,
                                       std::optional<LayerNorm> norm, Location where)
    : norm(std::move(norm)) {
  check_sizes("TransformerEncoder", {{"num_layers", num_layers}}, where);
  for (std::int64_t i = 0; i < num_layers; ++i) layers.push_back(layer);
}

Tensor TransformerEncoder::operator()(Operand src, const EncoderStackCall& call) const {
  fill_caches(call.caches, layers.size(), "TransformerEncoder", src.where);
  return with_hooks(*this, src, [&](Operand in) {
    Tensor x = Tensor::share(in.impl);
    for (std::size_t i = 0; i < layers.size(); ++i) {
      x = layers[i](Operand(x, in.where), {.src_mask = call.mask,
                                           .src_key_padding_mask = call.src_key_padding_mask,
                                           .is_causal = call.is_causal,
                                           .cache = call.caches != nullptr ? &(*call.caches)[i] : nullptr,
                                           .rotary = call.rotary});
    }
    return norm.has_value() ? (*norm)(Operand(x, in.where)) : x;
  });
}

TransformerDecoder::TransformerDecoder(const TransformerDecoderLayer& layer, std::int64_t num_layers,
                                       std::optional<LayerNorm> norm, Location where)
    : norm(std::move(norm)) {
  check_sizes("TransformerDecoder", {{"num_layers", num_layers}}, where);
  for (std::int64_t i = 0; i < num_layers; ++i) layers.push_back(layer);
}

Tensor TransformerDecoder::operator()(Operand tgt, Operand memory, const DecoderStackCall& call) const {
  const Tensor encoded = Tensor::share(memory.impl);
  fill_caches(call.caches, layers.size(), "TransformerDecoder", tgt.where);
  return with_hooks(*this, tgt, [&](Operand in) {
    Tensor x = Tensor::share(in.impl);
    for (std::size_t i = 0; i < layers.size(); ++i) {
      x = layers[i](Operand(x, in.where), Operand(encoded, in.where),
                    {.tgt_mask = call.tgt_mask,
                     .memory_mask = call.memory_mask,
                     .tgt_key_padding_mask = call.tgt_key_padding_mask,
                     .memory_key_padding_mask = call.memory_key_padding_mask,
                     .tgt_is_causal = call.tgt_is_causal,
                     .memory_is_causal = call.memory_is_causal,
                     .cache = call.caches != nullptr ? &(*call.caches)[i] : nullptr});
    }
    return norm.has_value() ? (*norm)(Operand(x, in.where)) : x;
  });
}

Transformer::Transformer(std::int64_t d_model, std::int64_t nhead, std::int64_t num_encoder_layers,
                         std::int64_t num_decoder_layers, const TransformerOptions& o, Location where)
    : encoder(TransformerEncoderLayer(d_model, nhead, o, where), num_encoder_layers,
              LayerNorm({d_model}, norm_options(o), where), where),
      decoder(TransformerDecoderLayer(d_model, nhead, o, where), num_decoder_layers,
              LayerNorm({d_model}, norm_options(o), where), where) {
  for (const Tensor& p : parameters()) {
    if (p.rank() > 1) init::xavier_uniform_(p, 1.0, o.generator, where);
  }
}

Tensor Transformer::operator()(Operand src, Operand tgt, const TransformerCall& call) const {
  const Tensor target = Tensor::share(tgt.impl);
  return with_hooks(*this, src, [&](Operand in) {
    const Tensor memory = encoder(in, {.mask = call.src_mask,
                                       .src_key_padding_mask = call.src_key_padding_mask,
                                       .is_causal = call.src_is_causal});
    return decoder(Operand(target, in.where), Operand(memory, in.where),
                   {.tgt_mask = call.tgt_mask,
                    .memory_mask = call.memory_mask,
                    .tgt_key_padding_mask = call.tgt_key_padding_mask,
                    .memory_key_padding_mask = call.memory_key_padding_mask,
                    .tgt_is_causal = call.tgt_is_causal,
                    .memory_is_causal = call.memory_is_causal});
  });
}

Tensor Transformer::generate_square_subsequent_mask(std::int64_t size) {
  return triu(ones({size, size}, DType::boolean), 1);
}

}  // namespace gradus::nn
