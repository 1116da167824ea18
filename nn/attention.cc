#include "gradus/nn/attention.h"

#include <cmath>
#include <limits>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/nn/init.h"
#include "gradus/nn/start.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/attention.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/join.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/random.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus::nn {
namespace {

constexpr const char* kLayer = "MultiheadAttention";
constexpr double kInf = std::numeric_limits<double>::infinity();

struct At {
  Location where;
  Operand operator()(const Tensor& t) const { return {t, where}; }
};

// Which keys a query sees, and what is added to its scores; either may be undefined. Both broadcast to
// [N, heads, L, S].
struct Mask {
  Tensor visible;
  Tensor added;

  void add(const Tensor& mask, const At& at) {
    if (mask.dtype() == DType::boolean) {
      show(logical_not(at(mask)), at);
    } else {
      added = added.defined() ? gradus::add(at(added), at(mask)) : mask;
    }
  }
  void show(const Tensor& seen, const At& at) {
    visible = visible.defined() ? logical_and(at(visible), at(seen)) : seen;
  }
  // As scaled_dot_product_attention takes it.
  Tensor joined(const At& at) const {
    if (!added.defined()) return visible;
    return visible.defined() ? where(at(visible), at(added), -kInf) : added;
  }
};

void check_mask(const Tensor& mask, const char* name, const Tensor& x, const Shape& expected,
                const char* text, Location where) {
  if (mask.dtype() != DType::boolean && mask.dtype() != x.dtype()) {
    throw_error<DtypeError>(where, kLayer,
                            "{} is bool (true hides) or of the query's dtype (added): {} {}, query {}", name,
                            name, describe(mask), describe(x));
  }
  if (mask.shape() == expected) return;
  throw_error<ShapeError>(where, kLayer, "{} has the axes {}, here {}: {}", name, text,
                          format_shape({expected.data(), static_cast<std::size_t>(expected.size())}),
                          describe(mask));
}

// [N, T, E] -> [N, heads, T, E / heads].
Tensor split_heads(const Tensor& x, std::int64_t heads, const At& at) {
  const Tensor parts = reshape(at(x), {x.size(0), x.size(1), heads, x.size(2) / heads});
  return transpose(at(parts), 1, 2);
}

// `more` keys behind the last, which every query sees.
Tensor extended(const Tensor& mask, std::int64_t more, const At& at) {
  if (!mask.defined() || more == 0) return mask;
  return pad(at(mask), {0, more});  // 0 and false: neither hidden nor changed
}

}  // namespace

MultiheadAttention::MultiheadAttention(std::int64_t embed_dim, std::int64_t num_heads,
                                       const MultiheadAttentionOptions& o, Location where)
    : out_proj(
          (check_sizes(kLayer, {{"embed_dim", embed_dim}, {"num_heads", num_heads}}, where, 1), embed_dim),
          embed_dim, {.bias = o.bias, .dtype = o.dtype, .generator = o.generator}, where),
      embed_dim(embed_dim),
      num_heads(num_heads),
      dropout(o.dropout),
      add_zero_attn(o.add_zero_attn),
      batch_first(o.batch_first) {
  if (embed_dim % num_heads != 0) {
    throw_error<ValueError>(where, kLayer, "{} heads do not divide embed_dim {}", num_heads, embed_dim);
  }
  if (!(dropout >= 0 && dropout < 1)) {
    throw_error<ValueError>(where, kLayer, "dropout is {}; it must be >= 0 and < 1", dropout);
  }
  const std::int64_t kdim = o.kdim.value_or(embed_dim), vdim = o.vdim.value_or(embed_dim);
  check_sizes(kLayer, {{"kdim", kdim}, {"vdim", vdim}}, where, 1);
  const auto projection = [&](std::int64_t rows, std::int64_t columns) {
    return Parameter(init::xavier_uniform_(empty({rows, columns}, o.dtype, where), 1.0, o.generator, where),
                     where);
  };
  if (kdim == embed_dim && vdim == embed_dim) {
    in_proj_weight = projection(3 * embed_dim, embed_dim);
  } else {
    q_proj_weight = projection(embed_dim, embed_dim);
    k_proj_weight = projection(embed_dim, kdim);
    v_proj_weight = projection(embed_dim, vdim);
  }
  if (o.bias) {
    in_proj_bias = start_constant({3 * embed_dim}, 0, o.dtype, where);
    init::zeros_(out_proj.bias.share(), where);
  }
  if (o.add_bias_kv) {
    const auto row = [&] {
      return Parameter(
          init::xavier_normal_(empty({1, 1, embed_dim}, o.dtype, where), 1.0, o.generator, where), where);
    };
    bias_k = row();
    bias_v = row();
  }
}

AttentionResult MultiheadAttention::operator()(Operand query, Operand key, Operand value,
                                               const AttentionCall& call) const {
  const Tensor k = Tensor::share(key.impl), v = Tensor::share(value.impl);
  const bool key_is_query = key.impl == query.impl, value_is_query = value.impl == query.impl;
  return with_hooks(*this, query, [&](Operand in) {
    const Tensor q = Tensor::share(in.impl);
    return attend(in, key_is_query ? q : k, value_is_query ? q : v, call);
  });
}

AttentionResult MultiheadAttention::operator()(Operand x, const AttentionCall& call) const {
  return with_hooks(*this, x, [&](Operand in) {
    const Tensor t = Tensor::share(in.impl);
    return attend(in, t, t, call);
  });
}

AttentionResult MultiheadAttention::attend(const Operand& query, const Tensor& key, const Tensor& value,
                                           const AttentionCall& call) const {
  const At at{query.where};
  const Tensor q_in = Tensor::share(query.impl);
  const bool batched = q_in.rank() == 3;
  KeyValueCache* cache = call.cache;
  const bool from_cache = cache != nullptr && cache->fixed && cache->key.defined();
  const std::int64_t kdim = k_proj_weight.defined() ? k_proj_weight.size(1) : embed_dim;
  const std::int64_t vdim = v_proj_weight.defined() ? v_proj_weight.size(1) : embed_dim;
  const auto check = [&](const Tensor& t, const char* name, std::int64_t width) {
    if (t.rank() == (batched ? 3 : 2) && t.size(-1) == width) return;
    throw_error<ShapeError>(at.where, kLayer,
                            "{} has the axes {} or, all three, [T, width], with a width of {}: {}", name,
                            batch_first ? "[N, T, width]" : "[T, N, width]", width, describe(t));
  };
  check(q_in, "query", embed_dim);
  if (!from_cache) {
    check(key, "key", kdim);
    check(value, "value", vdim);
  }
  if (cache != nullptr && (bias_k.defined() || add_zero_attn)) {
    throw_error<ValueError>(
        at.where, kLayer,
        "a cache beside add_bias_kv or add_zero_attn, whose keys would not stay the last ones");
  }

  // [N, T, width]
  const auto batch_major = [&](const Tensor& t) {
    if (!batched) return unsqueeze(at(t), 0);
    return batch_first ? t : transpose(at(t), 0, 1);
  };
  // Rows `from` to `to` of the projections, in units of embed_dim.
  const auto project = [&](const Tensor& x, const Parameter& own, int from, int to) {
    const std::int64_t e = embed_dim;
    const Tensor w = own.defined()    ? own.share()
                     : to - from == 3 ? in_proj_weight.share()
                                      : slice(at(in_proj_weight), 0, from * e, to * e);
    if (!in_proj_bias.defined()) return linear(at(x), at(w));
    const Tensor b = to - from == 3 ? in_proj_bias.share() : slice(at(in_proj_bias), 0, from * e, to * e);
    return linear(at(x), at(w), at(b));
  };

  const Tensor x = batch_major(q_in);
  Tensor q, k, v;
  if (from_cache) {
    q = project(x, q_proj_weight, 0, 1);
  } else if (in_proj_weight.defined() && key.is(q_in) && value.is(q_in)) {
    const std::vector<Tensor> parts = chunk(project(x, {}, 0, 3), 3, -1, at.where);
    q = parts[0];
    k = parts[1];
    v = parts[2];
  } else {
    q = project(x, q_proj_weight, 0, 1);
    k = project(batch_major(key), k_proj_weight, 1, 2);
    v = project(batch_major(value), v_proj_weight, 2, 3);
  }
  const std::int64_t batch = x.size(0), length = x.size(1), width = embed_dim / num_heads;
  std::int64_t more = 0;  // keys that every query sees, behind the others
  if (bias_k.defined() && !from_cache) {
    const Shape row{batch, 1, embed_dim};
    k = concat({k, expand(at(bias_k), row)}, 1, at.where);
    v = concat({v, expand(at(bias_v), row)}, 1, at.where);
    ++more;
  }
  const std::int64_t past = cache != nullptr && !cache->fixed ? cache->length() : 0;
  q = split_heads(q, num_heads, at);
  if (call.rotary != nullptr) q = (*call.rotary)(at(q), past);
  if (from_cache) {
    k = cache->key;
    v = cache->value;
  } else {
    k = split_heads(k, num_heads, at);
    v = split_heads(v, num_heads, at);
    if (call.rotary != nullptr) k = (*call.rotary)(at(k), past);
    if (past > 0) {
      k = concat({cache->key, k}, 2, at.where);
      v = concat({cache->value, v}, 2, at.where);
    }
    if (cache != nullptr) {
      cache->key = k;
      cache->value = v;
    }
  }
  if (add_zero_attn) {
    const Tensor row = zeros({batch, num_heads, 1, width}, q.dtype(), at.where);
    k = concat({k, row}, 2, at.where);
    v = concat({v, row}, 2, at.where);
    ++more;
  }

  const std::int64_t keys = k.size(2);
  Mask mask;
  if (call.attn_mask.defined()) {
    const Tensor& m = call.attn_mask;
    if (m.rank() == 3) {
      check_mask(m, "attn_mask", q_in, {batch * num_heads, length, keys - more}, "[N heads, L, S]", at.where);
      mask.add(extended(reshape(at(m), {batch, num_heads, length, keys - more}), more, at), at);
    } else {
      check_mask(m, "attn_mask", q_in, {length, keys - more}, "[L, S]", at.where);
      mask.add(extended(m, more, at), at);
    }
  }
  if (call.key_padding_mask.defined()) {
    const Tensor& m = call.key_padding_mask;
    check_mask(m, "key_padding_mask", q_in, batched ? Shape{batch, keys - more} : Shape{keys - more},
               batched ? "[N, S]" : "[S]", at.where);
    mask.add(extended(reshape(at(m), {batch, 1, 1, keys - more}), more, at), at);
  }
  // A single query that comes last sees all keys.
  const bool causal = call.is_causal && !(length == 1 && past + 1 == keys);
  const bool plain_causal = causal && past == 0 && more == 0 && !mask.visible.defined() &&
                            !mask.added.defined() && !call.need_weights;
  if (causal && !plain_causal) {
    Tensor seen = tril(at(ones({length, keys - more}, DType::boolean, at.where)), past);
    if (more > 0) seen = concat({seen, ones({length, more}, DType::boolean, at.where)}, 1, at.where);
    mask.show(seen, at);
  }

  const double p = training() ? dropout : 0.0;
  AttentionResult r;
  Tensor y;
  if (call.need_weights) {
    const Tensor scaled = mul(at(q), 1.0 / std::sqrt(static_cast<double>(width)));
    Tensor scores = matmul(at(scaled), at(k), {.trans_b = true});
    if (mask.added.defined()) scores = add(at(scores), at(mask.added));
    Tensor weights;
    if (mask.visible.defined()) {
      // Where nothing is seen softmax gives NaN, which goes with what is hidden.
      weights = softmax(at(where(at(mask.visible), at(scores), -kInf)), -1);
      weights = where(at(mask.visible), at(weights), 0.0);
    } else {
      weights = softmax(at(scores), -1);
    }
    weights = gradus::dropout(at(weights), p, training());
    y = matmul(at(weights), at(v));
    r.weights = call.average_attn_weights ? mean(at(weights), 1) : weights;
    if (!batched) r.weights = squeeze(at(r.weights), 0);
  } else {
    y = scaled_dot_product_attention(
        at(q), at(k), at(v), {.attn_mask = mask.joined(at), .dropout_p = p, .is_causal = plain_causal});
  }
  y = reshape(at(transpose(at(y), 1, 2)), {batch, length, embed_dim});
  y = out_proj(at(y));
  if (!batched)
    y = squeeze(at(y), 0);
  else if (!batch_first)
    y = transpose(at(y), 0, 1);
  r.output = y;
  return r;
}

std::string MultiheadAttention::options_text() const {
  return fmt::format("embed_dim={}, num_heads={}, dropout={}, batch_first={}", embed_dim, num_heads, dropout,
                     batch_first ? "True" : "False");
}

}  // namespace gradus::nn
