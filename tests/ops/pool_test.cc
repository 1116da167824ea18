// Pooling as users call it: defaults, layouts, indices and their inverse, conventions, wrong input. What the
// ops compute is checked against references by contract_test.cc.
#include "gradus/ops/pool.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gradus/base/parallel.h"
#include "gradus/graph/backward.h"
#include "gradus/graph/gradcheck.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/random.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"
#include "gradus/tests/graph/message.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

using test_ops::message_of;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pointwise;

Tensor counted(const Shape& shape) { return reshape(arange(0, shape.numel(), 1, DType::f64), shape); }

// Numbers without order, all different.
Tensor mixed(const Shape& shape, DType dtype = DType::f64) {
  const std::int64_t n = shape.numel();
  std::vector<double> v(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) {
    v[static_cast<std::size_t>(i)] = std::sin(static_cast<double>(i) * 12.9898) * 43.7585;
  }
  return astype(tensor(v, shape), dtype);
}

Tensor channels_last(const Tensor& x) { return permute(contiguous(permute(x, {0, 2, 3, 1})), {0, 3, 1, 2}); }

std::vector<double> read(const Tensor& t) { return astype(t, DType::f64).to_vector<double>(); }

// The places of one list of strides, without the axes of size 1.
bool is_channels_last(const Tensor& x) {
  return x.strides() == Shape{x.size(1) * x.size(2) * x.size(3), 1, x.size(1) * x.size(3), x.size(1)};
}

TEST(Pool, DefaultsAreThoseOfPyTorch) {
  const Tensor x = counted({1, 1, 4, 4});
  EXPECT_THAT(read(max_pool2d(x, 2)), ElementsAre(5, 7, 13, 15));
  EXPECT_THAT(read(max_pool2d(x, 3, {.stride = 1})), ElementsAre(10, 11, 14, 15));
  EXPECT_THAT(read(max_pool2d(x, {1, 4})), ElementsAre(3, 7, 11, 15));
  EXPECT_THAT(read(avg_pool2d(x, 2)), ElementsAre(2.5, 4.5, 10.5, 12.5));
  // Zeros of the padding count in the mean, unless asked otherwise.
  EXPECT_THAT(read(avg_pool2d(x, 2, {.padding = 1})), ElementsAre(0, 0.75, 0.75, 3, 7.5, 4.5, 3, 6.75, 3.75));
  EXPECT_THAT(read(avg_pool2d(x, 2, {.padding = 1, .count_include_pad = false})),
              ElementsAre(0, 1.5, 3, 6, 7.5, 9, 12, 13.5, 15));
  EXPECT_THAT(read(avg_pool2d(x, 2, {.divisor_override = 1})), ElementsAre(10, 18, 42, 50));
  EXPECT_EQ(max_pool3d(counted({2, 4, 4, 4}), 2).shape(), (Shape{2, 2, 2, 2}));
  EXPECT_EQ(max_pool1d(counted({3, 2, 10}), 3).shape(), (Shape{3, 2, 3}));
}

TEST(Pool, CeilModeLetsALastWindowStartInside) {
  const Tensor x = counted({1, 1, 5});
  EXPECT_THAT(read(max_pool1d(x, 2)), ElementsAre(1, 3));
  EXPECT_THAT(read(max_pool1d(x, 2, {.ceil_mode = true})), ElementsAre(1, 3, 4));
  EXPECT_THAT(read(avg_pool1d(x, 2, {.ceil_mode = true})), ElementsAre(0.5, 2.5, 4));
  // It must not start in the padding behind.
  EXPECT_THAT(read(max_pool1d(counted({1, 1, 4}), 2, {.stride = 3, .padding = 1, .ceil_mode = true})),
              ElementsAre(0, 3));
  EXPECT_THAT(read(max_pool1d(x, 3, {.stride = 2, .padding = 0, .padding_end = 2})), ElementsAre(2, 4, 4));
}

TEST(Pool, IndicesAndUnpool) {
  const Tensor x = mixed({2, 3, 6, 5});
  const ValuesIndices r = max_pool2d_with_indices(x, 3, {.stride = 2, .padding = 1});
  EXPECT_EQ(r.indices.dtype(), DType::i64);
  const std::vector<double> values = read(x), chosen = read(r.values);
  const std::vector<std::int64_t> at = r.indices.to_vector<std::int64_t>();
  const std::size_t windows = chosen.size() / 6;
  for (std::size_t i = 0; i < at.size(); ++i) {
    EXPECT_EQ(values[i / windows * 30 + static_cast<std::size_t>(at[i])], chosen[i]);
  }
  // Windows of channels last have the same indices.
  const ValuesIndices last = max_pool2d_with_indices(channels_last(x), 3, {.stride = 2, .padding = 1});
  EXPECT_EQ(last.indices.to_vector<std::int64_t>(), at);
  EXPECT_EQ(read(last.values), chosen);

  const ValuesIndices p = max_pool2d_with_indices(counted({1, 1, 4, 5}), 2);
  const Tensor back = max_unpool2d(p.values, p.indices, 2, {.output_size = {4, 5}});
  EXPECT_THAT(read(back), ElementsAre(0, 0, 0, 0, 0, 0, 6, 0, 8, 0, 0, 0, 0, 0, 0, 0, 16, 0, 18, 0));
  EXPECT_EQ(max_unpool2d(p.values, max_pool2d_with_indices(counted({1, 1, 4, 4}), 2).indices, 2).shape(),
            (Shape{1, 1, 4, 4}));
  const auto f = [&](const Tensor& v) {
    return square(max_unpool2d(v, p.indices, 2, {.output_size = {4, 5}}));
  };
  const GradcheckResult ok = gradcheck(f, {p.values.detach()});
  EXPECT_TRUE(ok) << ok.message;
  const ValuesIndices whole = adaptive_max_pool2d_with_indices(x, 1);
  EXPECT_EQ(whole.indices.to_vector<std::int64_t>(),
            argmax(reshape(x, {2, 3, 30}), -1).to_vector<std::int64_t>());
}

TEST(Pool, TiesGoToTheFirstAndNaNWins) {
  const double nan = std::nan("");
  const Tensor x = tensor(std::vector<double>{2, 2, 1, 2, nan, 5, 5, nan}, {1, 1, 2, 4});
  const ValuesIndices r = max_pool2d_with_indices(x, 2);
  EXPECT_EQ(read(r.indices), (std::vector<double>{4, 7}));
  EXPECT_TRUE(std::isnan(read(r.values)[0]));
  Tensor y = tensor(std::vector<double>{3, 3, 3, 3, 3, 3, 3, 3}, {1, 1, 2, 4});
  y.requires_grad(true);
  sum(max_pool2d(y, 2)).backward();
  EXPECT_THAT(read(y.grad()), ElementsAre(1, 0, 1, 0, 0, 0, 0, 0));
  const Tensor low = full({1, 1, 4}, -HUGE_VAL, DType::f64);
  EXPECT_THAT(read(max_pool1d_with_indices(low, 2).indices), ElementsAre(0, 2));
}

// Vectors over channels, over the windows of a row, and single elements give the same, for values and
// gradients, at every length around that of a vector.
TEST(Pool, LayoutsAndLengthsAgree) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (std::int64_t n = 3; n < 70; n += n < 40 ? 1 : 7) {
      for (const MaxPoolOptions& o :
           {MaxPoolOptions{.stride = 2, .padding = 1}, MaxPoolOptions{.stride = 1, .dilation = {1, 1}},
            MaxPoolOptions{.stride = {2, 3}, .padding = 1, .ceil_mode = true}}) {
        const Tensor a = mixed({1, 2, 4, n}, dtype).detach().requires_grad(true);
        const Tensor b = channels_last(a.detach()).requires_grad(true);
        const Tensor many =
            channels_last(reshape(mixed({1, n, 4, 5}, dtype), {1, n, 4, 5})).requires_grad(true);
        const Tensor many_first = contiguous(many.detach()).requires_grad(true);
        const auto same = [&](const Tensor& first, const Tensor& last) {
          const Tensor y = max_pool2d(first, 3, o), z = max_pool2d(last, 3, o);
          ASSERT_EQ(read(y), read(z));
          const Tensor seed = mixed(y.shape(), dtype);
          first.detach();
          y.backward(seed);
          z.backward(seed);
          EXPECT_EQ(read(first.grad()), read(last.grad())) << n;
          const AvgPoolOptions mean{.stride = o.stride, .padding = o.padding, .ceil_mode = o.ceil_mode};
          EXPECT_THAT(read(avg_pool2d(first.detach(), 3, mean)),
                      Pointwise(DoubleNear(1e-4), read(avg_pool2d(last.detach(), 3, mean))));
        };
        same(a, b);
        same(many_first, many);
      }
    }
  }
}

TEST(Pool, MeansAndTheirGradientsAgreeBetweenLayouts) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (std::int64_t n = 4; n < 44; ++n) {
      for (const std::int64_t kernel : {1, 2, 3, 4}) {
        for (const std::int64_t stride : {1, 2}) {
          const AvgPoolOptions o{.stride = stride,
                                 .padding = kernel / 2 * (n % 2),
                                 .ceil_mode = n % 3 == 0,
                                 .count_include_pad = n % 4 < 2};
          const Tensor a = mixed({2, 2, 5, n}, dtype).detach().requires_grad(true);
          const Tensor b = channels_last(a.detach()).requires_grad(true);
          const Tensor y = avg_pool2d(a, kernel, o), z = avg_pool2d(b, kernel, o);
          EXPECT_THAT(read(y), Pointwise(DoubleNear(1e-4), read(z))) << n << " " << kernel << " " << stride;
          const Tensor seed = mixed(y.shape(), dtype);
          y.backward(seed);
          z.backward(seed);
          EXPECT_THAT(read(a.grad()), Pointwise(DoubleNear(1e-4), read(b.grad())))
              << n << " " << kernel << " " << stride;
        }
      }
    }
  }
}

TEST(Pool, KeepsChannelsLast) {
  Tensor x = channels_last(mixed({2, 8, 6, 6})).detach();
  x.requires_grad(true);
  const Tensor y = max_pool2d(x, 2), z = avg_pool2d(x, 3, {.stride = 2, .padding = 1});
  EXPECT_TRUE(is_channels_last(y));
  EXPECT_TRUE(is_channels_last(z));
  EXPECT_TRUE(is_channels_last(adaptive_avg_pool2d(x, {2, 3})));
  EXPECT_TRUE(is_channels_last(max_pool2d_with_indices(x, 2).indices));
  // Gradients too: where they go on through the graph and for the caller of grad(). A leaf's grad() is
  // contiguous.
  for (const auto& pool : {+[](const Tensor& t) { return max_pool2d(t, 2); },
                           +[](const Tensor& t) { return avg_pool2d(t, 3, {.stride = 2, .padding = 1}); }}) {
    Tensor u = x * 1.0;
    bool seen = false;
    u.add_hook([&](const Tensor& g) {
      seen = is_channels_last(g);
      return Tensor();
    });
    sum(square(pool(u))).backward();
    EXPECT_TRUE(seen);
    EXPECT_TRUE(x.grad().is_contiguous());
    const Tensor g = grad(sum(square(pool(x))), {x})[0];
    EXPECT_TRUE(is_channels_last(g));
    EXPECT_EQ(read(g), read(x.grad()));
    x.clear_grad();
  }
  EXPECT_TRUE(max_pool2d(contiguous(x), 2).is_contiguous());
}

TEST(Pool, AdaptiveEqualsPlainWhereSizesDivide) {
  const Tensor x = mixed({2, 3, 6, 8});
  EXPECT_EQ(read(adaptive_max_pool2d(x, {3, 2})), read(max_pool2d(x, {2, 4})));
  EXPECT_THAT(read(adaptive_avg_pool2d(x, {3, 2})),
              Pointwise(DoubleNear(1e-12), read(avg_pool2d(x, {2, 4}))));
  EXPECT_THAT(read(adaptive_avg_pool1d(counted({1, 1, 5}), 3)), ElementsAre(0.5, 2, 3.5));
  EXPECT_EQ(adaptive_avg_pool3d(mixed({2, 3, 4, 5}), 1).shape(), (Shape{2, 1, 1, 1}));
}

TEST(Pool, LpPoolIsTheNormOfEachWindow) {
  const Tensor x = tensor(std::vector<double>{3, -4, 0, 0, -1, 2}, {1, 1, 6});
  EXPECT_THAT(read(lp_pool1d(x, 2, 2)), ElementsAre(5, 0, DoubleNear(std::sqrt(5.0), 1e-12)));
  EXPECT_THAT(read(lp_pool1d(x, 1, 3)), ElementsAre(7, 3));
  EXPECT_THAT(read(lp_pool1d(x, 3, 2, {.stride = 4})),
              ElementsAre(DoubleNear(std::cbrt(91.0), 1e-12), DoubleNear(std::cbrt(9.0), 1e-12)));
  Tensor v = x.clone_detached().requires_grad(true);
  sum(lp_pool1d(v, 2, 2)).backward();
  EXPECT_THAT(read(v.grad()),
              Pointwise(DoubleNear(1e-12),
                        std::vector<double>{0.6, -0.8, 0, 0, -1 / std::sqrt(5.0), 2 / std::sqrt(5.0)}));
  const auto f = [](const Tensor& t) { return lp_pool2d(t, 3, 2, {.stride = 1}); };
  const GradcheckResult first = gradcheck(f, {mixed({1, 2, 3, 3})});
  EXPECT_TRUE(first) << first.message;
  const GradcheckResult second = gradgradcheck(f, {mixed({1, 2, 3, 3})});
  EXPECT_TRUE(second) << second.message;
}

// A sum of f32 over a large window keeps its digits in both layouts.
TEST(Pool, LargeMeansStayAccurate) {
  const Tensor x = add(mixed({1, 2, 300, 300}, DType::f32), 1000);
  const Tensor want = mean(astype(x, DType::f64), {2, 3});
  for (const Tensor& y : {adaptive_avg_pool2d(x, 1), adaptive_avg_pool2d(channels_last(x), 1)}) {
    EXPECT_THAT(read(y), Pointwise(DoubleNear(2e-3), read(want)));
  }
}

TEST(Pool, RefusesWithTheUsersName) {
  const Tensor x = zeros({1, 2, 4, 4});
  EXPECT_THAT(
      message_of<ValueError>([&] { max_pool2d(x, 3, {.padding = 2}); }),
      ::testing::EndsWith("max_pool2d: padding 2 is more than half of a window of 3 places: padding [2, 2], "
                          "kernel size [3, 3], dilation [1, 1], input [1, 2, 4, 4] f32"));
  EXPECT_THAT(
      message_of<ValueError>([&] {
        max_pool2d(x, {1, 2, 3});
      }),
      ::testing::EndsWith("max_pool2d: kernel_size has 3 numbers: takes one for each of 2 axes, or one for "
                          "all: [1, 2, 3]"));
  EXPECT_THAT(
      message_of<ShapeError>([&] {
        max_pool3d(zeros({2, 2}), 2);
      }),
      ::testing::EndsWith("max_pool3d: takes 3 spatial axes behind C, or behind N and C: input [2, 2] f32 "
                          "has 2 axes"));
  EXPECT_THAT(message_of<ShapeError>([&] { avg_pool2d(x, 5); }), HasSubstr("pool_test.cc:"));
  EXPECT_THAT(
      message_of<ShapeError>([&] {
        max_pool2d(x, {2, 5});
      }),
      ::testing::EndsWith("max_pool: the window is larger than the padded axis 3: 5 places (5, 1 apart), the "
                          "axis has 0 + 4 + 0: input [1, 2, 4, 4] f32"));
  const std::int64_t huge = std::int64_t{1} << 40;
  EXPECT_THAT(message_of<ValueError>([&] { max_pool2d(x, huge); }), HasSubstr("are not in 1..2^31"));
  EXPECT_THAT(message_of<ValueError>([&] { max_pool2d(x, 2, {.stride = 0}); }), HasSubstr("stride 0"));
  EXPECT_THAT(message_of<ShapeError>([&] { adaptive_avg_pool2d(x, std::int64_t{1} << 30); }),
              HasSubstr("has too many elements for the memory of any machine"));
  EXPECT_THAT(message_of<ValueError>([&] { lp_pool2d(x, 0, 2); }),
              ::testing::EndsWith("lp_pool2d: takes a finite p above 0, not 0: input [1, 2, 4, 4] f32"));
  EXPECT_THAT(
      message_of<ValueError>([&] { max_unpool2d(x, zeros(x.shape(), DType::i64), 2, {.output_size = 12}); }),
      ::testing::EndsWith("max_unpool2d: output size 12 along axis 2 is not within 7..9: input [1, 2, 4, 4] "
                          "f32"));
  EXPECT_THAT(message_of<ValueError>([&] { max_unpool2d(x, full(x.shape(), 64, DType::i64), 2); }),
              HasSubstr("out of range"));
}

}  // namespace
}  // namespace gradus
