// Reductions as users call them: axes and keepdim, dtypes, ties, NaN, nothing to reduce, accuracy, refusals.
#include "gradus/ops/reduction.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gradus/base/parallel.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/random.h"
#include "gradus/ops/view.h"
#include "gradus/tests/graph/message.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

using test_ops::message_of;
using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Tensor counted(const Shape& shape) { return reshape(arange(0, shape.numel(), 1, DType::f64), shape); }

std::vector<double> read(const Tensor& t) { return t.to_vector<double>(); }

TEST(Reduction, AxesAndKeepdim) {
  const Tensor x = counted({2, 3, 4});
  EXPECT_EQ(sum(x).item(), 276);
  EXPECT_EQ(sum(x).rank(), 0);
  EXPECT_THAT(read(sum(x, {0, -1})), ElementsAre(60, 92, 124));
  EXPECT_EQ(sum(x, 1, true).shape(), (Shape{2, 1, 4}));
  EXPECT_EQ(mean(x, {}, true).shape(), (Shape{1, 1, 1}));
  EXPECT_THAT(read(mean(x, {1, 2})), ElementsAre(5.5, 17.5));
  EXPECT_THAT(read(amax(x, {0, 2})), ElementsAre(15, 19, 23));
  EXPECT_THAT(read(prod(tensor<double>({{1, 2}, {3, 4}}), 0)), ElementsAre(3, 8));
  EXPECT_EQ(read(sum(permute(x, {2, 0, 1}), {1, 2})), read(sum(x, {0, 1})));
}

TEST(Reduction, Dtypes) {
  const Tensor i = tensor({200, 100}, DType::u8);
  EXPECT_EQ(sum(i).dtype(), DType::i64);
  EXPECT_EQ(sum(i).item<std::int64_t>(), 300);
  EXPECT_EQ(prod(i).item<std::int64_t>(), 20000);
  EXPECT_EQ(sum(tensor({1, 1, 0}, DType::boolean)).item<std::int64_t>(), 2);
  EXPECT_EQ(max(i).dtype(), DType::u8);
  EXPECT_EQ(argmax(i).dtype(), DType::i64);
  EXPECT_EQ(mean(ones({2})).dtype(), DType::f32);
  EXPECT_THAT(any(tensor({{0, 0}, {0, 1}}, DType::boolean), 1).to_vector<std::uint8_t>(), ElementsAre(0, 1));
  EXPECT_EQ(all(tensor({1, 0}, DType::boolean)).item<int>(), 0);
}

TEST(Reduction, TheFirstOfTiesAndTheFirstNaNWin) {
  const Tensor x = tensor<double>({{1, 3, 3}, {2, NAN, NAN}});
  const ValuesIndices m = max(x, 1);
  EXPECT_THAT(m.indices.to_vector<std::int64_t>(), ElementsAre(1, 1));
  EXPECT_EQ(m.values.span<double>()[0], 3);
  EXPECT_TRUE(std::isnan(m.values.span<double>()[1]));
  EXPECT_EQ(argmin(x).item<std::int64_t>(), 4);
  EXPECT_EQ(argmax(select(x, 0, 0)).item<std::int64_t>(), 1);
  EXPECT_TRUE(std::isnan(amin(x).item()));
}

TEST(Reduction, OfNothing) {
  const Tensor none = zeros({0}, DType::f64);
  EXPECT_EQ(sum(none).item(), 0);
  EXPECT_EQ(prod(none).item(), 1);
  EXPECT_TRUE(std::isnan(mean(none).item()));
  EXPECT_EQ(logsumexp(none, 0).item(), -INFINITY);
  EXPECT_EQ(any(zeros({0}, DType::boolean)).item<int>(), 0);
  EXPECT_EQ(all(zeros({0}, DType::boolean)).item<int>(), 1);
  EXPECT_TRUE(std::isnan(var(ones({1})).item()));
  EXPECT_EQ(var(ones({1}), {}, {.correction = 0}).item(), 0);
  EXPECT_EQ(sum(zeros({0, 3}), 0).shape(), (Shape{3}));
}

TEST(Reduction, GradientOfTies) {
  Tensor x = tensor({2, 5, 5}, {.requires_grad = true});
  amax(x).backward();
  EXPECT_THAT(x.grad().to_vector<float>(), ElementsAre(0, 0.5F, 0.5F));
  x.clear_grad();
  max(x, 0).values.backward();
  EXPECT_THAT(x.grad().to_vector<float>(), ElementsAre(0, 1, 0));
}

TEST(Reduction, LongF32SumsStayAccurate) {
  const std::int64_t n = 3000001;
  // Up to 128 additions in a lane, each off by up to 2^-24; one after the other they would be off by 1e-2.
  EXPECT_NEAR(sum(full({n}, 0.1)).item() / (static_cast<double>(0.1F) * static_cast<double>(n)), 1,
              128 * 0x1p-24);
  const Tensor large = normal({100000}, 1e4, 1);
  EXPECT_NEAR(var(large).item(), var(astype(large, DType::f64)).item(), 1e-4);
  EXPECT_NEAR(logsumexp(full({4}, 1000), 0).item(), 1000 + std::log(4.0), 1e-3);
}

// Whole vectors, tails, and strides all add up the same numbers.
TEST(Reduction, EveryLength) {
  for (std::int64_t n = 1; n <= 70; ++n) {
    const Tensor x = normal({n, 3});
    const std::vector<float> v = x.to_vector<float>();
    std::vector<double> sums(3), highest(3, -INFINITY);
    for (std::size_t i = 0; i < v.size(); ++i) {
      sums[i % 3] += v[i];
      highest[i % 3] = std::max<double>(highest[i % 3], v[i]);
    }
    const Tensor rows = contiguous(transpose(x, 0, 1));
    for (const auto& [s, m] : {std::pair{sum(x, 0), amax(x, 0)}, {sum(rows, 1), amax(rows, 1)}}) {
      for (std::size_t k = 0; k < 3; ++k) {
        EXPECT_NEAR(s.span<float>()[k], sums[k], 1e-5 * static_cast<double>(n)) << n;
        EXPECT_EQ(m.span<float>()[k], highest[k]) << n;
      }
    }
  }
}

TEST(Reduction, ARepeatedElementIsReducedAsItsCopies) {
  for (const std::int64_t n : {1, 7, 2049, 300000}) {
    const Tensor rows = expand(tensor<double>({{0.1}, {0.7}}), {2, n});
    EXPECT_THAT(read(sum(rows, 1)), ElementsAre(DoubleEq(0.1 * n), DoubleEq(0.7 * n)));
    EXPECT_THAT(read(mean(rows, 1)), ElementsAre(0.1, 0.7));
    EXPECT_THAT(read(amax(rows, 1)), ElementsAre(0.1, 0.7));
    EXPECT_DOUBLE_EQ(sum(rows).item(), (0.1 + 0.7) * n);
    EXPECT_DOUBLE_EQ(mean(rows).item(), 0.4);
    EXPECT_EQ(sum(expand(tensor({0.1F}), {n})).item(), 0.1F * static_cast<float>(n));
    EXPECT_EQ(sum(expand(tensor({3}, DType::i32), {n})).item<std::int64_t>(), 3 * n);
    EXPECT_EQ(sum(expand(tensor({3}, DType::u8), {n})).item<std::int64_t>(), 3 * n);
    EXPECT_EQ(read(sum(expand(tensor<double>({1, 2}), {n, 2}), 0)), (std::vector<double>{1.0 * n, 2.0 * n}));
  }
  EXPECT_DOUBLE_EQ(prod(expand(tensor<double>({2}), {10})).item(), 1024);
  EXPECT_EQ(sum(expand(tensor<double>({2}), {0})).item(), 0);
  EXPECT_TRUE(std::isnan(mean(expand(tensor<double>({2}), {0})).item()));
}

TEST(Reduction, TheSameWithAnyNumberOfThreads) {
  const Tensor x = normal({1000, 513});
  const auto all = [&] {
    std::vector<float> v = sum(x, 0).to_vector<float>();
    for (const Tensor& t : {sum(x), mean(x), var(x), logsumexp(x, {}), amax(x), sum(x, 1), prod(x, 1)}) {
      const auto more = t.to_vector<float>();
      v.insert(v.end(), more.begin(), more.end());
    }
    return v;
  };
  const int before = threads();
  set_threads(1);
  const auto one = all();
  set_threads(2);
  EXPECT_EQ(one, all());
  set_threads(before);
}

TEST(Reduction, RefusesWithTheCallersLine) {
  const Tensor x = zeros({2, 3});
  EXPECT_THAT(message_of<ShapeError>([&] { sum(x, 2); }), HasSubstr("reduction_test.cc:"));
  EXPECT_THAT(message_of<ShapeError>([&] { sum(x, 2); }),
              HasSubstr("sum: axis 2 is out of range: input [2, 3] f32 has the axes -2..1"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                mean(x, {1, -1});
              }),
              HasSubstr("mean: dims {1, -1} name axis 1 of input [2, 3] f32 twice"));
  EXPECT_THAT(message_of<DtypeError>([] { mean(arange(3)); }),
              HasSubstr("mean: takes floating-point numbers: input [3] i64"));
  EXPECT_THAT(message_of<ShapeError>([] { max(zeros({0})); }), HasSubstr("max: nothing to choose from"));
  EXPECT_THAT(message_of<ShapeError>([] {
                argmin(zeros({2, 0}), 1);
              }),
              HasSubstr("argmin: nothing to choose from: axis 1 of input [2, 0] f32 has size 0"));
  EXPECT_THAT(message_of<DtypeError>([&] { any(x); }),
              HasSubstr("any: takes bool tensors: input [2, 3] f32"));
  EXPECT_THAT(message_of<ShapeError>([&] { sum_to(x, {4}); }),
              HasSubstr("sum_to: [4] does not broadcast to input [2, 3] f32"));
}

}  // namespace
}  // namespace gradus
