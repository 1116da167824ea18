// Reading and adding at places: values, dtypes, repeated indices in the gradient, indices out of range.
#include "gradus/ops/indexing.h"

#include "gmock/gmock.h"
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

Tensor places(const NestedList& v) { return tensor(v, DType::i64); }

TEST(Indexing, Values) {
  const Tensor x = tensor({{1, 2, 3}, {4, 5, 6}});
  EXPECT_THAT(gather(x, 1, places({{2}, {0}})).to_vector<float>(), ElementsAre(3, 4));
  EXPECT_THAT(gather(x, 0, places({{1, 0, 1}})).to_vector<float>(), ElementsAre(4, 2, 6));
  EXPECT_THAT(index_select(x, -1, places({2, 2, 0})).to_vector<float>(), ElementsAre(3, 3, 1, 6, 6, 4));
  EXPECT_THAT(scatter_add(x, 1, places({{0, 0}, {2, 1}}), tensor({{10, 20}, {30, 40}})).to_vector<float>(),
              ElementsAre(31, 2, 3, 4, 45, 36));
  EXPECT_THAT(index_add(x, 0, places({1, 1}), ones({2, 3})).to_vector<float>(),
              ElementsAre(1, 2, 3, 6, 7, 8));
  EXPECT_THAT(x.to_vector<float>(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(one_hot(places({1, 0}), 3).to_vector<std::int64_t>(), ElementsAre(0, 1, 0, 1, 0, 0));
  EXPECT_EQ(index_select(x, 0, zeros({0}, DType::i64)).shape(), (Shape{0, 3}));
}

TEST(Indexing, EveryDtypeAndLayout) {
  for (const DType dtype : {DType::f64, DType::i32, DType::u8, DType::boolean}) {
    const Tensor x = astype(transpose(reshape(arange(6), {3, 2}), 0, 1), dtype);
    const Tensor y = index_select(x, 1, slice(places({2, 9, 0, 9}), 0, 0, kEnd, 2));
    EXPECT_EQ(y.dtype(), dtype);
    const Tensor expected = astype(places({{4, 0}, {5, 1}}), dtype);
    EXPECT_EQ(astype(y, DType::i64).to_vector<std::int64_t>(),
              astype(expected, DType::i64).to_vector<std::int64_t>());
  }
}

TEST(Indexing, RepeatedIndicesAddUpInTheGradient) {
  Tensor table = zeros({3, 2}, {.requires_grad = true});
  sum(index_select(table, 0, places({2, 0, 2, 2}))).backward();
  EXPECT_THAT(table.grad().to_vector<float>(), ElementsAre(1, 1, 0, 0, 3, 3));
  Tensor x = zeros({4}, {.requires_grad = true});
  sum(gather(x, 0, places({1, 1, 3})) * tensor({1, 10, 100})).backward();
  EXPECT_THAT(x.grad().to_vector<float>(), ElementsAre(0, 11, 0, 100));
}

TEST(Indexing, AnIndexOutOfRangeIsNamedWithItsPlace) {
  const Tensor x = zeros({2, 3});
  EXPECT_THAT(message_of<ValueError>([&] {
                gather(x, 1, places({{0}, {3}}));
              }),
              HasSubstr("indexing_test.cc:"));
  EXPECT_THAT(
      message_of<ValueError>([&] {
        gather(x, 1, places({{0}, {3}}));
      }),
      HasSubstr("gather: index 3 at [1, 0] of index is out of range: the axis of input has the places 0..2"));
  EXPECT_THAT(message_of<ValueError>([&] {
                index_select(x, 0, places({0, -1}));
              }),
              HasSubstr("index_select: index -1 at [1] of index is out of range"));
  EXPECT_THAT(message_of<ValueError>([&] { index_select(zeros({0}), 0, places({0})); }),
              HasSubstr("index_select: index 0 at [0] of index: the axis of input has no elements"));
  EXPECT_THAT(message_of<ValueError>([&] { scatter_add(zeros({2}), 0, places({5}), ones({1})); }),
              HasSubstr("scatter_add: index 5 at [0]"));
  EXPECT_THAT(message_of<ValueError>([] {
                one_hot(places({0, 3}), 3);
              }),
              HasSubstr("one_hot: index 3 at [1] of input is out of range"));
}

TEST(Indexing, RefusesIndicesThatDoNotFit) {
  const Tensor x = zeros({2, 3});
  EXPECT_THAT(message_of<DtypeError>([&] { index_select(x, 0, zeros({1})); }),
              HasSubstr("index_select: indices are i64 numbers: index [1] f32"));
  EXPECT_THAT(message_of<ShapeError>([&] { gather(x, 1, places({0})); }), HasSubstr("gather: ranks differ"));
  EXPECT_THAT(message_of<ShapeError>([&] { gather(x, 2, places({{0}})); }),
              HasSubstr("gather: axis 2 is out of range: input [2, 3] f32 has the axes -2..1"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                index_add(x, 0, places({0}), ones({1, 4}));
              }),
              HasSubstr("index_add: input [2, 3] f32 with index [1] i64 takes a source of shape [1, 3]"));
  EXPECT_THAT(message_of<DtypeError>([&] {
                index_add(x, 0, places({0}), ones({1, 3}, DType::f64));
              }),
              HasSubstr("index_add: takes numbers of one dtype"));
}

TEST(Indexing, ScatterKeepsTheLast) {
  const Tensor x = zeros({3});
  const Tensor list = places({1, 0, 1});
  Tensor source = tensor({10, 20, 30}, {.requires_grad = true});
  const Tensor y = scatter(x, 0, list, source);
  EXPECT_THAT(y.to_vector<float>(), ElementsAre(20, 30, 0));
  sum(y * tensor({1, 2, 3})).backward();
  EXPECT_THAT(source.grad().to_vector<float>(), ElementsAre(0, 1, 2));
  EXPECT_THAT(scatter(x, 0, list, 7).to_vector<float>(), ElementsAre(7, 7, 0));
  EXPECT_THAT(message_of<DtypeError>([&] { scatter(zeros({3}, DType::i64), 0, list, 0.5); }),
              HasSubstr("scatter:"));
}

TEST(Indexing, TakeAlongDim) {
  const Tensor x = tensor({{3, 1, 2}, {6, 5, 4}});
  EXPECT_THAT(take_along_dim(x, places({{2, 0}}), 1).to_vector<float>(), ElementsAre(2, 3, 4, 6));
  EXPECT_THAT(take_along_dim(x, places({5, 0})).to_vector<float>(), ElementsAre(4, 3));
  EXPECT_THAT(message_of<ShapeError>([&] { take_along_dim(x, places({0}), 1); }),
              HasSubstr("take_along_dim: ranks differ: input [2, 3] f32, index [1] i64"));
}

TEST(Indexing, Masks) {
  const Tensor x = tensor({{1, 2, 3}, {4, 5, 6}});
  const Tensor mask = gt(x, 2);
  EXPECT_THAT(masked_fill(x, mask, -1).to_vector<float>(), ElementsAre(1, 2, -1, -1, -1, -1));
  EXPECT_THAT(masked_fill(x, mask, tensor(0.5)).to_vector<float>(), ElementsAre(1, 2, 0.5, 0.5, 0.5, 0.5));
  EXPECT_THAT(masked_select(transpose(x, 0, 1), transpose(mask, 0, 1)).to_vector<float>(),
              ElementsAre(4, 5, 3, 6));
  EXPECT_THAT(nonzero(mask).to_vector<std::int64_t>(), ElementsAre(0, 2, 1, 0, 1, 1, 1, 2));
  Tensor v = tensor(2.0, {.requires_grad = true});
  sum(masked_fill(x, mask, v)).backward();
  EXPECT_EQ(v.grad().item(), 4);
  EXPECT_THAT(message_of<DtypeError>([&] { masked_fill(x, x, 0); }),
              HasSubstr("masked_fill: the mask is not bool: mask [2, 3] f32"));
  EXPECT_THAT(message_of<ShapeError>([&] { masked_fill(x, mask, x); }),
              HasSubstr("masked_fill: takes one value, a tensor without axes"));
}

}  // namespace
}  // namespace gradus
