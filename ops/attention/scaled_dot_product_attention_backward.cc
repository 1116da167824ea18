// scaled_dot_product_attention_backward: with S = scale Q K^T + M, P = exp(S - lse), the factors Z of dropout
// and U = P (Z (G V^T) - delta), all by elements and rows: dQ = scale U K, dK = scale U^T Q, dV = (P Z)^T G,
// dM = U. In tiles; S and P are never whole, but U is where M wants a gradient. Derivatives, in ops over
// whole matrices, so in memory that grows with the product of the lengths: with the cotangents a, b, c, e of
// dQ, dK, dV, dM and W = scale (a K^T + Q b^T) + e,
//   R = P ((Z (G V^T) - delta) W + Z (G c^T)), which is the gradient of S,
//   by G: (P Z) c + (Z P W) V;  by V: (Z P W)^T G;  by Q: scale (U b + R K);  by K: scale (U^T a + R^T Q);
//   by M: R;  by lse: -R summed by rows;  by delta: -P W summed by rows.
#include <limits>

#include "gradus/base/format.h"
#include "gradus/ops/attention/params.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/logical.h"
#include "gradus/ops/elementwise/math.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/pack.h"
#include "gradus/ops/random/attrs.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus {

extern const OpDef op_dropout;

namespace {

AttentionAttrs forward_attrs(const AttentionBackwardAttrs& a) {
  return {a.scale, a.is_causal, a.dropout_p, a.seed, a.counter};
}

void infer(InferContext& c) {
  const auto& a = c.attrs<AttentionBackwardAttrs>();
  require_attention(c, 1, forward_attrs(a));
  const Shape out = rows_shape(c, 1, c.dim(3, c.rank(3) - 1)), rows = rows_shape(c, 1, -1);
  for (const int i : {0, 5, 6}) {
    const Shape& wanted = i == 0 ? out : rows;
    if (c.dtype(i) == c.dtype(1) && c.shape(i) == wanted) continue;
    c.shape_error(fmt::format(
        "{} does not fit {}, {}; it is {} {}", c.describe(i), c.describe(1), c.describe(3),
        format_shape({wanted.data(), static_cast<std::size_t>(wanted.rank())}), name(c.dtype(1))));
  }
  for (int i = 0; i < 3; ++i) set_out_rows(c, i, i + 1, c.shape(i + 1));
  c.set_out(3, c.dtype(1), a.mask_gradient ? rows_shape(c, 1, c.dim(2, c.rank(2) - 2)) : Shape{0});
  c.set_scratch(rows_room(c, 0) + rows_room(c, 1) + rows_room(c, 2) + rows_room(c, 3) + pack_room(c.impl(5)) +
                pack_room(c.impl(6)));
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<AttentionBackwardAttrs>();
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const kernels::Attention attention = attention_of(c.in + 1, forward_attrs(a), &scratch);
  const View g = packed_rows(c.in[0], &scratch), lse = pack(c.in[5], &scratch),
             delta = pack(c.in[6], &scratch);
  kernels::attention_backward(attention, g, lse, delta, c.out[0], c.out[1], c.out[2],
                              a.mask_gradient ? c.out[3] : View{});
}

// [.., kv heads, query heads that share one, rows, n], so that keys and values broadcast.
Tensor grouped(const Tensor& x, std::int64_t kv_heads) {
  const int rank = x.rank();
  if (rank == 2) return reshape(x, {1, 1, x.size(0), x.size(1)});
  Shape shape;
  for (int i = 0; i < rank - 3; ++i) shape.push_back(x.size(i));
  shape.push_back(kv_heads);
  shape.push_back(kv_heads == 0 ? 1 : x.size(-3) / kv_heads);
  shape.push_back(x.size(-2));
  shape.push_back(x.size(-1));
  return reshape(x, shape);
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<AttentionBackwardAttrs>();
  const Tensor q0 = c.input(1), k0 = c.input(2), v0 = c.input(3), mask0 = c.input(4), lse0 = c.input(5);
  const std::int64_t kv_heads = q0.rank() == 2 ? 1 : k0.size(-3);
  const auto wide = [&](const Tensor& t) { return grouped(t, kv_heads); };
  const auto of_row = [&](const Tensor& t) { return wide(unsqueeze(t, -1)); };
  const Tensor g = wide(c.input(0)), q = wide(q0), k = wide(k0), v = wide(v0);
  const Tensor lse = of_row(lse0), delta = of_row(c.input(6));
  const Tensor of_q = wide(c.grad(0)), of_k = wide(c.grad(1)), of_v = wide(c.grad(2));
  Shape scores = q0.shape();
  scores[scores.rank() - 1] = k0.size(-2);

  Tensor s = mul(matmul(q, k, {.trans_b = true}), a.scale);
  constexpr double kNever = -std::numeric_limits<double>::infinity();
  if (mask0.dtype() == DType::boolean) {
    const Tensor seen = wide(expand(mask0, scores));
    s = masked_fill(s, logical_not(seen), kNever);
  } else {
    s = add(s, wide(expand(mask0, scores)));
  }
  if (a.is_causal) {
    const Tensor all = ones({scores[scores.rank() - 2], scores[scores.rank() - 1]}, DType::boolean);
    s = masked_fill(s, logical_not(tril(all)), kNever);
  }
  const Tensor p = exp(sub(s, lse));
  Tensor t = matmul(g, v, {.trans_b = true});
  Tensor gc = matmul(g, of_v, {.trans_b = true});
  Tensor pz = p;
  const bool drops = a.dropout_p > 0;
  Tensor z;
  if (drops) {
    z = wide(apply(op_dropout, {ones(scores, q0.dtype())}, DropoutAttrs{a.dropout_p, a.seed, a.counter}));
    t = mul(t, z);
    gc = mul(gc, z);
    pz = mul(p, z);
  }
  const Tensor centered = sub(t, delta);
  Tensor w = mul(add(matmul(of_q, k, {.trans_b = true}), matmul(q, of_k, {.trans_b = true})), a.scale);
  if (a.mask_gradient) w = add(w, wide(c.grad(3)));
  const Tensor pw = mul(p, w), u = mul(p, centered);
  const Tensor r = add(mul(pw, centered), mul(p, gc));
  const Tensor zpw = drops ? mul(pw, z) : pw;

  // Keys and values are shared by the heads of a group (axis -3 of the grouped arrays).
  const auto back = [&](const Tensor& x, const Tensor& like) { return reshape(x, like.shape()); };
  const auto shared = [&](const Tensor& x, const Tensor& like) { return back(sum(x, -3), like); };
  if (c.needs(0)) c.set(0, reshape(add(matmul(pz, of_v), matmul(zpw, v)), c.input_shape(0)));
  if (c.needs(1)) c.set(1, back(mul(add(matmul(u, of_k), matmul(r, k)), a.scale), q0));
  if (c.needs(2)) {
    c.set(2,
          shared(mul(add(matmul(u, of_q, {.trans_a = true}), matmul(r, q, {.trans_a = true})), a.scale), k0));
  }
  if (c.needs(3)) c.set(3, shared(matmul(zpw, g, {.trans_a = true}), v0));
  if (c.needs(4)) c.set(4, sum_to(reshape(r, scores), mask0.shape()));
  if (c.needs(5)) c.set(5, reshape(neg(sum(r, -1)), lse0.shape()));
  if (c.needs(6)) c.set(6, reshape(neg(sum(pw, -1)), lse0.shape()));
}

void samples(SampleSink& s) {
  const Tensor none = SampleSink::boolean({}, {1});
  using A = AttentionBackwardAttrs;
  const auto add = [&](const Shape& q, const Shape& k, std::int64_t ev, const Tensor& mask, const A& attrs,
                       const char* note) {
    Shape out = q, v = k, rows = q;
    out[out.rank() - 1] = v[v.rank() - 1] = ev;
    rows.pop_back();
    s.add({s.values(out), s.values(q), s.values(k), s.values(v), mask, s.values(rows, 0, 2), s.values(rows)},
          attrs, {.note = note});
  };
  add({3, 4}, {5, 4}, 2, none, A{0.5}, "");
  add({2, 2, 3, 2}, {2, 2, 3, 2}, 3, none, A{.scale = 0.7, .is_causal = true}, "causal");
  add({1, 4, 2, 2}, {1, 2, 3, 2}, 2, none, A{1}, "two query heads share a key head");
  add({2, 3, 2}, {2, 4, 2}, 1, s.values({3, 4}), A{.mask_gradient = true},
      "numbers as mask, with a gradient");
  add({2, 2, 2}, {2, 3, 2}, 1, s.values({2, 1, 3}), A{.mask_gradient = true}, "one mask for all rows");
  add({2, 3, 2}, {2, 4, 2}, 1, SampleSink::boolean({3, 4}, {1, 0, 0, 1, 0, 0, 0, 0, 1, 1, 1, 0}), A{1},
      "a mask that hides all from one row");
  add({2, 3, 2}, {2, 4, 2}, 2, none, A{1, false, 0.4, 3, 5}, "dropout");
  add({2, 2}, {4, 2}, 2, none, A{1, true}, "causal, keys that nothing sees");
  add({66, 1}, {3, 1}, 1, none, A{1}, "several blocks of rows");
  add({2, 2}, {0, 2}, 2, none, A{1}, "no keys");
  add({0, 2}, {2, 2}, 2, none, A{1}, "no queries");
  s.add({s.values({68, 1}), s.values({68, 1}), s.values({270, 1}), s.values({270, 1}), none,
         s.values({68}, 4, 5), s.values({68})},
        A{1, true}, {.gradcheck = false, .note = "causal, several blocks"});
  s.add_error({s.values({3, 4}), s.values({3, 4}), s.values({5, 4}), s.values({5, 2}), none, s.values({3}),
               s.values({3})},
              A{},
              "scaled_dot_product_attention_backward: g [3, 4] f64 does not fit query [3, 4] f64, value [5, "
              "2] f64; it is "
              "[3, 2] f64");
  s.add_error({s.values({3, 2}), s.values({3, 4}), s.values({5, 4}), s.values({5, 2}), none, s.values({3}),
               s.values({4})},
              A{},
              "scaled_dot_product_attention_backward: delta [4] f64 does not fit query [3, 4] f64, value [5, "
              "2] f64; it "
              "is [3] f64");
}

constexpr const char* kInputs[] = {"g", "query", "key", "value", "attn_mask", "lse", "delta"};
constexpr SaveMask kSaves[] = {in(0) | in(1) | in(2) | in(3) | in(4) | in(5) | in(6)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(AttentionBackwardAttrs, scale, nullptr),
                              GRADUS_ATTR(AttentionBackwardAttrs, is_causal, "false"),
                              GRADUS_ATTR(AttentionBackwardAttrs, dropout_p, "0"),
                              GRADUS_ATTR(AttentionBackwardAttrs, seed, "0"),
                              GRADUS_ATTR(AttentionBackwardAttrs, counter, "0"),
                              GRADUS_ATTR(AttentionBackwardAttrs, mask_gradient, "false")};

}  // namespace

extern constinit const OpDef op_scaled_dot_product_attention_backward = {
    .name = "scaled_dot_product_attention_backward",
    .doc = "the gradients of scaled_dot_product_attention from the cotangent g, lse and delta = sum(g y)",
    .inputs = kInputs,
    .outputs = 4,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kRandom,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "dq = scale U k, dk = scale U^T q, dv = P^T g, U = P (g v^T - delta)",
};

std::array<Tensor, 4> scaled_dot_product_attention_backward(Operand g, Operand query, Operand key,
                                                            Operand value, Operand mask, Operand lse,
                                                            Operand delta,
                                                            const AttentionBackwardAttrs& attrs) {
  const Operand operands[] = {g, query, key, value, mask, lse, delta};
  std::array<Tensor, 4> outs;
  apply(op_scaled_dot_product_attention_backward, operands, &attrs, outs);
  return outs;
}

}  // namespace gradus
