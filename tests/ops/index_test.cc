// Python's indexing: shapes and values are those that NumPy gives for the expressions in the comments.
#include "gradus/ops/indexing/index.h"

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

Tensor counted(const Shape& shape) { return reshape(arange(0, shape.numel(), 1, DType::f64), shape); }
std::vector<double> read(const Tensor& t) { return t.to_vector<double>(); }
Tensor places(const NestedList& v) { return tensor(v, DType::i64); }
Tensor mask(const NestedList& v) { return tensor(v, DType::boolean); }

TEST(Index, ViewsShareTheStorage) {
  const Tensor x = counted({2, 3, 4});
  const Tensor views[] = {index(x, {}), index(x, {1}), index(x, {Ellipsis, -1}), index(x, {NewAxis, 0}),
                          index(x, {Slice(0, 1), None, Slice(None, None, 2)})};
  for (const Tensor& v : views) EXPECT_EQ(v.impl()->storage, x.impl()->storage);
  EXPECT_THAT(read(views[2]), ElementsAre(3, 7, 11, 15, 19, 23));  // x[..., -1]
  EXPECT_EQ(views[3].shape(), (Shape{1, 3, 4}));                   // x[None, 0]
  EXPECT_EQ(views[4].shape(), (Shape{1, 1, 2, 4}));                // x[0:1, None, ::2]
}

TEST(Index, Slices) {
  const Tensor x = counted({6});
  EXPECT_THAT(read(index(x, {Slice(1, None, 2)})), ElementsAre(1, 3, 5));
  EXPECT_THAT(read(index(x, {Slice(-2, None)})), ElementsAre(4, 5));
  EXPECT_THAT(read(index(x, {Slice(2)})), ElementsAre(0, 1));
  EXPECT_THAT(read(index(x, {Slice(None, None, -1)})), ElementsAre(5, 4, 3, 2, 1, 0));
  EXPECT_THAT(read(index(x, {Slice(None, None, -2)})), ElementsAre(5, 3, 1));
  EXPECT_THAT(read(index(x, {Slice(4, 0, -2)})), ElementsAre(4, 2));
  EXPECT_THAT(read(index(x, {Slice(-2, -100, -3)})), ElementsAre(4, 1));
  EXPECT_THAT(read(index(x, {Slice(100, 3, -1)})), ElementsAre(5, 4));
  EXPECT_THAT(read(index(x, {Slice(None, None, INT64_MIN)})), ElementsAre(5));
  EXPECT_THAT(read(index(x, {Slice(1, 4, -1)})), ElementsAre());
  EXPECT_THAT(read(index(x, {Slice(3, 1)})), ElementsAre());
  EXPECT_EQ(index(counted({0}), {Slice(None, None, -1)}).shape(), (Shape{0}));
}

// Every start, end and step against Python's own rule, step by step.
TEST(Index, SlicesAsPythonCountsThem) {
  constexpr std::int64_t n = 4;
  const Tensor x = counted({n});
  const auto bound = [](std::optional<std::int64_t> v, std::int64_t step, std::int64_t missing) {
    if (!v) return missing;
    std::int64_t i = *v < 0 ? *v + n : *v;
    if (i < 0) i = step < 0 ? -1 : 0;
    if (i >= n) i = step < 0 ? n - 1 : n;
    return i;
  };
  std::vector<std::optional<std::int64_t>> bounds = {None};
  for (std::int64_t b = -6; b <= 6; ++b) bounds.emplace_back(b);
  for (std::int64_t step : {-5, -3, -2, -1, 1, 2, 3, 5}) {
    for (const auto& start : bounds) {
      for (const auto& end : bounds) {
        std::vector<double> expected;
        const std::int64_t last = bound(end, step, step < 0 ? -1 : n);
        for (std::int64_t i = bound(start, step, step < 0 ? n - 1 : 0); step < 0 ? i > last : i < last;
             i += step) {
          expected.push_back(static_cast<double>(i));
        }
        EXPECT_EQ(read(index(x, {Slice(start, end, step)})), expected)
            << start.value_or(99) << ' ' << end.value_or(99) << ' ' << step;
      }
    }
  }
}

TEST(Index, ListsOfPlaces) {
  const Tensor x = counted({3, 4});
  EXPECT_THAT(read(index(x, {places({2, -3})})), ElementsAre(8, 9, 10, 11, 0, 1, 2, 3));
  EXPECT_THAT(read(index(x, {Slice(), places({3, 0})})), ElementsAre(3, 0, 7, 4, 11, 8));
  EXPECT_THAT(read(index(x, {places({0, 2}), places({1, -1})})), ElementsAre(1, 11));
  EXPECT_THAT(read(index(x, {places({{0}, {2}}), places({1, 3})})), ElementsAre(1, 3, 9, 11));
  EXPECT_THAT(read(index(x, {1, places({3, 3})})), ElementsAre(7, 7));
  EXPECT_EQ(index(x, {places({{0, 1}, {2, 2}})}).shape(), (Shape{2, 2, 4}));
  EXPECT_EQ(index(x, {places(2)}).shape(), (Shape{4}));  // a tensor without axes is a number
  EXPECT_EQ(index(x, {zeros({0}, DType::i64)}).shape(), (Shape{0, 4}));
}

TEST(Index, WhereTheLookedUpShapeGoes) {
  const Tensor x = counted({2, 3, 4, 5});
  const Tensor i = places({{0, 1, 0}}), j = places({1});
  EXPECT_EQ(index(x, {Slice(), i, j}).shape(), (Shape{2, 1, 3, 5}));           // x[:, i, j]
  EXPECT_EQ(index(x, {i, Slice(), j}).shape(), (Shape{1, 3, 3, 5}));           // x[i, :, j]
  EXPECT_EQ(index(x, {Slice(), i, Slice(), j}).shape(), (Shape{1, 3, 2, 4}));  // x[:, i, :, j]
  EXPECT_EQ(index(x, {Ellipsis, i}).shape(), (Shape{2, 3, 4, 1, 3}));          // x[..., i]
  EXPECT_EQ(index(x, {i, NewAxis, j}).shape(), (Shape{1, 3, 1, 4, 5}));        // x[i, None, j]
  EXPECT_EQ(index(x, {Slice(), 1, i}).shape(), (Shape{2, 1, 3, 5}));           // x[:, 1, i]
  EXPECT_EQ(index(x, {i, Slice(), 0}).shape(), (Shape{1, 3, 3, 5}));           // x[i, :, 0]
  EXPECT_THAT(read(index(x, {i, Slice(1, 2), j, 0})), ElementsAre(25, 85, 25));
  EXPECT_THAT(
      message_of<ValueError>([&] {
        index(x, {0, Slice(), i});
      }),
      HasSubstr("index: items 0 to 2 are not side by side: NumPy puts the shape of the looked-up axes "
                "in front, PyTorch leaves it at axis 1; index with the numbers first"));
}

TEST(Index, Masks) {
  const Tensor x = counted({2, 3});
  EXPECT_THAT(read(index(x, {mask({{1, 0, 0}, {0, 1, 1}})})), ElementsAre(0, 4, 5));
  EXPECT_THAT(read(index(x, {mask({0, 1})})), ElementsAre(3, 4, 5));
  EXPECT_THAT(read(index(x, {Slice(), mask({1, 0, 1})})), ElementsAre(0, 2, 3, 5));
  EXPECT_THAT(read(index(x, {mask({1, 1}), places({2, 0})})), ElementsAre(2, 3));
  EXPECT_EQ(index(x, {mask({{0, 0, 0}, {0, 0, 0}})}).shape(), (Shape{0}));
  EXPECT_EQ(index(counted({4, 2, 3, 5}), {Slice(), mask({{1, 0, 0}, {0, 1, 1}})}).shape(), (Shape{4, 3, 5}));
}

TEST(Index, Gradients) {
  const auto f = [](const Tensor& x) {
    return index(x, {Slice(None, None, -1), places({0, 2, 0})}) * index(x, {Slice(), Slice(0, 3)}) +
           index(x, {places({{1}, {0}}), places({1, 1, 3})});
  };
  EXPECT_TRUE(gradcheck(f, {counted({2, 4})}));
  EXPECT_TRUE(gradgradcheck(f, {counted({2, 4})}));
  const auto masked = [](const Tensor& x) {
    const Tensor all = index(x, {mask({{1, 0, 0, 1}, {0, 1, 0, 1}})});
    const Tensor middle = index(unsqueeze(x, 0), {Slice(), mask({{1, 0, 0, 1}, {0, 1, 0, 1}})});
    const Tensor columns = index(x, {1, mask({1, 1, 1, 1})});
    return all * squeeze(middle, 0) * columns;
  };
  EXPECT_TRUE(gradcheck(masked, {counted({2, 4})}));
  EXPECT_TRUE(gradgradcheck(masked, {counted({2, 4})}));
}

TEST(Index, Refuses) {
  const Tensor x = zeros({2, 3});
  EXPECT_THAT(message_of<ValueError>([&] { index(x, {0, 3}); }), HasSubstr("index_test.cc:"));
  EXPECT_THAT(message_of<ValueError>([&] {
                index(x, {0, 3});
              }),
              HasSubstr("index: index 3 (item 1) is out of range: axis 1 of x [2, 3] f32 has the size 3"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                index(x, {0, 0, 0});
              }),
              HasSubstr("index: the items index 3 axes, but x [2, 3] f32 has 2"));
  EXPECT_THAT(message_of<ValueError>([&] { index(x, {Ellipsis, Ellipsis}); }), HasSubstr("2 ellipses"));
  EXPECT_THAT(message_of<ValueError>([&] { index(x, {Slice(0, 1, 0)}); }),
              HasSubstr("index: the step of item 0 is 0"));
  EXPECT_THAT(message_of<DtypeError>([&] { index(x, {zeros({1})}); }),
              HasSubstr("index: item 0 is [1] f32; places are i64 and masks bool"));
  EXPECT_THAT(message_of<ValueError>([&] {
                index(x, {Slice(), places({{0, -4}})});
              }),
              HasSubstr("index: index -4 at [0, 1] of item 1 is out of range: axis 1 of x [2, 3] f32 has the "
                        "size 3"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                index(x, {mask({1, 0, 1})});
              }),
              HasSubstr("index: the mask [3] bool (item 0) has 3 in its axis 0, where axis 0 of x [2, 3] f32 "
                        "has 2"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                index(x, {places({0, 1}), places({0, 1, 2})});
              }),
              HasSubstr("index: the places do not broadcast: item 0 [2], item 1 [3]"));
  EXPECT_THAT(message_of<ValueError>([&] { index(x, {Tensor()}); }), HasSubstr("item 0 is an empty handle"));
  EXPECT_THAT(message_of<ShapeError>([&] { index(x, {tensor(true, DType::boolean)}); }),
              HasSubstr("item 0 is a mask without axes"));
}

TEST(IndexPut, Values) {
  const Tensor x = counted({2, 3});
  EXPECT_THAT(read(index_put(x, {1}, -1)), ElementsAre(0, 1, 2, -1, -1, -1));
  EXPECT_THAT(read(index_put(x, {Slice(), Slice(None, None, -2)}, tensor<double>({8, 9}))),
              ElementsAre(9, 1, 8, 9, 4, 8));
  EXPECT_THAT(read(index_put(x, {places({0, 1, 0}), places({0, 1, 0})}, tensor<double>({7, 8, 9}))),
              ElementsAre(9, 1, 2, 3, 8, 5));
  EXPECT_THAT(read(index_put(x, {places({0, 0})}, tensor<double>({{10}, {20}}), /*accumulate=*/true)),
              ElementsAre(30, 31, 32, 3, 4, 5));
  EXPECT_THAT(read(index_put(x, {gt(x, 3)}, 0)), ElementsAre(0, 1, 2, 3, 0, 0));
  EXPECT_THAT(read(x), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(IndexPut, Gradients) {
  for (const bool accumulate : {false, true}) {
    const auto f = [accumulate](std::span<const Tensor> in) {
      const Tensor y = index_put(in[0], {places({0, 1, 0}), places({0, 1, 0})}, in[1], accumulate);
      return std::vector<Tensor>{y * y};
    };
    const Tensor inputs[] = {counted({2, 3}), tensor<double>({7, 8, 9})};
    EXPECT_TRUE(gradcheck(f, inputs));
    EXPECT_TRUE(gradgradcheck(f, inputs));
  }
}

TEST(IndexPut, Refuses) {
  const Tensor x = zeros({2, 3});
  EXPECT_THAT(message_of<ShapeError>([&] { index_put(x, {0}, ones({2})); }),
              HasSubstr("index_put: values [2] f32 do not broadcast to [3], the shape of what is indexed"));
  EXPECT_THAT(message_of<DtypeError>([&] { index_put(x, {0}, ones({3}, DType::f64)); }),
              HasSubstr("index_put: dtypes differ: x [2, 3] f32, values [3] f64"));
  EXPECT_THAT(
      message_of<ValueError>([&] { index_put(x, {5}, 0); }),
      HasSubstr("index_put: index 5 (item 0) is out of range: axis 0 of x [2, 3] f32 has the size 2"));
}

}  // namespace
}  // namespace gradus
