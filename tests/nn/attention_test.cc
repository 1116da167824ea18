// MultiheadAttention, transformers and positional encodings: torch's numbers, caches, wrong input.
#include "gradus/nn/attention.h"

#include <cmath>

#include "gradus/graph/recording.h"
#include "gradus/nn/transformer.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/join.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/random.h"
#include "gradus/ops/view.h"
#include "gradus/tests/nn/reference.h"

namespace gradus::nn {
namespace {

using ::testing::HasSubstr;

TEST(MultiheadAttention, SelfWithMasksAsTorch) {
  const Reference r("attention", "self");
  MultiheadAttention m(6, 2, {.dtype = DType::f64});
  const AttentionCall call{
      .key_padding_mask = r.in("padding"), .attn_mask = r.in("mask"), .need_weights = true};
  r.check(m, [&] {
    const AttentionResult y = m(r.in("x"), call);
    return Outputs{{"y", y.output}, {"weights", y.weights}};
  });
  // The path that keeps no weights gives the same.
  AttentionCall fused = call;
  fused.need_weights = false;
  expect_near(m(r.in("x"), fused).output, r["out.y"], "fused");
  expect_near(m(r.in("x"), r.in("x"), r.in("x"), fused).output, r["out.y"], "three operands");
}

TEST(MultiheadAttention, CrossWithOtherWidthsAsTorch) {
  const Reference r("attention", "cross");
  MultiheadAttention m(6, 2,
                       {.add_bias_kv = true,
                        .add_zero_attn = true,
                        .kdim = 5,
                        .vdim = 4,
                        .batch_first = true,
                        .dtype = DType::f64});
  AttentionCall call{.attn_mask = r.in("mask"), .need_weights = true, .average_attn_weights = false};
  r.check(m, [&] {
    const AttentionResult y = m(r.in("q"), r.in("k"), r.in("v"), call);
    return Outputs{{"y", y.output}, {"weights", y.weights}};
  });
  call.need_weights = false;
  expect_near(m(r.in("q"), r.in("k"), r.in("v"), call).output, r["out.y"], "fused");
}

TEST(MultiheadAttention, UnbatchedAsTorch) {
  const Reference r("attention", "unbatched");
  MultiheadAttention m(6, 3, {.bias = false, .dtype = DType::f64});
  r.check(m, [&] { return Outputs{{"y", m(r.in("q"), r.in("k"), r.in("k")).output}}; });
}

TEST(Transformer, LayersAsTorch) {
  for (const bool first : {false, true}) {
    const TransformerOptions options{
        .dim_feedforward = 5,
        .dropout = 0,
        .activation = first ? TransformerActivation::gelu : TransformerActivation::relu,
        .batch_first = first,
        .norm_first = first,
        .dtype = DType::f64};
    const std::string suffix = first ? "_first" : "";
    const Reference e("attention", "encoder" + suffix), c("attention", "causal_encoder" + suffix),
        d("attention", "decoder" + suffix);
    TransformerEncoderLayer encoder(6, 2, options);
    e.check(encoder, [&] {
      return Outputs{{"y", encoder(e.in("x"), {.src_key_padding_mask = e.in("padding")})}};
    });
    encoder.zero_grad();
    c.check(encoder, [&] { return Outputs{{"y", encoder(c.in("x"), {.is_causal = true})}}; });
    const Tensor mask = Transformer::generate_square_subsequent_mask(4);
    expect_near(encoder(c.in("x"), {.src_mask = mask}), c["out.y"], "mask");
    expect_near(encoder(c.in("x"), {.src_mask = mask, .is_causal = true}), c["out.y"], "both");
    TransformerDecoderLayer decoder(6, 2, options);
    d.check(decoder, [&] {
      return Outputs{{"y", decoder(d.in("x"), d.in("memory"),
                                   {.memory_key_padding_mask = d.in("padding"), .tgt_is_causal = true})}};
    });
  }
}

TEST(Transformer, WholeAsTorch) {
  const Reference r("attention", "transformer");
  Transformer m(6, 2, 2, 2, {.dim_feedforward = 5, .dropout = 0, .dtype = DType::f64});
  r.check(m, [&] { return Outputs{{"y", m(r.in("src"), r.in("tgt"))}}; });
}

// What comes token by token equals what comes at once.
TEST(Transformer, DecodingWithCachesEqualsOneCall) {
  const NoGrad guard;
  const TransformerOptions options{.dim_feedforward = 8, .batch_first = true, .dtype = DType::f64};
  TransformerEncoder gpt(TransformerEncoderLayer(6, 2, options), 2, LayerNorm({6}, {.dtype = DType::f64}));
  gpt.eval();
  const Tensor x = normal({3, 5, 6}, 0, 1, {.dtype = DType::f64});
  const Tensor whole = gpt(x, {.is_causal = true});
  std::vector<KeyValueCache> caches;
  std::vector<Tensor> parts;
  parts.push_back(gpt(slice(x, 1, 0, 2), {.is_causal = true, .caches = &caches}));
  for (int t = 2; t < 5; ++t) {
    parts.push_back(gpt(slice(x, 1, t, t + 1), {.is_causal = true, .caches = &caches}));
  }
  EXPECT_EQ(caches[1].length(), 5);
  expect_near(concat(parts, 1), whole, "encoder");
  // Two at once behind others.
  caches.clear();
  parts = {gpt(slice(x, 1, 0, 3), {.is_causal = true, .caches = &caches}),
           gpt(slice(x, 1, 3, 5), {.is_causal = true, .caches = &caches})};
  expect_near(concat(parts, 1), whole, "two at once");

  TransformerDecoder decoder(TransformerDecoderLayer(6, 2, options), 2);
  decoder.eval();
  const Tensor memory = normal({3, 4, 6}, 0, 1, {.dtype = DType::f64});
  const Tensor all = decoder(x, memory, {.tgt_is_causal = true});
  std::vector<DecoderCache> kept;
  parts.clear();
  for (int t = 0; t < 5; ++t) {
    // The encoder's result is read by the first call only.
    const Tensor read = t == 0 ? memory : memory * 0.0;
    parts.push_back(decoder(slice(x, 1, t, t + 1), read, {.tgt_is_causal = true, .caches = &kept}));
  }
  expect_near(concat(parts, 1), all, "decoder");
  kept.resize(1);
  EXPECT_THAT(message_of<ValueError>([&] { decoder(x, memory, {.caches = &kept}); }),
              HasSubstr("TransformerDecoder: there are 1 caches for 2 layers; an empty list is filled"));
}

TEST(Transformer, RotaryGoesOnBehindACache) {
  const NoGrad guard;
  const MultiheadAttention m(8, 2, {.batch_first = true, .dtype = DType::f64});
  const RotaryEmbedding rotary(4, {.dtype = DType::f64});
  const Tensor x = normal({2, 4, 8}, 0, 1, {.dtype = DType::f64});
  const Tensor whole = m(x, {.is_causal = true, .rotary = &rotary}).output;
  KeyValueCache cache;
  std::vector<Tensor> parts;
  parts.reserve(4);
  for (int t = 0; t < 4; ++t) {
    parts.push_back(m(slice(x, 1, t, t + 1), {.is_causal = true, .cache = &cache, .rotary = &rotary}).output);
  }
  expect_near(concat(parts, 1), whole, "rotary");
  EXPECT_NE(whole.to_vector<double>(), m(x, {.is_causal = true}).output.to_vector<double>());
}

TEST(MultiheadAttention, AQueryThatSeesNothing) {
  MultiheadAttention m(4, 2, {.batch_first = true, .dtype = DType::f64});
  const Tensor x = normal({1, 3, 4}, 0, 1, {.dtype = DType::f64, .requires_grad = true});
  const Tensor all = ones({1, 3}, DType::boolean);
  for (const bool weights : {false, true}) {
    const AttentionResult y = m(x, {.key_padding_mask = all, .need_weights = weights});
    for (const double v : y.output.to_vector<double>()) EXPECT_EQ(v, 0.0);
    sum(y.output * x.detach()).backward();
    for (const double v : x.grad().to_vector<double>()) EXPECT_EQ(v, 0.0);
  }
}

TEST(MultiheadAttention, DropoutActsInTrainingOnly) {
  MultiheadAttention m(4, 2, {.dropout = 0.5});
  const Tensor x = normal({6, 2, 4});
  EXPECT_NE(m(x).output.to_vector<float>(), m(x).output.to_vector<float>());
  m.eval();
  EXPECT_EQ(m(x).output.to_vector<float>(), m(x).output.to_vector<float>());
}

TEST(MultiheadAttention, InitialValues) {
  Generator g{.seed = 2};
  const MultiheadAttention m(64, 4, {.add_bias_kv = true, .generator = &g});
  const double bound = std::sqrt(6.0 / (64 + 192));
  double most = 0;
  for (const float v : m.in_proj_weight.to_vector<float>())
    most = std::max(most, std::abs(static_cast<double>(v)));
  EXPECT_LE(most, bound * (1 + 1e-6));
  EXPECT_GT(most, bound * 0.99);
  for (const float v : m.in_proj_bias.to_vector<float>()) EXPECT_EQ(v, 0.0F);
  for (const float v : m.out_proj.bias.to_vector<float>()) EXPECT_EQ(v, 0.0F);
  EXPECT_TRUE((m.bias_k.shape() == Shape{1, 1, 64}));
}

TEST(MultiheadAttention, CopiesAreDeep) {
  MultiheadAttention a(6, 2, {.add_bias_kv = true, .kdim = 3});
  expect_deep_copy(a);
  TransformerEncoder b(TransformerEncoderLayer(6, 2, {.dim_feedforward = 4}), 2, LayerNorm({6}));
  expect_deep_copy(b);
  TransformerDecoderLayer c(6, 2, {.dim_feedforward = 4});
  expect_deep_copy(c);
  LearnedPositions d(4);
  expect_deep_copy(d);
}

TEST(MultiheadAttention, BadInput) {
  EXPECT_THAT(message_of<ValueError>([] { MultiheadAttention(6, 4); }),
              HasSubstr("MultiheadAttention: 4 heads do not divide embed_dim 6"));
  EXPECT_THAT(message_of<ValueError>([] { MultiheadAttention(0, 1); }),
              HasSubstr("MultiheadAttention: embed_dim is 0; it must be 1 at least"));
  const MultiheadAttention m(6, 2);
  EXPECT_THAT(
      message_of<ShapeError>([&] {
        m(ones({3, 2, 5}));
      }),
      HasSubstr("query has the axes [T, N, width] or, all three, [T, width], with a width of 6: [3, 2, 5]"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                m(ones({3, 2, 6}), {.attn_mask = ones({3, 4}, DType::boolean)});
              }),
              HasSubstr("attn_mask has the axes [L, S], here [3, 3]: [3, 4] bool"));
  EXPECT_THAT(message_of<DtypeError>([&] {
                m(ones({3, 2, 6}), {.key_padding_mask = ones({2, 3}, DType::i64)});
              }),
              HasSubstr("key_padding_mask is bool (true hides) or of the query's dtype (added)"));
  KeyValueCache cache;
  EXPECT_THAT(message_of<ValueError>([&] {
                MultiheadAttention(6, 2, {.add_zero_attn = true})(ones({3, 2, 6}), {.cache = &cache});
              }),
              HasSubstr("a cache beside add_bias_kv or add_zero_attn"));
  EXPECT_THROW(MultiheadAttention(6, 2, {.dropout = 1}), ValueError);
}

TEST(Positions, SinusoidsByTheirFormula) {
  const SinusoidalPositions p(5, {.max_len = 20, .dtype = DType::f64});
  const Tensor y = p(zeros({4, 2, 5}, DType::f64), 3);
  for (int t = 0; t < 4; ++t) {
    for (int c = 0; c < 5; ++c) {
      const double angle = (t + 3) / std::pow(10000.0, (c - c % 2) / 5.0);
      const double expected = c % 2 == 0 ? std::sin(angle) : std::cos(angle);
      for (int n = 0; n < 2; ++n) {
        EXPECT_NEAR(y.to_vector<double>()[static_cast<std::size_t>((t * 2 + n) * 5 + c)], expected, 1e-14);
      }
    }
  }
  EXPECT_TRUE(SinusoidalPositions(4).state_dict().empty());
}

TEST(Positions, LearnedRowsGetTheirGradient) {
  LearnedPositions p(2, {.max_len = 4, .batch_first = true});
  sum(p(zeros({3, 2, 2}), 1)).backward();
  EXPECT_EQ(p.weight.grad().to_vector<float>(), (std::vector<float>{0, 0, 3, 3, 3, 3, 0, 0}));
  EXPECT_THAT(message_of<ValueError>([&] {
                p(zeros({3, 2, 2}), 3);
              }),
              HasSubstr("LearnedPositions: positions 3 to 4 were asked for; there are 4 (max_len)"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                p(zeros({3, 2, 3}));
              }),
              HasSubstr("LearnedPositions: takes [N, T, E] or [T, E] with E = 2: [3, 2, 3] f32"));
}

TEST(Positions, RotaryTurnsByDistance) {
  for (const bool interleaved : {true, false}) {
    const RotaryEmbedding rotary(4, {.base = 100, .interleaved = interleaved, .dtype = DType::f64});
    const Tensor q = normal({1, 4}, 0, 1, {.dtype = DType::f64}),
                 k = normal({1, 4}, 0, 1, {.dtype = DType::f64});
    const auto product = [&](int a, int b) { return sum(rotary(q, a) * rotary(k, b)).item(); };
    EXPECT_NEAR(product(5, 2), product(13, 10), 1e-12);
    EXPECT_GT(std::abs(product(5, 2) - product(5, 3)), 1e-6);
    EXPECT_NEAR(product(7, 7), sum(q * k).item(), 1e-12);
    const std::vector<double> x = q.to_vector<double>(), y = rotary(q, 3).to_vector<double>();
    const std::size_t other = interleaved ? 1 : 2, next = interleaved ? 2 : 1;
    for (int i = 0; i < 2; ++i) {
      const double angle = 3 / std::pow(100.0, 2 * i / 4.0);
      const auto a = static_cast<std::size_t>(i) * next, b = a + other;
      EXPECT_NEAR(y[a], x[a] * std::cos(angle) - x[b] * std::sin(angle), 1e-12);
      EXPECT_NEAR(y[b], x[b] * std::cos(angle) + x[a] * std::sin(angle), 1e-12);
    }
  }
  EXPECT_THAT(message_of<ValueError>([] { RotaryEmbedding(3); }),
              HasSubstr("RotaryEmbedding: dim is 3; columns are turned in pairs, so it is even"));
}

}  // namespace
}  // namespace gradus::nn
