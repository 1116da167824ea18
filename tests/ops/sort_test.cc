// Sorting and choosing as users call them: order of ties and NaN, large arrays, median and quantile.
#include "gradus/ops/sort.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "gmock/gmock.h"
#include "gradus/graph/backward.h"
#include "gradus/graph/gradcheck.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/random.h"
#include "gradus/ops/view.h"
#include "gradus/tests/graph/message.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

using test_ops::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<double> read(const Tensor& t) { return t.to_vector<double>(); }
std::vector<std::int64_t> places(const Tensor& t) { return t.to_vector<std::int64_t>(); }

template <class F>
std::vector<double> gradient(F f, Tensor x) {
  x.requires_grad(true);
  return read(grad(sum(f(x)), {x})[0]);
}

TEST(Sort, TiesKeepTheirOrderBothWays) {
  const Tensor x = tensor<double>({2, 1, 2, 1, 0.0, -0.0});
  EXPECT_THAT(places(sort(x).indices), ElementsAre(4, 5, 1, 3, 0, 2));
  EXPECT_THAT(places(sort(x, 0, true).indices), ElementsAre(0, 2, 1, 3, 4, 5));
  EXPECT_TRUE(std::signbit(read(sort(x).values)[1]));
}

TEST(Sort, NaNIsTheLargest) {
  const Tensor x = tensor<double>({NAN, 1, HUGE_VAL, -NAN});
  EXPECT_THAT(places(argsort(x)), ElementsAre(1, 2, 0, 3));
  EXPECT_THAT(places(argsort(x, -1, true)), ElementsAre(0, 3, 2, 1));
  EXPECT_THAT(places(topk(x, 2).indices), ElementsAre(0, 3));
  EXPECT_THAT(places(topk(x, 2, 0, false).indices), ElementsAre(1, 2));
}

TEST(Sort, LargeArraysOfEveryDtypeAreLikeStableSort) {
  manual_seed(9);
  for (const DType dtype : {DType::f32, DType::f64, DType::i32, DType::i64, DType::u8}) {
    // Few different values, so that there are many ties.
    const Tensor x = astype(normal({5000}, 100, 20), dtype);
    const std::vector<double> v = read(astype(x, DType::f64));
    for (const bool descending : {false, true}) {
      std::vector<std::int64_t> order(v.size());
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
        const double x = v[static_cast<std::size_t>(a)], y = v[static_cast<std::size_t>(b)];
        return descending ? x > y : x < y;
      });
      const ValuesIndices s = sort(x, 0, descending);
      EXPECT_EQ(places(s.indices), order) << name(dtype);
      EXPECT_EQ(places(argsort(x, 0, descending)), order);
      EXPECT_EQ(read(astype(s.values, DType::f64)), read(astype(index_select(x, 0, s.indices), DType::f64)));
      order.resize(100);
      EXPECT_EQ(places(topk(x, 100, 0, descending).indices), order);
    }
  }
}

TEST(Sort, ManyLanes) {
  manual_seed(4);
  const Tensor x = normal({37, 300, 3});
  const Tensor along = sort(x, 1).values, moved = sort(contiguous(transpose(x, 1, 2)), 2).values;
  EXPECT_EQ(along.to_vector<float>(), transpose(moved, 1, 2).to_vector<float>());
  EXPECT_EQ(kthvalue(x, 7, 1).values.to_vector<float>(), select(along, 1, 6).to_vector<float>());
  EXPECT_EQ(median(x, 1).values.to_vector<float>(), select(along, 1, 149).to_vector<float>());
}

TEST(Sort, GradientsGoToWhereTheValuesWere) {
  const Tensor weights = tensor<double>({1, 10, 100});
  const auto f = [&](const Tensor& x) { return mul(sort(x).values, weights); };
  EXPECT_THAT(gradient(f, tensor<double>({5, 1, 3})), ElementsAre(100, 1, 10));
  const auto top = [](const Tensor& x) { return topk(x, 1).values; };
  EXPECT_THAT(gradient(top, tensor<double>({5, 1, 5})), ElementsAre(1, 0, 0));
}

TEST(Median, TheLowerMiddleAndNaN) {
  EXPECT_EQ(median(tensor<double>({4, 1, 3, 2})).item(), 2);
  const ValuesIndices m = median(tensor<double>({{3, 1, 2, 1}, {NAN, 0, NAN, 1}}), 1);
  EXPECT_THAT(places(m.indices), ElementsAre(3, 0));
  EXPECT_TRUE(std::isnan(median(tensor<double>({1, NAN, 3})).item()));
  const auto f = [](const Tensor& x) { return median(x); };
  EXPECT_THAT(gradient(f, tensor<double>({2, 1, 2, 3, 5})), ElementsAre(0.5, 0, 0.5, 0, 0));
  EXPECT_EQ(median(transpose(tensor<double>({{1, 2, 3}, {9, 8, 7}}), 0, 1)).item(), 3);
}

TEST(Quantile, InterpolatesBetweenNeighbours) {
  const Tensor x = tensor<double>({{4, 1, 3, 2}, {0, 10, 20, 30}});
  EXPECT_THAT(read(quantile(x, 0.5, 1)), ElementsAre(2.5, 15));
  EXPECT_EQ(quantile(x, 0.5, 1, true).shape(), (Shape{2, 1}));
  EXPECT_EQ(quantile(x, 0.5, {}, true).shape(), (Shape{1, 1}));
  const Tensor several = quantile(x, {0.0, 0.25, 1.0}, -1);
  EXPECT_EQ(several.shape(), (Shape{3, 2}));
  EXPECT_THAT(read(several), ElementsAre(1, 0, 1.75, 7.5, 4, 30));
  EXPECT_EQ(quantile(x, 1.0 / 7).item(), 1);
}

TEST(Quantile, NaNWinsAndInfinityStaysBeside) {
  EXPECT_TRUE(std::isnan(quantile(tensor<double>({1, NAN, 3}), 0.0).item()));
  EXPECT_EQ(quantile(tensor<double>({1, 2, HUGE_VAL}), 0.5).item(), 2);
}

TEST(Quantile, Gradients) {
  manual_seed(2);
  const Tensor x = normal({3, 6}, 0, 1, {.dtype = DType::f64});
  const auto f = [](const Tensor& x) { return quantile(x, {0.1, 0.5, 0.77}, 1); };
  EXPECT_TRUE(gradcheck(f, {x})) << gradcheck(f, {x}).message;
  EXPECT_TRUE(gradgradcheck(f, {x})) << gradgradcheck(f, {x}).message;
  const auto all = [](const Tensor& x) { return quantile(x, 0.3); };
  EXPECT_TRUE(gradcheck(all, {x})) << gradcheck(all, {x}).message;
}

TEST(Quantile, Refuses) {
  EXPECT_THAT(message_of<ValueError>([] { quantile(ones({3}), 1.5); }),
              HasSubstr("quantile: q = 1.5 is outside of [0, 1]"));
  EXPECT_THAT(message_of<ShapeError>([] {
                quantile(ones({2, 0}), 0.5, 1);
              }),
              HasSubstr("quantile: nothing to choose from: input [2, 0] f32"));
  EXPECT_THAT(message_of<ShapeError>([] {
                quantile(ones({2, 3}), 0.5, 2);
              }),
              HasSubstr("quantile: axis 2 is out of range: input [2, 3] f32 has 2 axes"));
  EXPECT_THAT(message_of<DtypeError>([] {
                quantile(tensor({1, 2}, DType::i64), 0.5);
              }),
              HasSubstr("quantile: takes floating-point numbers: input [2] i64"));
}

TEST(CountNonzero, CountsNaNToo) {
  EXPECT_THAT(places(count_nonzero(tensor<double>({{0, 1, NAN}, {0, -0.0, 2}}), 1)), ElementsAre(2, 1));
  EXPECT_EQ(count_nonzero(tensor({1, 0, 1}, DType::boolean)).item<int>(), 2);
  EXPECT_EQ(count_nonzero(tensor({3, 0}, DType::u8)).dtype(), DType::i64);
}

}  // namespace
}  // namespace gradus
