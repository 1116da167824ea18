// Attention against the same put together from plain ops, for lengths around the sizes of tiles; orders of
// memory, threads, dropout, memory, and what is refused.
#include "gradus/ops/attention.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "gmock/gmock.h"
#include "gradus/base/parallel.h"
#include "gradus/graph/allocator.h"
#include "gradus/graph/backward.h"
#include "gradus/graph/gradcheck.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/join.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/random.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"
#include "gradus/tests/graph/message.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

using test_ops::message_of;
using ::testing::HasSubstr;

constexpr double kInf = std::numeric_limits<double>::infinity();

Tensor values(const Shape& shape, DType dtype = DType::f64) {
  static Generator generator{5, 0};
  return uniform(shape, -1, 1, {.dtype = dtype, .generator = &generator});
}

Tensor plain(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask, bool causal) {
  Tensor s = div(matmul(q, k, {.trans_b = true}), std::sqrt(static_cast<double>(q.size(-1))));
  if (mask.defined())
    s = mask.dtype() == DType::boolean ? masked_fill(s, logical_not(mask), -kInf) : add(s, mask);
  if (causal) {
    s = masked_fill(s, logical_not(tril(ones({q.size(-2), k.size(-2)}, DType::boolean))), -kInf);
  }
  return matmul(softmax(s, -1), v);
}

void expect_near(const Tensor& a, const Tensor& b, double tolerance, const std::string& what = "") {
  ASSERT_TRUE(a.shape() == b.shape()) << what;
  const auto x = astype(a, DType::f64).to_vector<double>(), y = astype(b, DType::f64).to_vector<double>();
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(x[i], y[i], tolerance) << what << ", element " << i;
}

std::vector<Tensor> value_and_gradients(const std::function<Tensor(const std::vector<Tensor>&)>& f,
                                        std::vector<Tensor> inputs, const Tensor& seed) {
  for (Tensor& t : inputs) {
    t = t.detach();
    t.requires_grad(true);
  }
  const Tensor y = f(inputs);
  std::vector<Tensor> r{y.detach()};
  for (Tensor& g : grad(std::span(&y, 1), inputs, {.seeds = std::span(&seed, 1)})) r.push_back(g);
  return r;
}

TEST(Attention, LengthsAroundTheTiles) {
  for (const DType dtype : {DType::f64, DType::f32}) {
    for (const std::int64_t rows : {1, 63, 64, 65, 150}) {
      for (const std::int64_t columns : {1, 127, 129, 256, 300}) {
        for (const bool causal : {false, true}) {
          const std::vector<Tensor> in{values({2, rows, 5}, dtype), values({2, columns, 5}, dtype),
                                       values({2, columns, 3}, dtype)};
          const Tensor seed = values({2, rows, 3}, dtype);
          const auto got = value_and_gradients(
              [&](const std::vector<Tensor>& x) {
                return scaled_dot_product_attention(x[0], x[1], x[2], {.is_causal = causal});
              },
              in, seed);
          const auto want = value_and_gradients(
              [&](const std::vector<Tensor>& x) { return plain(x[0], x[1], x[2], {}, causal); }, in, seed);
          const std::string what =
              std::to_string(rows) + "x" + std::to_string(columns) + (causal ? " causal" : "");
          for (std::size_t i = 0; i < got.size(); ++i)
            expect_near(got[i], want[i], dtype == DType::f64 ? 1e-12 : 1e-5, what + " " + std::to_string(i));
        }
      }
    }
  }
}

TEST(Attention, Masks) {
  const std::vector<Tensor> in{values({2, 3, 70, 4}), values({2, 3, 140, 4}), values({2, 3, 140, 2})};
  const Tensor seed = values({2, 3, 70, 2});
  const Tensor numbers = values({2, 3, 70, 140});
  const std::vector<Tensor> masks{
      numbers,                                           // a number for each score
      values({70, 140}),                                 // shared by all heads
      values({140}),                                     // by all rows
      values({2, 1, 70, 1}),                             // by all columns
      transpose(values({140, 70}), 0, 1),                // columns that are no neighbours
      gt(numbers, -0.5),                                 // hides a quarter
      reshape(gt(values({2, 140}), 0), {2, 1, 1, 140}),  // keys that are padding
      transpose(gt(values({2, 3, 140, 70}), 0), 2, 3),
  };
  for (std::size_t m = 0; m < masks.size(); ++m) {
    const auto got = value_and_gradients(
        [&](const std::vector<Tensor>& x) {
          return scaled_dot_product_attention(x[0], x[1], x[2], {.attn_mask = masks[m]});
        },
        in, seed);
    const auto want = value_and_gradients(
        [&](const std::vector<Tensor>& x) { return plain(x[0], x[1], x[2], masks[m], false); }, in, seed);
    for (std::size_t i = 0; i < got.size(); ++i)
      expect_near(got[i], want[i], 1e-12, "mask " + std::to_string(m) + " " + std::to_string(i));
  }
}

TEST(Attention, GradientOfTheMask) {
  for (const Shape& shape : {Shape{70, 140}, Shape{2, 1, 140}, Shape{1, 1}}) {
    const std::vector<Tensor> in{values({2, 70, 4}), values({2, 140, 4}), values({2, 140, 2}), values(shape)};
    const Tensor seed = values({2, 70, 2});
    const auto got = value_and_gradients(
        [&](const std::vector<Tensor>& x) {
          return scaled_dot_product_attention(x[0], x[1], x[2], {.attn_mask = x[3]});
        },
        in, seed);
    const auto want = value_and_gradients(
        [&](const std::vector<Tensor>& x) { return plain(x[0], x[1], x[2], x[3], false); }, in, seed);
    expect_near(got[4], want[4], 1e-12);
  }
}

TEST(Attention, HeadsShareKeys) {
  const Tensor q = values({2, 6, 5, 4}), k = values({2, 2, 7, 4}), v = values({2, 2, 7, 3});
  const auto repeated = [](const Tensor& t) { return repeat_interleave(t, 3, 1); };
  const Tensor seed = values({2, 6, 5, 3});
  const auto got = value_and_gradients(
      [&](const std::vector<Tensor>& x) {
        return scaled_dot_product_attention(x[0], x[1], x[2], {.enable_gqa = true});
      },
      {q, k, v}, seed);
  const auto want = value_and_gradients(
      [&](const std::vector<Tensor>& x) { return plain(x[0], repeated(x[1]), repeated(x[2]), {}, false); },
      {q, k, v}, seed);
  for (std::size_t i = 0; i < got.size(); ++i) expect_near(got[i], want[i], 1e-13);
}

TEST(Attention, AxesInFrontBroadcast) {
  const Tensor q = values({2, 3, 5, 4}), k = values({1, 3, 7, 4}), v = values({2, 1, 7, 3});
  expect_near(scaled_dot_product_attention(q, k, v), plain(q, k, v, {}, false), 1e-14);
  const GradcheckResult r = gradcheck(
      [](const Tensor& a, const Tensor& b, const Tensor& c) { return scaled_dot_product_attention(a, b, c); },
      {q, k, v});
  EXPECT_TRUE(r) << r.message;
}

TEST(Attention, KeepsTheOrderOfHeadsInMemory) {
  // What a projection gives: [batch, length, heads, size], seen as [batch, heads, length, size].
  const auto heads = [](const Tensor& t) { return transpose(t, 1, 2); };
  const std::vector<Tensor> in{values({2, 70, 3, 4}), values({2, 90, 3, 4}), values({2, 90, 3, 5})};
  const Tensor seed = values({2, 3, 70, 5});
  std::vector<Tensor> views;
  for (const Tensor& t : in) views.push_back(heads(t));
  const auto f = [](const std::vector<Tensor>& x) { return scaled_dot_product_attention(x[0], x[1], x[2]); };
  const auto got = value_and_gradients(f, views, seed);
  std::vector<Tensor> copies;
  for (const Tensor& t : views) copies.push_back(contiguous(t));
  const auto want = value_and_gradients(f, copies, seed);
  for (std::size_t i = 0; i < got.size(); ++i) expect_near(got[i], want[i], 1e-14);
  EXPECT_TRUE(heads(got[0]).is_contiguous());
}

TEST(Attention, AnyStrides) {
  const Tensor q = transpose(values({2, 4, 70}), 1, 2), k = expand(values({1, 1, 4}), {2, 90, 4});
  const Tensor v = slice(values({2, 90, 6}), 2, 0, 6, 2);
  expect_near(scaled_dot_product_attention(q, k, v), plain(q, k, v, {}, false), 1e-14);
}

TEST(Attention, SameWithAnyNumberOfThreads) {
  const int before = threads();
  for (const std::int64_t heads : {1, 5}) {
    const std::vector<Tensor> in{values({heads, 300, 8}), values({heads, 300, 8}), values({heads, 300, 8})};
    const Tensor seed = values({heads, 300, 8});
    std::vector<std::vector<Tensor>> results;
    for (const int n : {1, 2, 3}) {
      set_threads(n);
      results.push_back(value_and_gradients(
          [](const std::vector<Tensor>& x) {
            return scaled_dot_product_attention(x[0], x[1], x[2], {.is_causal = true});
          },
          in, seed));
    }
    set_threads(before);
    for (std::size_t i = 0; i < results[0].size(); ++i) {
      EXPECT_EQ(results[1][i].to_vector<double>(), results[0][i].to_vector<double>());
      EXPECT_EQ(results[2][i].to_vector<double>(), results[0][i].to_vector<double>());
    }
  }
}

TEST(Attention, ScoresThatWouldOverflow) {
  const Tensor q = full({2, 1}, 400.0, DType::f32), k = tensor({1.0F, 2.0F, -500.0F});
  const auto y = scaled_dot_product_attention(q, reshape(k, {3, 1}),
                                              reshape(tensor({3.0F, 5.0F, 7.0F}), {3, 1}), {.scale = 1.0});
  EXPECT_EQ(y.to_vector<float>(), (std::vector<float>{5, 5}));
}

TEST(Attention, ARowThatSeesNothing) {
  Tensor q = values({2, 3}), k = values({4, 3}), v = values({4, 3});
  for (Tensor* t : {&q, &k, &v}) t->requires_grad(true);
  Tensor mask = ones({2, 4}, DType::boolean);
  for (std::size_t j = 0; j < 4; ++j) static_cast<std::uint8_t*>(mask.view().data)[j] = 0;
  const Tensor y = scaled_dot_product_attention(q, k, v, {.attn_mask = mask});
  EXPECT_EQ(slice(y, 0, 0, 1).to_vector<double>(), (std::vector<double>{0, 0, 0}));
  sum(y).backward();
  EXPECT_EQ(slice(q.grad(), 0, 0, 1).to_vector<double>(), (std::vector<double>{0, 0, 0}));
  for (const Tensor* t : {&q, &k, &v}) {
    for (double g : t->grad().to_vector<double>()) EXPECT_TRUE(std::isfinite(g));
  }
}

TEST(Attention, Dropout) {
  // With values that are the identity the result is the matrix of dropped probabilities.
  const std::int64_t n = 200;
  const Tensor q = values({n, 4}), k = values({n, 4});
  Tensor eye = zeros({n, n}, DType::f64);
  for (std::int64_t i = 0; i < n; ++i) static_cast<double*>(eye.view().data)[i * n + i] = 1;
  Generator generator{9, 0};
  const Tensor dropped = scaled_dot_product_attention(q, k, eye, {.dropout_p = 0.3, .generator = &generator});
  const auto p = softmax(div(matmul(q, k, {.trans_b = true}), 2.0), -1).to_vector<double>();
  const auto d = dropped.to_vector<double>();
  double zeros_seen = 0;
  for (std::size_t i = 0; i < d.size(); ++i) {
    if (d[i] == 0)
      ++zeros_seen;
    else
      ASSERT_NEAR(d[i], p[i] / 0.7, 1e-12);
  }
  EXPECT_NEAR(zeros_seen / static_cast<double>(n * n), 0.3, 0.01);
  EXPECT_NE(scaled_dot_product_attention(q, k, eye, {.dropout_p = 0.3, .generator = &generator})
                .to_vector<double>(),
            d);
  // The backward computes the same numbers again.
  const auto f = [](const Tensor& a, const Tensor& b, const Tensor& c) {
    Generator again{4, 17};
    return scaled_dot_product_attention(a, b, c, {.dropout_p = 0.4, .generator = &again});
  };
  const GradcheckResult r = gradcheck(f, {values({2, 3, 2}), values({2, 5, 2}), values({2, 5, 2})});
  EXPECT_TRUE(r) << r.message;
}

TEST(Attention, MemoryGrowsWithTheLength) {
  constexpr std::int64_t kLength = 4096;
  const auto extra = [](std::int64_t heads) {
    Tensor in[3];
    for (Tensor& t : in) t = values({1, heads, kLength, 64}, DType::f32).requires_grad(true);
    const Tensor seed = values({1, heads, kLength, 64}, DType::f32);
    reset_peak_memory();
    const std::int64_t before = memory_stats().peak_bytes;
    const Tensor y = scaled_dot_product_attention(in[0], in[1], in[2], {.is_causal = true});
    const std::vector<Tensor> g = grad(std::span(&y, 1), in, {.seeds = std::span(&seed, 1)});
    return memory_stats().peak_bytes - before;
  };
  // A single matrix of scores would take 64 MiB a head.
  EXPECT_LT(extra(1), std::int64_t{16} << 20);
  EXPECT_LT(extra(4), std::int64_t{64} << 20);
}

TEST(Attention, Refuses) {
  const Tensor q = values({2, 4, 3, 4}), k = values({2, 2, 5, 4}), v = values({2, 2, 5, 4});
  EXPECT_THAT(
      message_of<ShapeError>([&] { scaled_dot_product_attention(q, k, v); }),
      HasSubstr(
          "query [2, 4, 3, 4] f64 has 4 heads (axis -3), key [2, 2, 5, 4] f64 has 2; pass {.enable_gqa = "
          "true} if neighbouring query heads share one"));
  EXPECT_THAT(message_of<ValueError>([&] {
                scaled_dot_product_attention(k, k, v, {.attn_mask = values({5, 5}), .is_causal = true});
              }),
              HasSubstr("attn_mask [5, 5] f64 is given beside is_causal"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                scaled_dot_product_attention(values({2, 3, 4, 4}), k, v, {.enable_gqa = true});
              }),
              HasSubstr("3, 2 and 2; only the heads of query"));
  EXPECT_THAT(message_of<DtypeError>([&] {
                scaled_dot_product_attention(values({5, 4}, DType::f32), values({5, 4}), values({5, 4}));
              }),
              HasSubstr("dtypes differ: query [5, 4] f32, key [5, 4] f64"));
  EXPECT_THAT(message_of<ValueError>([&] { scaled_dot_product_attention(k, k, v, {.dropout_p = 1.5}); }),
              HasSubstr("dropout_p is 1.5"));
  EXPECT_THAT(message_of<ValueError>([&] { scaled_dot_product_attention(k, k, v, {.scale = kInf}); }),
              HasSubstr("scale is inf"));
}

}  // namespace
}  // namespace gradus
