// Views as users make them: which share their storage, where reshape has to copy, gradients through chains of
// them, and what is refused.
#include "gradus/ops/view.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "gradus/graph/backward.h"
#include "gradus/graph/gradcheck.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/reduction.h"
#include "gradus/tests/graph/message.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

using test_ops::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

Tensor counted(const Shape& shape) { return reshape(arange(0, shape.numel(), 1, DType::f64), shape); }

std::vector<double> read(const Tensor& t) { return t.to_vector<double>(); }

bool share_memory(const Tensor& a, const Tensor& b) { return a.impl()->storage == b.impl()->storage; }

TEST(View, SharesTheStorage) {
  Tensor x = counted({2, 3});
  const Tensor views[] = {reshape(x, {3, 2}), transpose(x, 0, 1), permute(x, {1, 0}),
                          flatten(x),         unsqueeze(x, 1),    squeeze(unsqueeze(x, 0), 0),
                          slice(x, 1, 0, 2),  select(x, 0, 1),    expand(unsqueeze(x, 0), {4, 2, 3}),
                          movedim(x, 0, 1),   contiguous(x)};
  for (const Tensor& v : views) EXPECT_TRUE(share_memory(v, x));
  x.mutable_span<double>()[5] = 50;
  EXPECT_EQ(read(views[1])[5], 50);
  EXPECT_EQ(read(views[7])[2], 50);
  EXPECT_FALSE(share_memory(clone(x), x));
}

TEST(View, AWriteThroughAViewIsSeenByTheOwner) {
  const Tensor x = counted({3, 2});
  select(x, 0, 1).fill_(-1);
  EXPECT_THAT(read(x), ElementsAre(0, 1, -1, -1, 4, 5));
  slice(x, 1, 1).copy_(tensor<double>({{7}, {8}, {9}}));
  EXPECT_THAT(read(x), ElementsAre(0, 7, -1, 8, 4, 9));
}

TEST(View, OutlivesItsOwner) {
  Tensor v;
  { v = select(counted({2, 3}), 0, 1); }
  EXPECT_THAT(read(v), ElementsAre(3, 4, 5));
}

TEST(View, ReshapeCopiesOnlyWhereNoStridesDo) {
  const Tensor x = counted({4, 6});
  const Tensor columns = slice(x, 1, 0, 4);
  EXPECT_TRUE(share_memory(reshape(columns, {2, 2, 4}), x));
  EXPECT_TRUE(share_memory(reshape(columns, {4, 2, 2}), x));
  const Tensor flat = reshape(columns, {16});
  EXPECT_FALSE(share_memory(flat, x));
  EXPECT_THAT(read(flat), ElementsAre(0, 1, 2, 3, 6, 7, 8, 9, 12, 13, 14, 15, 18, 19, 20, 21));
  EXPECT_THAT(read(reshape(transpose(counted({2, 3}), 0, 1), {6})), ElementsAre(0, 3, 1, 4, 2, 5));
}

TEST(View, Values) {
  const Tensor x = counted({2, 3});
  EXPECT_THAT(read(slice(x, -1, -2)), ElementsAre(1, 2, 4, 5));
  EXPECT_THAT(read(slice(x, 1, 0, kEnd, 2)), ElementsAre(0, 2, 3, 5));
  EXPECT_EQ(slice(x, 0, 5).shape(), (Shape{0, 3}));
  EXPECT_THAT(read(select(x, 1, -1)), ElementsAre(2, 5));
  EXPECT_THAT(read(expand(select(x, 1, 0), {2, -1})), ElementsAre(0, 3, 0, 3));
  EXPECT_EQ(movedim(zeros({2, 3, 4}), 0, -1).shape(), (Shape{3, 4, 2}));
  EXPECT_EQ(flatten(zeros({2, 3, 4}), 1).shape(), (Shape{2, 12}));
  EXPECT_EQ(flatten(zeros({})).shape(), (Shape{1}));
  EXPECT_EQ(squeeze(zeros({1, 3, 1})).shape(), (Shape{3}));
  EXPECT_EQ(reshape(zeros({2, 6}), {-1, 4}).shape(), (Shape{3, 4}));
}

TEST(View, MovesAxes) {
  const Tensor x = zeros({2, 3, 4, 5});
  EXPECT_EQ(movedim(x, {0, 1}, {-1, 0}).shape(), (Shape{3, 4, 5, 2}));
  EXPECT_EQ(moveaxis(x, -1, 0).shape(), (Shape{5, 2, 3, 4}));
  EXPECT_EQ(swapaxes(x, 0, -1).shape(), (Shape{5, 3, 4, 2}));
  EXPECT_THAT(message_of<ShapeError>([&] {
                movedim(x, {0, 1}, 2);
              }),
              HasSubstr("movedim: 2 axes to move, but 1 places for them: [0, 1] to [2] of x [2, 3, 4, 5]"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                movedim(x, {0, -4}, {1, 2});
              }),
              HasSubstr("movedim: an axis is named twice: [0, -4] to [1, 2] of x [2, 3, 4, 5]"));
}

TEST(View, OrderAndDiagonals) {
  const Tensor x = counted({2, 3});
  EXPECT_THAT(read(flip(x, 1)), ElementsAre(2, 1, 0, 5, 4, 3));
  EXPECT_THAT(read(flip(transpose(x, 0, 1), {0, 1})), ElementsAre(5, 2, 4, 1, 3, 0));
  EXPECT_THAT(read(roll(x, 1)), ElementsAre(5, 0, 1, 2, 3, 4));
  EXPECT_THAT(read(roll(x, {1, -1}, {0, 1})), ElementsAre(4, 5, 3, 1, 2, 0));
  EXPECT_THAT(read(roll(transpose(x, 0, 1), 2)), ElementsAre(2, 5, 0, 3, 1, 4));
  EXPECT_TRUE(share_memory(diagonal(x), x));
  EXPECT_THAT(read(diagonal(x, 1)), ElementsAre(1, 5));
  EXPECT_THAT(read(diag(x, -1)), ElementsAre(3));
  EXPECT_THAT(read(diag(tensor<double>({7, 8}), -1)), ElementsAre(0, 0, 0, 7, 0, 0, 0, 8, 0));
  EXPECT_THAT(message_of<ShapeError>([] {
                diag(zeros({1, 2, 3}));
              }),
              HasSubstr("diag: takes a list or a matrix: x [1, 2, 3] f32"));
  EXPECT_THAT(message_of<ShapeError>([&] { roll(x, {1, 2}); }), HasSubstr("roll: 2 shifts for 0 axes"));
}

TEST(View, UnfoldedWindowsShareTheStorageAndAddUp) {
  Tensor x = arange(0, 5, 1, DType::f64);
  EXPECT_TRUE(share_memory(unfold(x, 0, 3, 1), x));
  EXPECT_THAT(read(unfold(x, 0, 3, 2)), ElementsAre(0, 1, 2, 2, 3, 4));
  EXPECT_THAT(read(sum(unfold(x, 0, 3, 1) * 2.0, -1)), ElementsAre(6, 12, 18));
  x.requires_grad(true);
  sum(unfold(x, 0, 3, 1)).backward();
  EXPECT_THAT(read(x.grad()), ElementsAre(1, 2, 3, 2, 1));
  // Many windows: other loops.
  Tensor y = counted({2, 40}).requires_grad(true);
  sum(unfold(y, 1, 3, 1)).backward();
  const std::vector<double> g = read(y.grad());
  for (std::size_t i = 0; i < g.size(); ++i) {
    const std::size_t at = i % 40, edge = std::min(at, 39 - at);
    EXPECT_EQ(g[i], static_cast<double>(std::min<std::size_t>(edge + 1, 3)));
  }
}

TEST(View, EveryDtypeAndEightAxes) {
  for (const DType dtype : {DType::f32, DType::i32, DType::i64, DType::u8, DType::boolean}) {
    const Tensor x = astype(reshape(arange(256), {2, 2, 2, 2, 2, 2, 2, 2}), dtype);
    const Tensor back = permute(permute(x, {7, 6, 5, 4, 3, 2, 1, 0}), {7, 6, 5, 4, 3, 2, 1, 0});
    EXPECT_EQ(astype(back, DType::i64).to_vector<std::int64_t>(),
              astype(x, DType::i64).to_vector<std::int64_t>());
    EXPECT_EQ(contiguous(transpose(x, 0, 7)).dtype(), dtype);
  }
}

TEST(View, GradientsFlowThroughChains) {
  const auto chain = [](const Tensor& x) {
    const Tensor t = transpose(slice(x, 0, 1, kEnd, 2), 0, 1);
    const Tensor r = reshape(expand(unsqueeze(t, 1), {3, 2, 2}), {3, 4});
    return select(r, 1, 3) * squeeze(slice(x, 0, 0, 1), 0) + flatten(select(x, 0, -1));
  };
  const GradcheckResult first = gradcheck(chain, {counted({4, 3})});
  EXPECT_TRUE(first) << first.message;
  const GradcheckResult second = gradgradcheck(chain, {counted({4, 3})});
  EXPECT_TRUE(second) << second.message;
}

TEST(View, OverlappingSlicesAddUp) {
  Tensor x = ones({4}, {.requires_grad = true});
  (sum(slice(x, 0, 0, 3)) + sum(slice(x, 0, 1) * 10)).backward();
  EXPECT_THAT(x.grad().to_vector<float>(), ElementsAre(1, 11, 11, 10));
}

TEST(View, AChangeThroughAViewIsAChangeOfWhatWasSaved) {
  const Tensor x = counted({3});
  Tensor w = ones({3}, {.dtype = DType::f64, .requires_grad = true});
  const Tensor loss = sum(w * x);
  slice(x, 0, 0, 1).fill_(9);
  EXPECT_THAT(message_of<GraphError>([&] { loss.backward(); }),
              HasSubstr("was changed in place after it was saved"));
}

TEST(View, RefusesWithTheCallersLine) {
  const Tensor x = zeros({2, 3});
  EXPECT_THAT(message_of<ShapeError>([&] {
                reshape(x, {4, 2});
              }),
              MatchesRegex(".*view_test\\.cc:[0-9]+: reshape: x \\[2, 3\\] f32 has 6 elements.*"));
  EXPECT_THAT(message_of<ShapeError>([&] { flatten(x, 1, 0); }),
              HasSubstr("flatten: the axes 1..0 are no range of x [2, 3], which has 2 axes"));
  EXPECT_THAT(message_of<ShapeError>([&] { movedim(x, 0, 2); }),
              HasSubstr("movedim: axis 2 is out of range: x [2, 3] has 2 axes"));
  EXPECT_THAT(message_of<ShapeError>([&] { squeeze(x, 0); }),
              HasSubstr("axis 0 of x [2, 3] f32 has the size 2"));
  EXPECT_THAT(message_of<ValueError>([&] { select(x, 1, 3); }), HasSubstr("select: index 3 is out of range"));
  EXPECT_THAT(message_of<ValueError>([&] { flatten(Tensor()); }), HasSubstr("empty handle"));
  EXPECT_THAT(message_of<ShapeError>([] { Shape({1, 1, 1, 1, 1, 1, 1, 1, 1}); }), HasSubstr("8"));
}

}  // namespace
}  // namespace gradus
