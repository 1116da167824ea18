// embedding's padding, and embedding_bag against loops over the bags.
#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gradus/graph/backward.h"
#include "gradus/graph/gradcheck.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/random.h"
#include "gradus/ops/reduction.h"
#include "gradus/tests/graph/message.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

using test_ops::message_of;
using ::testing::DoubleNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

Tensor indices(const Shape& shape, std::initializer_list<std::int64_t> v) {
  return SampleSink::i64(shape, v);
}

TEST(Embedding, ThePaddingGetsNoGradient) {
  for (const std::int64_t padding : {1, -2}) {
    Tensor w = uniform({3, 2}, 0, 1, {.dtype = DType::f64, .requires_grad = true});
    const Tensor y = embedding(indices({4}, {1, 2, 1, 0}), w, {.padding_idx = padding});
    EXPECT_EQ(y.to_vector<double>()[0], w.to_vector<double>()[2]);  // its row is read all the same
    sum(y).backward();
    EXPECT_EQ(w.grad().to_vector<double>(), (std::vector<double>{1, 1, 0, 0, 1, 1}));
  }
  const Tensor w = zeros({3, 2});
  EXPECT_THAT(message_of<ValueError>([&] { embedding(indices({1}, {0}), w, {.padding_idx = -4}); }),
              HasSubstr("embedding: padding_idx -4 is out of range: weight [3, 2] f32 has 3 rows"));
}

// Bags of rows of w, reduced by hand.
std::vector<double> by_hand(const std::vector<std::vector<std::int64_t>>& bags, const Tensor& w,
                            BagMode mode) {
  const auto v = w.to_vector<double>();
  const auto n = static_cast<std::size_t>(w.size(1));
  std::vector<double> out;
  for (const auto& bag : bags) {
    for (std::size_t k = 0; k < n; ++k) {
      double r = mode == BagMode::max && !bag.empty() ? -HUGE_VAL : 0;
      for (const std::int64_t i : bag) {
        const double x = v[static_cast<std::size_t>(i) * n + k];
        r = mode == BagMode::max ? std::fmax(r, x) : r + x;
      }
      out.push_back(mode == BagMode::mean && !bag.empty() ? r / static_cast<double>(bag.size()) : r);
    }
  }
  return out;
}

TEST(EmbeddingBag, Modes) {
  const Tensor w = uniform({5, 3}, -1, 1, {.dtype = DType::f64});
  const Tensor list = indices({6}, {4, 0, 1, 1, 3, 2}), offsets = indices({4}, {0, 2, 2, 5});
  const Tensor matrix = indices({2, 3}, {4, 0, 1, 1, 3, 2});
  for (const BagMode mode : {BagMode::sum, BagMode::mean, BagMode::max}) {
    EXPECT_THAT(embedding_bag(list, w, {.offsets = offsets, .mode = mode}).to_vector<double>(),
                Pointwise(DoubleNear(1e-14), by_hand({{4, 0}, {}, {1, 1, 3}, {2}}, w, mode)));
    EXPECT_THAT(embedding_bag(matrix, w, {.mode = mode}).to_vector<double>(),
                Pointwise(DoubleNear(1e-14), by_hand({{4, 0, 1}, {1, 3, 2}}, w, mode)));
    EXPECT_THAT(embedding_bag(matrix, w, {.mode = mode, .padding_idx = 1}).to_vector<double>(),
                Pointwise(DoubleNear(1e-14), by_hand({{4, 0}, {3, 2}}, w, mode)));
    EXPECT_THAT(
        embedding_bag(list, w, {.offsets = offsets, .mode = mode, .padding_idx = -3}).to_vector<double>(),
        Pointwise(DoubleNear(1e-14), by_hand({{4, 0}, {}, {1, 1, 3}, {}}, w, mode)));
    const GradcheckResult r = gradcheck(
        [&](const Tensor& t) { return embedding_bag(list, t, {.offsets = offsets, .mode = mode}); }, {w});
    EXPECT_TRUE(r) << r.message;
  }
}

TEST(EmbeddingBag, Factors) {
  const Tensor w = uniform({4, 3}, -1, 1, {.dtype = DType::f64}),
               f = uniform({2, 2}, -1, 1, {.dtype = DType::f64});
  const Tensor x = indices({2, 2}, {3, 0, 1, 1});
  const auto bag = [&](const Tensor& t, const Tensor& factors) {
    return embedding_bag(x, t, {.mode = BagMode::sum, .per_sample_weights = factors});
  };
  const auto a = bag(w, f).to_vector<double>(), v = w.to_vector<double>(), s = f.to_vector<double>();
  for (std::size_t k = 0; k < 3; ++k) {
    EXPECT_NEAR(a[k], s[0] * v[9 + k] + s[1] * v[k], 1e-15);
    EXPECT_NEAR(a[3 + k], (s[2] + s[3]) * v[3 + k], 1e-15);
  }
  const GradcheckResult r = gradcheck(bag, {w, f});
  EXPECT_TRUE(r) << r.message;
}

TEST(EmbeddingBag, Refuses) {
  const Tensor w = zeros({4, 3}), list = indices({3}, {0, 1, 2});
  EXPECT_THAT(message_of<ShapeError>([&] { embedding_bag(list, w); }),
              HasSubstr("a list and offsets: input [3] i64, offsets not given"));
  EXPECT_THAT(message_of<ValueError>([&] {
                embedding_bag(list, w, {.offsets = indices({2}, {1, 2})});
              }),
              HasSubstr("the first bag begins at 0, not at 1"));
  EXPECT_THAT(message_of<ValueError>([&] {
                embedding_bag(list, w, {.offsets = indices({3}, {0, 2, 1})});
              }),
              HasSubstr("offsets rise and lie in 0..3: 2 at [1] is followed by 1"));
  EXPECT_THAT(message_of<ValueError>([&] {
                embedding_bag(list, w, {.offsets = indices({2}, {0, 4})});
              }),
              HasSubstr("offsets rise"));
  EXPECT_THAT(message_of<ValueError>([&] {
                embedding_bag(list, w, {.offsets = indices({1}, {0}), .per_sample_weights = zeros({3})});
              }),
              HasSubstr("belong to BagMode::sum"));
  EXPECT_THAT(message_of<ValueError>([&] {
                embedding_bag(indices({1, 1}, {4}), w);
              }),
              HasSubstr("index 4 at [0, 0]"));
}

}  // namespace
}  // namespace gradus
