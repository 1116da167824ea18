// scaled_dot_product_attention: S = scale Q K^T + M, P = softmax(S), O = (P Z) V with the mask M and the
// factors Z of dropout; outputs O and lse = log sum exp(S) by rows. Computed in tiles, S and P are never
// whole. Derivative: one fused op that computes the tiles again from lse:
// scaled_dot_product_attention_backward. With the cotangents G of O and l of lse, dS = P (Z (G V^T) - delta),
// delta = sum(G O) - l by rows. Source: T. Dao et al.: "FlashAttention", 2022, appendix B.
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/attention.h"
#include "gradus/ops/attention/params.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/random/attrs.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  require_attention(c, 0, c.attrs<AttentionAttrs>());
  set_out_rows(c, 0, 0, rows_shape(c, 0, c.dim(2, c.rank(2) - 1)));
  c.set_out(1, c.dtype(0), rows_shape(c, 0, -1));
  c.set_scratch(rows_room(c, 0) + rows_room(c, 1) + rows_room(c, 2));
}

void kernel(KernelContext& c) {
  auto* scratch = static_cast<std::byte*>(c.scratch);
  kernels::attention(attention_of(c.in, c.attrs<AttentionAttrs>(), &scratch), c.out[0], c.out[1]);
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<AttentionAttrs>();
  const Tensor g = c.grad(), mask = c.input(3);
  Tensor delta = sum(mul(g, c.output(0)), -1);
  if (c.has_grad(1)) delta = sub(delta, c.grad(1));
  const auto outs = scaled_dot_product_attention_backward(
      g, c.input(0), c.input(1), c.input(2), mask, c.output(1), delta,
      {a.scale, a.is_causal, a.dropout_p, a.seed, a.counter, c.needs(3)});
  for (int i = 0; i < 3; ++i) {
    if (c.needs(i)) c.set(i, outs[static_cast<std::size_t>(i)]);
  }
  if (c.needs(3)) c.set(3, sum_to(outs[3], mask.shape()));
}

void samples(SampleSink& s) {
  const Tensor none = SampleSink::boolean({}, {1});
  using A = AttentionAttrs;
  s.add({s.values({3, 4}), s.values({5, 4}), s.values({5, 2}), none}, A{0.5});
  s.add({s.values({2, 2, 3, 2}), s.values({2, 2, 3, 2}), s.values({2, 2, 3, 3}), none},
        A{.scale = 0.7, .is_causal = true}, {.note = "causal"});
  s.add({s.values({1, 4, 2, 2}), s.values({1, 2, 3, 2}), s.values({1, 2, 3, 2}), none}, A{1},
        {.note = "two query heads share a key head"});
  s.add({s.values({2, 3, 2}), s.values({2, 4, 2}), s.values({2, 4, 1}), s.values({3, 4})}, A{1},
        {.note = "numbers as mask"});
  s.add({s.values({2, 3, 2}), s.values({2, 4, 2}), s.values({2, 4, 1}), s.values({2, 1, 4})}, A{1},
        {.note = "one mask for all rows"});
  s.add({s.values({2, 3, 2}), s.values({2, 4, 2}), s.values({2, 4, 1}),
         SampleSink::boolean({3, 4}, {1, 0, 0, 1, 0, 0, 0, 0, 1, 1, 1, 0})},
        A{1}, {.gradcheck = false, .note = "a mask that hides all from one row"});
  s.add({s.values({2, 3, 2}), s.values({2, 4, 2}), s.values({2, 4, 2}), none}, A{1, false, 0.4, 3, 5},
        {.note = "dropout"});
  s.add({s.values({4, 2}), s.values({2, 2}), s.values({2, 2}), none}, A{1, true},
        {.note = "causal, fewer keys"});
  s.add({s.values({2, 2}), s.values({4, 2}), s.values({4, 2}), none}, A{1, true},
        {.note = "causal, fewer queries"});
  s.add({s.values({67, 1}), s.values({9, 1}), s.values({9, 1}), none}, A{1},
        {.note = "several blocks of rows"});
  s.add({s.values({2, 1}, -30, 30), s.values({270, 1}), s.values({270, 1}), none}, A{1},
        {.gradcheck = false, .note = "several blocks of columns"});
  s.add({s.values({68, 1}, -30, 30), s.values({270, 1}), s.values({270, 1}), none}, A{1, true},
        {.gradcheck = false, .note = "causal, several blocks"});
  s.add({s.values({2, 2}), s.values({0, 2}), s.values({0, 2}), none}, A{1},
        {.gradcheck = false, .note = "no keys"});
  s.add({s.values({0, 2}), s.values({2, 2}), s.values({2, 2}), none}, A{1}, {.note = "no queries"});
  s.add_error({s.values({3, 4}), s.values({5, 3}), s.values({5, 2}), none}, A{},
              "scaled_dot_product_attention: query and key differ in their last axis: query [3, 4] f64, key "
              "[5, 3] f64: "
              "4 and 3");
  s.add_error({s.values({3, 4}), s.values({5, 4}), s.values({6, 2}), none}, A{},
              "scaled_dot_product_attention: there is one value for each key: key [5, 4] f64, value [6, 2] "
              "f64: 5 keys, "
              "6 values");
  s.add_error(
      {s.values({3, 2, 4}), s.values({2, 5, 4}), s.values({2, 5, 2}), none}, A{},
      "scaled_dot_product_attention: axis 0 does not fit: query [3, 2, 4] f64, key [2, 5, 4] f64, value [2, "
      "5, "
      "2] f64: 3, 2 and 2; only the heads of query (axis -3) may be a multiple of those of key and value");
  s.add_error({s.values({4}), s.values({5, 4}), s.values({5, 2}), none}, A{},
              "scaled_dot_product_attention: takes arrays [.., length, size] of one rank, 2 or more: query "
              "[4] f64, key "
              "[5, 4] f64, value [5, 2] f64");
  s.add_error(
      {s.values({3, 4}), s.values({5, 4}), s.values({5, 2}), s.values({3, 4})}, A{},
      "scaled_dot_product_attention: the mask does not broadcast to the scores [3, 5]: attn_mask [3, 4] f64");
  s.add_error({s.values({3, 4}), s.values({5, 4}), s.values({5, 2}), SampleSink::i64({}, {1})}, A{},
              "scaled_dot_product_attention: the mask is bool, or of query's dtype and added to the scores: "
              "query [3, 4] "
              "f64, attn_mask [] i64");
  s.add_error({s.values({3, 4}), s.values({5, 4}), s.values({5, 2}), none}, A{.dropout_p = 1},
              "scaled_dot_product_attention: dropout_p is 1; it lies in [0, 1), since what is kept is "
              "divided by 1 - p");
  s.add_error({s.values({3, 4}), s.values({5, 4}), s.values({5, 2}), none}, A{.scale = NAN},
              "scaled_dot_product_attention: scale is nan; it is a finite number");
}

constexpr const char* kInputs[] = {"query", "key", "value", "attn_mask"};
constexpr SaveMask kSaves[] = {in(0) | in(1) | in(2) | in(3) | out(0) | out(1)};
constexpr AttrDef kAttrs[] = {
    GRADUS_ATTR(AttentionAttrs, scale, nullptr), GRADUS_ATTR(AttentionAttrs, is_causal, "false"),
    GRADUS_ATTR(AttentionAttrs, dropout_p, "0"), GRADUS_ATTR(AttentionAttrs, seed, "0"),
    GRADUS_ATTR(AttentionAttrs, counter, "0")};

// Axes in front of the last two, broadcast; the heads (axis -3) of query and key may differ with `gqa`.
Tensor broadcast_lead(const Tensor& x, const Tensor& y, const Tensor& z, bool heads_too, At at) {
  if (x.rank() != y.rank() || x.rank() != z.rank()) return x;
  Shape shape = x.shape();
  const int end = shape.rank() - (heads_too ? 2 : 3);
  bool same = true;
  for (int i = 0; i < end; ++i) {
    for (const Tensor* t : {&y, &z}) {
      if (shape[i] == 1) shape[i] = t->shape()[i];
    }
    same &= shape[i] == x.shape()[i];
  }
  return same ? x : expand(at(x), shape);
}

}  // namespace

extern constinit const OpDef op_scaled_dot_product_attention = {
    .name = "scaled_dot_product_attention",
    .doc =
        "softmax(query key^T scale + attn_mask) value, in memory that grows with the length; also the "
        "logarithms of "
        "the sums",
    .inputs = kInputs,
    .outputs = 2,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kRandom,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = softmax(q k^T scale + mask) v",
};

Tensor scaled_dot_product_attention(Operand query, Operand key, Operand value, const AttentionOptions& o) {
  constexpr const char* kOp = "scaled_dot_product_attention";
  const At at{query.where};
  const Tensor q = held(query), k = held(key), v = held(value);
  if (o.attn_mask.defined() && o.is_causal) {
    throw_error<ValueError>(
        at.where, kOp,
        "attn_mask {} is given beside is_causal; put the causal part into the mask, e.g. with tril()",
        describe(o.attn_mask));
  }
  const bool ranks = q.rank() >= 3 && k.rank() == q.rank() && v.rank() == q.rank();
  if (ranks && !o.enable_gqa && q.size(-3) != k.size(-3) && q.size(-3) != 1 && k.size(-3) != 1) {
    throw_error<ShapeError>(
        at.where, kOp,
        "query {} has {} heads (axis -3), key {} has {}; pass {{.enable_gqa = true}} if neighbouring "
        "query heads share one",
        describe(q), q.size(-3), describe(k), k.size(-3));
  }
  const double e = q.rank() == 0 ? 0 : static_cast<double>(q.size(-1));
  AttentionAttrs attrs{o.scale.value_or(e == 0 ? 1 : 1 / std::sqrt(e)), o.is_causal, o.dropout_p};
  const Tensor q2 = broadcast_lead(q, k, v, !o.enable_gqa, at),
               k2 = broadcast_lead(k, q, v, !o.enable_gqa, at),
               v2 = broadcast_lead(v, q, k, !o.enable_gqa, at);
  if (o.dropout_p > 0 && q2.rank() >= 2 && k2.rank() >= 2) {
    std::int64_t words = k2.size(-2);
    for (int i = 0; i < q2.rank() - 1; ++i) {
      if (__builtin_mul_overflow(words, q2.size(i), &words)) {
        throw_error<ShapeError>(at.where, kOp,
                                "there are too many scores to number for dropout: query {}, key {}",
                                describe(q2), describe(k2));
      }
    }
    const RandomStream stream =
        reserve_from(o.generator, blocks_for_words(static_cast<std::uint64_t>(words)));
    attrs.seed = stream.seed;
    attrs.counter = stream.offset;
  }
  const Tensor mask = o.attn_mask.defined() ? o.attn_mask : full({}, true, DType::boolean, at.where);
  const Operand operands[] = {at(q2), at(k2), at(v2), at(mask)};
  Tensor outs[2];
  apply(op_scaled_dot_product_attention, operands, &attrs, outs);
  return outs[0];
}

}  // namespace gradus
