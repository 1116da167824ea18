// concat, stack, split and chunk as users call them: pieces come back as they went in, splits are views.
#include "gradus/ops/join.h"

#include "gmock/gmock.h"
#include "gradus/graph/gradcheck.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"
#include "gradus/tests/graph/message.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

using test_ops::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

Tensor counted(const Shape& shape) { return reshape(arange(0, shape.numel(), 1, DType::f64), shape); }

std::vector<double> read(const Tensor& t) { return t.to_vector<double>(); }

TEST(Join, ConcatAndStack) {
  const Tensor a = counted({2, 2}), b = counted({2, 2}) + 10;
  EXPECT_THAT(read(concat({a, b})), ElementsAre(0, 1, 2, 3, 10, 11, 12, 13));
  EXPECT_THAT(read(concat({a, b}, -1)), ElementsAre(0, 1, 10, 11, 2, 3, 12, 13));
  EXPECT_EQ(stack({a, b}, 1).shape(), (Shape{2, 2, 2}));
  EXPECT_THAT(read(stack({a, b}, -1)), ElementsAre(0, 10, 1, 11, 2, 12, 3, 13));
  EXPECT_THAT(read(concat({transpose(a, 0, 1), b})), ElementsAre(0, 2, 1, 3, 10, 11, 12, 13));
  const std::vector<Tensor> many(100, a);
  EXPECT_EQ(stack(many).shape(), (Shape{100, 2, 2}));
  EXPECT_EQ(stack({tensor(true, DType::boolean), tensor(false, DType::boolean)}).dtype(), DType::boolean);
}

TEST(Join, SplitGivesViewsThatConcatJoins) {
  const Tensor x = counted({5, 2});
  const std::vector<Tensor> parts = split(x, 2);
  ASSERT_THAT(parts, SizeIs(3));
  EXPECT_EQ(parts[2].shape(), (Shape{1, 2}));
  for (const Tensor& p : parts) EXPECT_EQ(p.impl()->storage, x.impl()->storage);
  EXPECT_EQ(read(concat(parts)), read(x));
  EXPECT_THAT(read(split(x, {1, 0, 4})[2]), ElementsAre(2, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_THAT(split(x, 100), SizeIs(1));
  EXPECT_THAT(split(zeros({0, 2}), 3), SizeIs(1));
  EXPECT_THAT(chunk(x, 2), SizeIs(2));
  EXPECT_EQ(chunk(x, 2)[0].shape(), (Shape{3, 2}));
  EXPECT_THAT(chunk(x, 4), SizeIs(3));  // of 2, 2 and 1
}

TEST(Join, GradientsFindTheirPieces) {
  const auto f = [](const Tensor& a, const Tensor& b) {
    const std::vector<Tensor> parts = split(concat({a, b, a}, 1), {1, 4}, 1);
    return sum(square(parts[0])) + sum(parts[1] * stack({select(parts[1], 0, 1), select(parts[1], 0, 0)}));
  };
  const GradcheckResult first = gradcheck(f, {counted({2, 2}), counted({2, 1}) + 3});
  EXPECT_TRUE(first) << first.message;
  const GradcheckResult second = gradgradcheck(f, {counted({2, 2}), counted({2, 1}) + 3});
  EXPECT_TRUE(second) << second.message;
}

TEST(Join, OnlyTheOperandsThatAskGetAGradient) {
  Tensor a = ones({2}, {.requires_grad = true});
  const Tensor b = ones({3});
  sum(concat({b, a * 2, b})).backward();
  EXPECT_THAT(a.grad().to_vector<float>(), ElementsAre(2, 2));
  EXPECT_FALSE(b.grad().defined());
}

TEST(Join, RefusesWithTheCallersLine) {
  const Tensor x = zeros({2, 3});
  EXPECT_THAT(message_of<ShapeError>([&] { concat({x, zeros({2, 4})}); }), HasSubstr("join_test.cc:"));
  EXPECT_THAT(
      message_of<ShapeError>([&] {
        concat({x, zeros({2, 4})});
      }),
      HasSubstr("concat: only the sizes along axis 0 may differ: tensors[0] [2, 3] f32, tensors[1] [2, 4] "
                "f32"));
  EXPECT_THAT(message_of<DtypeError>([&] {
                stack({x, zeros({2, 3}, DType::f64)});
              }),
              HasSubstr("stack: dtypes differ: tensors[0] [2, 3] f32, tensors[1] [2, 3] f64"));
  EXPECT_THAT(message_of<ValueError>([] { concat(std::vector<Tensor>()); }),
              HasSubstr("concat: the list of tensors is empty"));
  EXPECT_THAT(message_of<ValueError>([&] {
                concat({x, Tensor()});
              }),
              HasSubstr("concat: operand tensors[1] is an empty handle"));
  EXPECT_THAT(message_of<ValueError>([&] { split(x, 0); }),
              HasSubstr("split: the size of a piece is 0; it must be at least 1 (x [2, 3] f32)"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                split(x, {1, 2}, 0);
              }),
              HasSubstr("split: the sizes [1, 2] do not add up to 2, the size of axis 0 of x [2, 3] f32"));
  EXPECT_THAT(message_of<ShapeError>([&] { split(x, 1, 2); }), HasSubstr("split: axis 2 is out of range"));
  EXPECT_THAT(message_of<ValueError>([&] { chunk(x, 0); }), HasSubstr("chunk: the number of chunks is 0"));
}

TEST(Join, UnbindAndMeshgrid) {
  const Tensor x = counted({2, 3});
  const std::vector<Tensor> columns = unbind(x, -1);
  ASSERT_THAT(columns, SizeIs(3));
  EXPECT_THAT(read(columns[2]), ElementsAre(2, 5));
  EXPECT_EQ(columns[0].impl()->storage, x.impl()->storage);
  EXPECT_THAT(message_of<ShapeError>([&] { unbind(x, 2); }),
              HasSubstr("unbind: axis 2 is out of range: x [2, 3] f64 has 2 axes"));

  const Tensor a = counted({2}), b = counted({3});
  const std::vector<Tensor> ij = meshgrid({a, b}, "ij"), xy = meshgrid({a, b}, "xy");
  EXPECT_THAT(read(ij[0]), ElementsAre(0, 0, 0, 1, 1, 1));
  EXPECT_THAT(read(ij[1]), ElementsAre(0, 1, 2, 0, 1, 2));
  EXPECT_EQ(xy[0].shape(), (Shape{3, 2}));
  EXPECT_THAT(read(xy[0]), ElementsAre(0, 1, 0, 1, 0, 1));
  EXPECT_THAT(message_of<ValueError>([&] { meshgrid({a}, "yx"); }), HasSubstr("\"ij\" or \"xy\""));
  EXPECT_THAT(message_of<ShapeError>([&] {
                meshgrid({a, x}, "ij");
              }),
              HasSubstr("meshgrid: takes lists: tensors[1] [2, 3] f64"));
}

TEST(Join, Repeats) {
  const Tensor x = counted({2, 2});
  EXPECT_THAT(read(repeat(x, {1, 2})), ElementsAre(0, 1, 0, 1, 2, 3, 2, 3));
  EXPECT_EQ(repeat(x, {3, 1, 2}).shape(), (Shape{3, 2, 4}));
  EXPECT_EQ(tile(x, {2}).shape(), (Shape{2, 4}));
  EXPECT_THAT(read(repeat_interleave(x, 2)), ElementsAre(0, 0, 1, 1, 2, 2, 3, 3));
  EXPECT_THAT(read(repeat_interleave(x, 2, 0)), ElementsAre(0, 1, 0, 1, 2, 3, 2, 3));
  EXPECT_THAT(read(repeat_interleave(x, tensor({0, 3}, DType::i64), 1)), ElementsAre(1, 1, 1, 3, 3, 3));
  EXPECT_EQ(repeat_interleave(x, 0, 1).shape(), (Shape{2, 0}));
  EXPECT_THAT(message_of<ValueError>([&] { repeat_interleave(x, -1); }),
              HasSubstr("repeat_interleave: the number of repeats is -1"));
  EXPECT_THAT(message_of<ShapeError>([&] { repeat_interleave(x, tensor({1}, DType::i64), 1); }),
              HasSubstr("one number for each of the 2 elements of axis 1 of x [2, 2] f64: repeats [1] i64"));
  const auto f = [](const Tensor& t) {
    return repeat_interleave(t, 2, 1) * repeat_interleave(t, tensor({1, 3}, DType::i64), 1) * tile(t, {2});
  };
  EXPECT_TRUE(gradgradcheck(f, {counted({2, 2})}));
}

// Large enough for threads.
TEST(Join, RepeatOfManyElements) {
  const Tensor x = counted({64, 1, 33});
  const Tensor y = repeat(x, {3, 40, 5});
  ASSERT_EQ(y.shape(), (Shape{192, 40, 165}));
  EXPECT_EQ(read(slice(slice(y, 0, 64, 128), 2, 33, 66)), read(expand(x, {64, 40, 33})));
}

TEST(Join, Pads) {
  const Tensor x = counted({2, 3});
  EXPECT_THAT(read(pad(x, {1, 0})), ElementsAre(0, 0, 1, 2, 0, 3, 4, 5));
  EXPECT_EQ(pad(x, {1, 1, 2, 0}).shape(), (Shape{4, 5}));
  EXPECT_THAT(read(pad(x, {-1, 1}, {.value = 9})), ElementsAre(1, 2, 9, 4, 5, 9));
  EXPECT_THAT(read(pad(x, {2, 1}, {.mode = PadMode::reflect})),
              ElementsAre(2, 1, 0, 1, 2, 1, 5, 4, 3, 4, 5, 4));
  EXPECT_THAT(read(pad(x, {1, 1}, {.mode = PadMode::replicate})), ElementsAre(0, 0, 1, 2, 2, 3, 3, 4, 5, 5));
  EXPECT_THAT(read(pad(x, {1, 1}, {.mode = PadMode::circular})), ElementsAre(2, 0, 1, 2, 0, 5, 3, 4, 5, 3));
  EXPECT_EQ(pad(tensor(true, DType::boolean), {}).dtype(), DType::boolean);
  EXPECT_THAT(message_of<ValueError>([&] { pad(x, {1}); }),
              HasSubstr("pad: 1 numbers; each axis takes two, before and after: [1] for x [2, 3] f64"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                pad(x, {1, 1, 1, 1, 1, 1});
              }),
              HasSubstr("pad: 6 numbers are for 3 axes, but x [2, 3] f64 has 2"));
  EXPECT_THAT(message_of<DtypeError>([] {
                pad(zeros({2}, DType::i64), {1, 1}, {.value = 0.5});
              }),
              HasSubstr("pad:"));
}

}  // namespace
}  // namespace gradus
