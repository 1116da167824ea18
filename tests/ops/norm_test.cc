// Normalisations beyond the contract: what the user functions choose, update in place and refuse; every order
// of memory gives the same numbers and is kept; rounding beside a large mean. The ops themselves are under
// the contract.
#include "gradus/ops/norm.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "gmock/gmock.h"
#include "gradus/base/random.h"
#include "gradus/graph/backward.h"
#include "gradus/graph/gradcheck.h"
#include "gradus/graph/recording.h"
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
using ::testing::HasSubstr;

Tensor values(const Shape& shape, DType dtype = DType::f64, double low = -2, double high = 2) {
  static Generator generator{3, 0};
  return uniform(shape, low, high, {.dtype = dtype, .generator = &generator});
}

void expect_near(const Tensor& a, const Tensor& b, double tolerance) {
  ASSERT_TRUE(a.shape() == b.shape());
  const auto x = astype(a, DType::f64).to_vector<double>(), y = astype(b, DType::f64).to_vector<double>();
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(x[i], y[i], tolerance) << "element " << i;
}

template <class F>
void expect_derivatives(F f, std::initializer_list<Tensor> inputs) {
  const GradcheckResult first = gradcheck(f, inputs);
  EXPECT_TRUE(first) << first.message;
  const GradcheckResult second = gradgradcheck(f, inputs);
  EXPECT_TRUE(second) << second.message;
}

// (x - mean) / sqrt(var + eps) over some axes, in plain ops.
Tensor plain(const Tensor& x, const Dims& dims, double eps = 1e-5) {
  const Tensor m = mean(x, dims, true), v = var(x, dims, {.correction = 0, .keepdim = true});
  return div(sub(x, m), sqrt(add(v, eps)));
}

// x with the order of its axes in memory given from the outermost one.
Tensor in_order(const Tensor& x, const Dims& order) {
  Dims back;
  for (int i = 0; i < order.size(); ++i) {
    for (int k = 0; k < order.size(); ++k) {
      if (order[k] == i) back.push_back(k);
    }
  }
  return permute(contiguous(permute(x, order)), back);
}

TEST(LayerNorm, WithoutParameters) {
  const Tensor x = values({3, 2, 5});
  expect_near(layer_norm(x, {5}), plain(x, {-1}), 1e-13);
  expect_near(layer_norm(x, {2, 5}, {.eps = 0.5}), plain(x, {-1, -2}, 0.5), 1e-13);
  const Tensor bias = values({5}), weight = values({5});
  expect_near(layer_norm(x, {5}, {.bias = bias}), add(plain(x, {-1}), bias), 1e-13);
  expect_near(layer_norm(x, {5}, {.weight = weight}), mul(plain(x, {-1}), weight), 1e-13);
}

TEST(LayerNorm, RowsOfAllLengths) {
  for (std::int64_t n = 1; n <= 70; ++n) {
    const Tensor x = values({3, n}, DType::f32), w = values({n}, DType::f32), b = values({n}, DType::f32);
    Tensor x64 = astype(x, DType::f64), w64 = astype(w, DType::f64), b64 = astype(b, DType::f64);
    expect_near(layer_norm(x, {n}, {w, b}), add(mul(plain(x64, {-1}), w64), b64), 2e-5);
    Tensor x32 = x.clone_detached(), w32 = w.clone_detached(), b32 = b.clone_detached();
    for (Tensor* t : {&x32, &w32, &b32, &x64, &w64, &b64}) t->requires_grad(true);
    const Tensor seed = values({3, n}, DType::f32);
    sum(mul(layer_norm(x32, {n}, {w32, b32, 0.1}), seed)).backward();
    sum(mul(add(mul(plain(x64, {-1}, 0.1), w64), b64), astype(seed, DType::f64))).backward();
    expect_near(x32.grad(), x64.grad(), 2e-4);
    expect_near(w32.grad(), w64.grad(), 2e-4);
    expect_near(b32.grad(), b64.grad(), 2e-5);
  }
}

TEST(LayerNorm, Refuses) {
  const Tensor x = values({3, 4});
  EXPECT_THAT(
      message_of<ShapeError>([&] { layer_norm(x, {3}); }),
      HasSubstr("layer_norm: normalized_shape is [3], but input [3, 4] f64 does not end with these sizes"));
  EXPECT_THAT(message_of<ShapeError>([&] { layer_norm(x, {}); }), HasSubstr("normalized_shape is []"));
  EXPECT_THAT(message_of<ShapeError>([&] { layer_norm(x, {2, 3, 4}); }), HasSubstr("does not end"));
  EXPECT_THAT(message_of<ShapeError>([&] { layer_norm(x, {4}, {.weight = values({3})}); }),
              HasSubstr("weight [3] f64"));
  EXPECT_THAT(message_of<DtypeError>([&] { layer_norm(x, {4}, {.weight = values({4}, DType::f32)}); }),
              HasSubstr("dtypes differ"));
  EXPECT_THAT(message_of<ShapeError>([&] { rms_norm(x, {5}); }),
              HasSubstr("rms_norm: normalized_shape is [5]"));
}

TEST(RmsNorm, EpsilonOfTheDtype) {
  const Tensor x = values({3, 5});
  const auto by_hand = [&](double eps) { return div(x, sqrt(add(mean(square(x), {-1}, true), eps))); };
  expect_near(rms_norm(x, {5}), by_hand(std::numeric_limits<double>::epsilon()), 1e-14);
  expect_near(rms_norm(x, {5}, {.eps = 0.3}), by_hand(0.3), 1e-14);
  for (const auto& [half, epsilon] : {std::pair(DType::f16, 0x1p-10), std::pair(DType::bf16, 0x1p-7)}) {
    const Tensor small = astype(mul(x, 0.01), half);
    expect_near(rms_norm(small, {5}), rms_norm(small, {5}, {.eps = epsilon}), 0);
  }
  const Tensor tiny = full({1, 2}, 1e-5, DType::f32);
  const double eps = static_cast<double>(std::numeric_limits<float>::epsilon());
  EXPECT_NEAR(rms_norm(tiny, {2}).to_vector<float>()[0], 1e-5 / std::sqrt(1e-10 + eps), 1e-6);
}

TEST(BatchNorm, RunningStatistics) {
  const Tensor x = values({4, 3, 5});
  Tensor mean_of = full({3}, 10.0, DType::f64), var_of = full({3}, 2.0, DType::f64);
  const Tensor y = batch_norm(x, mean_of, var_of, {.training = true, .momentum = 0.25});
  expect_near(y, plain(x, {0, 2}), 1e-13);
  expect_near(mean_of, add(mul(mean(x, {0, 2}), 0.25), 7.5), 1e-13);
  expect_near(var_of, add(mul(var(x, {0, 2}), 0.25), 1.5), 1e-13);  // the unbiased variance
  const auto before = mean_of.to_vector<double>();
  const Tensor eval = batch_norm(x, mean_of, var_of);
  EXPECT_EQ(mean_of.to_vector<double>(), before);
  const auto wide = [](const Tensor& t) { return reshape(t, {3, 1}); };
  expect_near(eval, div(sub(x, wide(mean_of)), sqrt(add(wide(var_of), 1e-5))), 1e-13);
  // Without running statistics nothing but the batch counts.
  expect_near(batch_norm(x, {}, {}, {.training = true}), y, 0);
}

TEST(BatchNorm, TheUpdateIsNotRecorded) {
  Tensor x = values({4, 2}), m = zeros({2}, DType::f64), v = ones({2}, DType::f64);
  x.requires_grad(true);
  const Tensor first = batch_norm(x, m, v, {.training = true});
  const Tensor second = batch_norm(x, m, v, {.training = true});
  EXPECT_FALSE(m.requires_grad());
  sum(mul(add(first, second), x)).backward();
  EXPECT_TRUE(x.grad().defined());
}

TEST(BatchNorm, Refuses) {
  const Tensor x = values({4, 3});
  const Tensor m = zeros({3}, DType::f64), v = ones({3}, DType::f64);
  EXPECT_THAT(
      message_of<ValueError>([&] { batch_norm(x, m, {}); }),
      HasSubstr(
          "batch_norm: running_mean and running_var are the statistics outside of training; pass both, or "
          "{.training = true}"));
  EXPECT_THAT(message_of<ShapeError>([&] { batch_norm(x, zeros({4}, DType::f64), v); }),
              HasSubstr("one running statistic a channel (axis 1): running_mean [4] f64, input [4, 3] f64"));
  EXPECT_THAT(message_of<DtypeError>([&] { batch_norm(x, zeros({3}), v); }),
              HasSubstr("running_mean [3] f32"));
  EXPECT_THAT(message_of<ValueError>([&] {
                batch_norm(values({1, 3}), m, v, {.training = true});
              }),
              HasSubstr("more than one value a channel"));
  EXPECT_THAT(message_of<ShapeError>([&] { batch_norm(values({3}), {}, {}, {.training = true}); }),
              HasSubstr("channels on axis 1"));
}

// Values and gradients of f for x in every order of memory; the result keeps the order.
template <class F>
void expect_same_in_every_order(const Shape& shape, F f) {
  const Tensor x = values(shape, DType::f32), seed = values(shape, DType::f32);
  Tensor expected, gradient;
  std::array<std::int64_t, 4> order{0, 1, 2, 3};
  do {
    Tensor a = in_order(x, Dims(std::span<const std::int64_t>(order))).detach();
    a.requires_grad(true);
    const Tensor y = f(a);
    const Tensor g = grad(sum(mul(y, in_order(seed, Dims(std::span<const std::int64_t>(order))))), {a})[0];
    if (!expected.defined()) {
      expected = y.detach();
      gradient = g;
    }
    expect_near(y, expected, 2e-6);
    expect_near(g, gradient, 1e-5);
    if (order[0] == 0 && (order[1] == 1 || order[3] == 1)) {
      EXPECT_TRUE(y.strides() == a.strides());
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(BatchNorm, EveryOrderOfMemory) {
  for (const std::int64_t channels : {1, 3, 16, 37}) {
    expect_same_in_every_order({3, channels, 4, 5}, [&](const Tensor& x) {
      return batch_norm(x, {}, {}, {.weight = full({channels}, 1.5), .training = true});
    });
    expect_same_in_every_order({3, channels, 4, 5}, [&](const Tensor& x) {
      return batch_norm(x, full({channels}, 0.5), full({channels}, 0.7));
    });
  }
}

TEST(GroupNorm, EveryOrderOfMemory) {
  for (const std::int64_t groups : {1, 2, 6}) {
    expect_same_in_every_order({3, 6, 4, 5}, [&](const Tensor& x) { return group_norm(x, groups); });
  }
}

TEST(BatchNorm, LargeArraysInBothOrders) {
  const Tensor x = values({2, 20, 70, 40}, DType::f32);
  const Tensor expected = plain(astype(x, DType::f64), {0, 2, 3});
  expect_near(batch_norm(x, {}, {}, {.training = true}), expected, 1e-5);
  const Tensor last = in_order(x, {0, 2, 3, 1});
  const Tensor y = batch_norm(last, {}, {}, {.training = true});
  expect_near(y, expected, 1e-5);
  EXPECT_TRUE(y.strides() == last.strides());
}

TEST(BatchNorm, AMeanFarFromZero) {
  // One pass over sums of squares would lose all digits of the variance here.
  for (const bool last : {false, true}) {
    Tensor x = add(values({4, 3, 50, 11}, DType::f32), 3000.0);
    if (last) x = in_order(x, {0, 2, 3, 1});
    Tensor m = zeros({3}), v = zeros({3});
    const Tensor y = batch_norm(x, m, v, {.training = true, .momentum = 1});
    const Tensor x64 = astype(x, DType::f64);
    expect_near(y, plain(x64, {0, 2, 3}), 1e-4);
    expect_near(v, var(x64, {0, 2, 3}), 1e-4);
  }
}

TEST(GroupNorm, IsLayerNormForOneGroup) {
  const Tensor x = values({3, 4, 5});
  expect_near(group_norm(x, 1), plain(x, {1, 2}), 1e-13);
  expect_near(group_norm(x, 2), reshape(plain(reshape(x, {3, 2, 10}), {2}), {3, 4, 5}), 1e-13);
}

TEST(InstanceNorm, IsGroupNormForEachChannel) {
  const Tensor x = values({3, 4, 5}), w = values({4}), b = values({4});
  expect_near(instance_norm(x), plain(x, {2}), 1e-13);
  expect_near(instance_norm(x, {.weight = w, .bias = b}),
              add(mul(plain(x, {2}), reshape(w, {4, 1})), reshape(b, {4, 1})), 1e-13);
  expect_derivatives([](const Tensor& a, const Tensor& c) { return instance_norm(a, {.weight = c}); },
                     {x, w});
}

TEST(InstanceNorm, RunningStatistics) {
  const Tensor x = values({3, 4, 5});
  Tensor m = zeros({4}, DType::f64), v = ones({4}, DType::f64);
  instance_norm(x, {.running_mean = m, .running_var = v, .momentum = 0.5});
  expect_near(m, mul(mean(x, {0, 2}), 0.5), 1e-13);
  expect_near(v, add(mul(mean(var(x, {2}), 0), 0.5), 0.5), 1e-12);
  expect_near(instance_norm(x, {.running_mean = m, .running_var = v, .use_input_stats = false}),
              batch_norm(x, m, v), 0);
}

TEST(InstanceNorm, Refuses) {
  EXPECT_THAT(message_of<ValueError>([] {
                instance_norm(values({3, 4, 1}));
              }),
              HasSubstr("instance_norm: takes more than one value a channel: input [3, 4, 1] f64 has 1"));
  EXPECT_THAT(message_of<ShapeError>([] { instance_norm(values({3, 4})); }), HasSubstr("input [3, 4] f64"));
  EXPECT_THAT(message_of<ValueError>([] {
                instance_norm(values({3, 4, 2}), {.use_input_stats = false});
              }),
              HasSubstr("without use_input_stats"));
  EXPECT_THAT(message_of<ShapeError>([] {
                instance_norm(values({3, 4, 2}), {.running_mean = values({3})});
              }),
              HasSubstr("running_mean [3] f64"));
}

TEST(LocalResponseNorm, ByItsFormula) {
  const Tensor x = values({2, 5, 3});
  const auto v = x.to_vector<double>();
  for (const std::int64_t size : {1, 2, 3, 7}) {
    const auto y = local_response_norm(x, size, {.alpha = 0.5, .beta = 0.6, .k = 2}).to_vector<double>();
    for (std::int64_t i = 0; i < x.numel(); ++i) {
      const std::int64_t sample = i / 15, channel = i / 3 % 5, place = i % 3;
      double squares = 0;
      for (std::int64_t c = channel - size / 2; c <= channel + (size - 1) / 2; ++c) {
        if (c >= 0 && c < 5) squares += std::pow(v[static_cast<std::size_t>(sample * 15 + c * 3 + place)], 2);
      }
      const double expected =
          v[static_cast<std::size_t>(i)] / std::pow(2 + 0.5 * squares / static_cast<double>(size), 0.6);
      EXPECT_NEAR(y[static_cast<std::size_t>(i)], expected, 1e-13);
    }
  }
  expect_derivatives([](const Tensor& a) { return local_response_norm(a, 3, {.alpha = 0.5}); }, {x});
  EXPECT_THAT(message_of<ValueError>([&] { local_response_norm(x, 0); }), HasSubstr("size is 0"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                local_response_norm(values({2, 3}), 1);
              }),
              HasSubstr("input [2, 3] f64"));
}

TEST(Normalize, DividesByTheNorm) {
  const Tensor x = values({3, 4});
  expect_near(normalize(x), div(x, norm(x, 2, {1}, true)), 1e-15);
  expect_near(normalize(x, 1, 0), div(x, sum(abs(x), 0, true)), 1e-15);
  expect_near(normalize(zeros({2, 3}, DType::f64)), zeros({2, 3}, DType::f64), 0);
  Tensor small = full({1, 2}, 1e-14, DType::f64);
  EXPECT_NEAR(normalize(small).to_vector<double>()[0], 0.01, 1e-15);
  expect_derivatives([](const Tensor& a) { return normalize(a); }, {x});
  expect_derivatives([](const Tensor& a) { return normalize(a, 3, 0); }, {x});
  EXPECT_THAT(message_of<ShapeError>([&] { normalize(x, 2, 2); }),
              HasSubstr("normalize: axis 2 is out of range"));
}

}  // namespace
}  // namespace gradus
