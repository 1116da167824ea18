// Tensors from numbers: values, dtypes, what is refused, and a user's buffer that is used without a copy.
#include "gradus/ops/creation.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
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
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

TEST(Creation, FilledIsF32UnlessTold) {
  const Tensor z = zeros({2, 3});
  EXPECT_EQ(z.dtype(), DType::f32);
  EXPECT_EQ(z.shape(), (Shape{2, 3}));
  EXPECT_THAT(z.to_vector<float>(), ElementsAre(0, 0, 0, 0, 0, 0));
  EXPECT_THAT(ones({2}, DType::u8).to_vector<std::uint8_t>(), ElementsAre(1, 1));
  EXPECT_THAT(full({2}, -7, DType::i64).to_vector<std::int64_t>(), ElementsAre(-7, -7));
  EXPECT_THAT(full({2}, 3.0, DType::i32).to_vector<std::int32_t>(), ElementsAre(3, 3));
  EXPECT_THAT(full({1}, 2, DType::boolean).to_vector<std::uint8_t>(), ElementsAre(1));
  EXPECT_EQ(full({}, 0.1, DType::f64).item(), 0.1);
  EXPECT_THAT(zeros({3, 0}).to_vector<float>(), IsEmpty());
  const Tensor w = ones({2}, {.dtype = DType::f64, .requires_grad = true});
  EXPECT_TRUE(w.requires_grad() && w.is_leaf());
  EXPECT_FALSE(full_like(w, 3).requires_grad());
  EXPECT_THAT(full_like(w, 3).to_vector<double>(), ElementsAre(3, 3));
}

TEST(Creation, RangesMeetTheirEnds) {
  EXPECT_THAT(arange(4).to_vector<std::int64_t>(), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(arange(5, 0, -2).to_vector<std::int64_t>(), ElementsAre(5, 3, 1));
  EXPECT_THAT(arange(1.0, 2.0, 0.5).to_vector<float>(), ElementsAre(1.0F, 1.5F));
  EXPECT_THAT(arange(0, 3, 1, DType::f64).to_vector<double>(), ElementsAre(0, 1, 2));
  EXPECT_EQ(arange(3, 3).numel(), 0);
  EXPECT_THAT(linspace(-1, 1, 5).to_vector<float>(), ElementsAre(-1, -0.5F, 0, 0.5F, 1));
  EXPECT_THAT(linspace(0.1, 0.9, 1, {.dtype = DType::f64}).to_vector<double>(), ElementsAre(0.1));
  EXPECT_EQ(linspace(0, 0.3, 1000, {.dtype = DType::f64}).to_vector<double>().back(), 0.3);
  EXPECT_THAT(eye(2, 3).to_vector<float>(), ElementsAre(1, 0, 0, 0, 1, 0));
}

TEST(Creation, NestedLists) {
  const Tensor m = tensor({{1, 2, 3}, {4, 5, 6.5}});
  EXPECT_EQ(m.shape(), (Shape{2, 3}));
  EXPECT_THAT(m.to_vector<float>(), ElementsAre(1, 2, 3, 4, 5, 6.5F));
  EXPECT_EQ(tensor(2.5).rank(), 0);
  EXPECT_EQ(tensor({{{{7}}}}).shape(), (Shape{1, 1, 1, 1}));
  EXPECT_EQ(tensor({{}, {}}).shape(), (Shape{2, 0}));
  EXPECT_THAT(tensor<double>({0.1, 0.2}).to_vector<double>(), ElementsAre(0.1, 0.2));
  EXPECT_THAT(tensor<std::int64_t>({1, 2}).to_vector<std::int64_t>(), ElementsAre(1, 2));
  EXPECT_THAT(tensor({1, 0, 1}, DType::boolean).to_vector<std::uint8_t>(), ElementsAre(1, 0, 1));
  // Beyond 2^53, where doubles have gaps.
  EXPECT_EQ(tensor({9007199254740993}, DType::i64).item<std::int64_t>(), 9007199254740993);
}

TEST(Creation, CopiesOfVectorsAndSpans) {
  std::vector<double> v{1, 2, 3, 4, 5, 6};
  const Tensor t = tensor(v, {2, 3});
  const Tensor s = tensor(std::span(v).first(2));
  v.assign(6, 0);
  EXPECT_EQ(t.dtype(), DType::f64);
  EXPECT_THAT(t.to_vector<double>(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(s.to_vector<double>(), ElementsAre(1, 2));
  EXPECT_EQ(tensor(std::vector<std::int32_t>{}).shape(), (Shape{0}));
}

TEST(Creation, ABufferIsUsedInPlaceAndReleasedOnce) {
  std::vector<float> memory{1, 2, 3, 4};
  int released = 0;
  Tensor view;
  {
    const Tensor t = from_buffer(memory.data(), {2, 2}, DType::f32, [&] { ++released; });
    EXPECT_EQ(t.span<float>().data(), memory.data());
    memory[3] = 40;
    EXPECT_EQ(t.span<float>()[3], 40);
    view = select(t, 0, 1);
  }
  EXPECT_EQ(released, 0);
  view.mutable_span<float>()[0] = 30;
  EXPECT_EQ(memory[2], 30);
  view = Tensor();
  EXPECT_EQ(released, 1);
}

TEST(Creation, AGraphKeepsTheBufferThatItSaved) {
  std::vector<double> memory{1, 2, 3};
  int released = 0;
  const Tensor w = ones({3}, {.dtype = DType::f64, .requires_grad = true});
  Tensor loss = sum(w * from_buffer(memory.data(), {3}, DType::f64, [&] { ++released; }));
  EXPECT_EQ(released, 0);
  loss.backward();
  EXPECT_EQ(released, 1);
  EXPECT_THAT(w.grad().to_vector<double>(), ElementsAre(1, 2, 3));
}

TEST(Creation, RefusesWithTheCallersLine) {
  EXPECT_THAT(message_of<ShapeError>([] {
                zeros({2, -1});
              }),
              MatchesRegex(".*creation_test\\.cc:[0-9]+: .*axis 1 .* would have the size -1.*"));
  EXPECT_THAT(message_of<ShapeError>([] {
                zeros({std::int64_t{1} << 40, std::int64_t{1} << 40});
              }),
              HasSubstr("too many elements"));
  EXPECT_THAT(message_of<ValueError>([] { full({2}, 2.5, DType::i64); }),
              HasSubstr("full: 2.5 has no place in i64; give another dtype, or round it"));
  EXPECT_THAT(
      message_of<ValueError>([] { full({2}, std::numeric_limits<std::uint64_t>::max(), DType::i64); }),
      HasSubstr("full: 1.8446744073709552e+19 has no place in i64"));
  EXPECT_THAT(message_of<ValueError>([] { full({2}, 256, DType::u8); }),
              HasSubstr("full: 256 has no place in u8"));
  EXPECT_THAT(message_of<DtypeError>([] { ones({2}, {.dtype = DType::i32, .requires_grad = true}); }),
              HasSubstr("requires_grad: only floating-point tensors have gradients: [2] i32"));
  EXPECT_THAT(message_of<ValueError>([] { arange(0, 5, 0); }), HasSubstr("arange: bounds are finite"));
  EXPECT_THAT(message_of<ValueError>([] { arange(0, 5, -1); }),
              HasSubstr("arange: the step -1 leads away from the end: start 0, end 5"));
  EXPECT_THAT(message_of<ValueError>([] { arange(0.0, std::nan("")); }), HasSubstr("bounds are finite"));
  EXPECT_THAT(message_of<DtypeError>([] { linspace(0, 1, 3, {.dtype = DType::i64}); }),
              HasSubstr("linspace: makes floating-point numbers, not i64"));
  EXPECT_THAT(message_of<ValueError>([] { linspace(0, 1, -1); }), HasSubstr("the number of steps is -1"));
}

TEST(Creation, RefusesListsAndBuffersThatDoNotFit) {
  EXPECT_THAT(message_of<ShapeError>([] {
                tensor({{1, 2}, {3}});
              }),
              HasSubstr("tensor: the lists are ragged: at level 1 there is one of 1 items beside one of 2"));
  EXPECT_THAT(
      message_of<ShapeError>([] {
        tensor({{1, 2}, 3});
      }),
      HasSubstr("tensor: the lists are not nested evenly: at level 1 there is a number beside lists"));
  EXPECT_THAT(message_of<ShapeError>([] {
                tensor(std::vector<float>(5), {2, 3});
              }),
              HasSubstr("tensor: 5 numbers do not fill the shape [2, 3] f32"));
  EXPECT_THAT(message_of<ValueError>([] { from_buffer(nullptr, {2}, DType::f32); }),
              HasSubstr("from_buffer: the buffer is a null pointer"));
  float one = 0;
  EXPECT_THAT(message_of<ShapeError>([&] { from_buffer(&one, {-2}, DType::f32); }),
              HasSubstr("from_buffer: [-2] f32 is no shape of a buffer"));
}

}  // namespace
}  // namespace gradus
