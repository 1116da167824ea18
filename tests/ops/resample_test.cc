// Interpolation, pixel shuffles and sampling at grids as users call them. resample itself is checked against
// a reference by contract_test.cc; grid_sample, which is put together from ops, here.
#include "gradus/ops/resample.h"

#include <algorithm>
#include <cmath>

#include "gmock/gmock.h"
#include "gradus/graph/backward.h"
#include "gradus/graph/gradcheck.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/pool.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/resample/weights.h"
#include "gradus/ops/view.h"
#include "gradus/tests/graph/message.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

using test_ops::message_of;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Pointwise;

using Mode = InterpolateMode;
using Numbers = std::vector<double>;

Tensor counted(const Shape& shape) { return reshape(arange(0, shape.numel(), 1, DType::f64), shape); }

Tensor mixed(const Shape& shape, double scale = 1) {
  Numbers v(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = scale * std::sin(static_cast<double>(i + 1) * 12.9898);
  return tensor(v, shape);
}

Numbers read(const Tensor& t) { return t.to_vector<double>(); }

auto near(const Numbers& want, double tolerance = 1e-12) { return Pointwise(DoubleNear(tolerance), want); }

// The example of torch.nn.Upsample.
TEST(Interpolate, ExamplesOfThePytorchManual) {
  const Tensor x = tensor(Numbers{1, 2, 3, 4}, {1, 1, 2, 2});
  EXPECT_THAT(read(interpolate(x, {.scale_factor = {2}})),
              ElementsAre(1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4));
  EXPECT_THAT(read(interpolate(x, {.scale_factor = {2}, .mode = Mode::bilinear})),
              near({1, 1.25, 1.75, 2, 1.5, 1.75, 2.25, 2.5, 2.5, 2.75, 3.25, 3.5, 3, 3.25, 3.75, 4}));
  const double t = 1.0 / 3;
  EXPECT_THAT(read(interpolate(x, {.scale_factor = {2}, .mode = Mode::bilinear, .align_corners = true})),
              near({1, 1 + t, 1 + 2 * t, 2, 1 + 2 * t, 2, 2 + t, 2 + 2 * t, 2 + t, 2 + 2 * t, 3, 3 + t, 3,
                    3 + t, 3 + 2 * t, 4}));
}

// The example of the ONNX operator Resize, cubic over pixels 1..16; the sizes of the first row.
TEST(Interpolate, CubicIsKeysKernel) {
  const Tensor x = counted({1, 1, 4, 4}) + 1;
  const Numbers y = read(interpolate(x, {.size = 8, .mode = Mode::bicubic}));
  EXPECT_THAT(Numbers(y.begin(), y.begin() + 8),
              near({0.47265625, 0.76953125, 1.24609375, 1.875, 2.28125, 2.91015625, 3.38671875, 3.68359375}));
  // The weights of a place add up to 1; with Keys' own parameter a straight line comes back too.
  EXPECT_THAT(read(interpolate(ones({1, 1, 3, 4}, DType::f64), {.size = {7, 5}, .mode = Mode::bicubic})),
              near(Numbers(35, 1.0)));
  const Numbers line = read(resample(counted({12}), {.dim = 0,
                                                     .size = 24,
                                                     .mode = "cubic",
                                                     .shift = 0.5,
                                                     .numerator = 1,
                                                     .denominator = 2,
                                                     .offset = -0.5,
                                                     .cubic = -0.5}));
  for (std::size_t j = 4; j < 20; ++j) EXPECT_NEAR(line[j], (static_cast<double>(j) + 0.5) / 2 - 0.5, 1e-12);
}

TEST(Interpolate, NearestRoundsDownAndExactTakesTheNearestCentre) {
  const Tensor x = counted({1, 1, 5});
  EXPECT_THAT(read(interpolate(x, {.size = 3})), ElementsAre(0, 1, 3));
  EXPECT_THAT(read(interpolate(x, {.size = 3, .mode = Mode::nearest_exact})), ElementsAre(0, 2, 4));
  EXPECT_THAT(read(interpolate(x, {.size = 8})), ElementsAre(0, 0, 1, 1, 2, 3, 3, 4));
  // Where a place is whole it is met exactly, whatever the ratio.
  for (std::int64_t n = 1; n < 40; ++n) {
    for (std::int64_t m = 1; m < 60; ++m) {
      const Numbers y = read(interpolate(counted({1, 1, n}), {.size = m}));
      for (std::int64_t j = 0; j < m; ++j)
        ASSERT_EQ(y[static_cast<std::size_t>(j)], static_cast<double>(j * n / m));
    }
  }
  const Tensor whole = reshape(arange(0, 4, 1, DType::i64), {1, 1, 2, 2});
  EXPECT_EQ(interpolate(whole, {.size = 4}).dtype(), DType::i64);
}

TEST(Interpolate, ScaleFactorPlacesByItself) {
  const Tensor x = counted({1, 1, 5});
  // 5 * 1.5 = 7.5 becomes 7; places are (j + 0.5) / 1.5 - 0.5, or (j + 0.5) * 5 / 7 - 0.5 recomputed.
  const Numbers by_factor = read(interpolate(x, {.scale_factor = {1.5}, .mode = Mode::linear}));
  const Numbers by_size =
      read(interpolate(x, {.scale_factor = {1.5}, .mode = Mode::linear, .recompute_scale_factor = true}));
  ASSERT_EQ(by_factor.size(), 7U);
  EXPECT_EQ(by_size, read(interpolate(x, {.size = 7, .mode = Mode::linear})));
  for (std::size_t j = 1; j < 6; ++j) {
    EXPECT_NEAR(by_factor[j], (static_cast<double>(j) + 0.5) / 1.5 - 0.5, 1e-12);
    EXPECT_NEAR(by_size[j], (static_cast<double>(j) + 0.5) * 5 / 7 - 0.5, 1e-12);
  }
}

TEST(Interpolate, AreaSizesAndLayouts) {
  const Tensor x = mixed({2, 3, 6, 8});
  EXPECT_EQ(read(interpolate(x, {.size = {3, 2}, .mode = Mode::area})), read(adaptive_avg_pool2d(x, {3, 2})));
  EXPECT_EQ(interpolate(mixed({1, 2, 2, 3, 4}), {.size = {4, 3, 2}, .mode = Mode::trilinear}).shape(),
            (Shape{1, 2, 4, 3, 2}));
  EXPECT_EQ(interpolate(x, {.scale_factor = {0.5, 2}}).shape(), (Shape{2, 3, 3, 16}));
  const Tensor same = interpolate(x, {.size = {6, 8}});
  EXPECT_EQ(read(same), read(x));
  EXPECT_NE(same.impl()->storage, x.impl()->storage);
  const Tensor last = permute(contiguous(permute(x, {0, 2, 3, 1})), {0, 3, 1, 2});
  for (const Mode mode : {Mode::nearest, Mode::bilinear, Mode::bicubic}) {
    const Tensor y = interpolate(last, {.size = {5, 11}, .mode = mode});
    EXPECT_EQ(y.strides(), (Shape{3 * 5 * 11, 1, 3 * 11, 3}));
    EXPECT_THAT(read(y), near(read(interpolate(x, {.size = {5, 11}, .mode = mode}))));
  }
}

TEST(Interpolate, Gradients) {
  for (const Mode mode : {Mode::nearest, Mode::nearest_exact, Mode::bilinear, Mode::bicubic, Mode::area}) {
    const auto f = [mode](const Tensor& x) { return square(interpolate(x, {.size = {5, 3}, .mode = mode})); };
    const GradcheckResult first = gradcheck(f, {mixed({1, 2, 3, 4})});
    EXPECT_TRUE(first) << first.message;
    const GradcheckResult second = gradgradcheck(f, {mixed({1, 2, 3, 4})});
    EXPECT_TRUE(second) << second.message;
  }
}

TEST(Interpolate, Refuses) {
  const Tensor x = zeros({1, 2, 4, 4});
  EXPECT_THAT(
      message_of<ValueError>([&] { interpolate(x, {}); }),
      EndsWith("interpolate: takes either size or scale_factor, and none was given: input [1, 2, 4, 4] f32"));
  EXPECT_THAT(message_of<ValueError>([&] {
                interpolate(x, {.size = {3, 0}});
              }),
              EndsWith("interpolate: size 0 of axis 3 is below 1: input [1, 2, 4, 4] f32"));
  EXPECT_THAT(
      message_of<ValueError>([&] { interpolate(x, {.scale_factor = {1e30}}); }),
      EndsWith("interpolate: scale_factor 1e+30 makes axis 2 of size 4 one of 4e+30: input [1, 2, 4, 4] "
               "f32"));
  EXPECT_THAT(message_of<ValueError>([&] { interpolate(x, {.scale_factor = {std::nan("")}}); }),
              HasSubstr("scale_factor nan"));
  EXPECT_THAT(message_of<ValueError>([&] { interpolate(x, {.scale_factor = {-1}}); }),
              HasSubstr("scale_factor -1"));
  EXPECT_THAT(message_of<ValueError>([&] { interpolate(x, {.size = 8, .align_corners = true}); }),
              EndsWith("align_corners says nothing to mode nearest; it is for linear and cubic modes"));
  EXPECT_THAT(
      message_of<ShapeError>([&] { interpolate(x, {.size = 8, .mode = Mode::linear}); }),
      EndsWith("interpolate: mode linear takes 1 spatial axes behind N and C: input [1, 2, 4, 4] f32 has 4 "
               "axes"));
  EXPECT_THAT(
      message_of<DtypeError>([&] { interpolate(astype(x, DType::i64), {.size = 8, .mode = Mode::bicubic}); }),
      HasSubstr("mode bicubic takes floating-point numbers"));
  EXPECT_THAT(message_of<ShapeError>([&] { interpolate(x, {.size = std::int64_t{1} << 40}); }),
              HasSubstr("too many elements"));
}

TEST(PixelShuffle, TradesChannelsForPixels) {
  const Tensor x = counted({1, 4, 1, 2});
  const Tensor y = pixel_shuffle(x, 2);
  EXPECT_EQ(y.shape(), (Shape{1, 1, 2, 4}));
  EXPECT_THAT(read(y), ElementsAre(0, 2, 1, 3, 4, 6, 5, 7));
  const Tensor z = mixed({2, 18, 3, 4});
  EXPECT_EQ(pixel_shuffle(z, 3).shape(), (Shape{2, 2, 9, 12}));
  EXPECT_EQ(read(pixel_unshuffle(pixel_shuffle(z, 3), 3)), read(z));
  EXPECT_EQ(pixel_shuffle(mixed({4, 3, 4}), 2).shape(), (Shape{1, 6, 8}));
  EXPECT_THAT(read(channel_shuffle(counted({1, 6, 1}), 2)), ElementsAre(0, 3, 1, 4, 2, 5));
  const auto f = [](const Tensor& t) { return square(pixel_unshuffle(pixel_shuffle(t, 2), 3)); };
  const GradcheckResult ok = gradgradcheck(f, {mixed({1, 4, 3, 3})});
  EXPECT_TRUE(ok) << ok.message;
}

TEST(PixelShuffle, Refuses) {
  EXPECT_THAT(
      message_of<ShapeError>([&] {
        pixel_shuffle(zeros({1, 6, 2, 2}), 2);
      }),
      EndsWith("pixel_shuffle: channels do not divide: axis 1 of input [1, 6, 2, 2] f32 is 6, not a multiple "
               "of 2 * 2"));
  EXPECT_THAT(
      message_of<ShapeError>([&] {
        pixel_unshuffle(zeros({1, 6, 2, 3}), 2);
      }),
      EndsWith(
          "pixel_unshuffle: sizes do not divide: the last axes of input [1, 6, 2, 3] f32 are 2 and 3, not "
          "multiples of 2"));
  EXPECT_THAT(message_of<ValueError>([&] {
                pixel_shuffle(zeros({1, 4, 2, 2}), 0);
              }),
              EndsWith("pixel_shuffle: factor 0 is not in 1..2^31: input [1, 4, 2, 2] f32"));
  EXPECT_THAT(
      message_of<ValueError>([&] {
        channel_shuffle(zeros({1, 4, 2}), 3);
      }),
      EndsWith(
          "channel_shuffle: channels do not divide: axis 1 of input [1, 4, 2] f32 is 4, not a multiple of "
          "3 groups"));
}

// grid_sample by its definition: point by point, in the words of PyTorch's documentation.
struct Reference {
  GridSampleOptions o;
  Numbers x;
  Shape shape;  // of one channel

  double place(double g, std::int64_t n) const {
    const auto size = static_cast<double>(n);
    return o.align_corners ? (g + 1) / 2 * (size - 1) : ((g + 1) * size - 1) / 2;
  }
  double moved(double p, std::int64_t n) const {
    const auto size = static_cast<double>(n);
    if (o.padding_mode == GridPadding::zeros) return p;
    if (o.padding_mode == GridPadding::reflection) {
      const double low = o.align_corners ? 0 : -0.5, high = o.align_corners ? size - 1 : size - 0.5;
      if (low == high) return 0;
      while (p < low || p > high) p = p < low ? 2 * low - p : 2 * high - p;
    }
    return std::clamp(p, 0.0, size - 1);
  }
  double pixel(std::size_t channel, const std::vector<double>& at) const {
    std::int64_t flat = 0;
    for (int i = 0; i < shape.rank(); ++i) {
      const auto k = static_cast<std::int64_t>(at[static_cast<std::size_t>(i)]);
      if (k < 0 || k >= shape[i]) return 0;
      flat = flat * shape[i] + k;
    }
    return x[channel * static_cast<std::size_t>(shape.numel()) + static_cast<std::size_t>(flat)];
  }
  // `g` in the order of the axes, D, H, W.
  double sample(std::size_t channel, const std::vector<double>& g, std::size_t axis = 0,
                std::vector<double> at = {}) const {
    if (axis == g.size()) return pixel(channel, at);
    const std::int64_t n = shape[static_cast<int>(axis)];
    const double raw = place(g[axis], n), p = moved(raw, n);
    const auto with = [&](double k) {
      std::vector<double> next = at;
      next.push_back(k);
      return sample(channel, g, axis + 1, next);
    };
    if (o.mode == GridSampleMode::nearest) return with(std::nearbyint(p));
    if (o.mode == GridSampleMode::bilinear) {
      const double below = std::floor(p), t = p - below;
      return (1 - t) * with(below) + t * with(below + 1);
    }
    double sum = 0;
    for (int k = -1; k <= 2; ++k) {
      const double d = std::abs(raw - (std::floor(raw) + k)), a = -0.75;
      const double w = d <= 1 ? (a + 2) * d * d * d - (a + 3) * d * d + 1
                              : a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a;
      sum += w * with(moved(std::floor(raw) + k, n));
    }
    return sum;
  }
};

template <class F>
void each_grid_option(int spatial, F f) {
  for (const GridSampleMode mode :
       {GridSampleMode::bilinear, GridSampleMode::nearest, GridSampleMode::bicubic}) {
    if (spatial == 3 && mode == GridSampleMode::bicubic) continue;
    for (const GridPadding padding : {GridPadding::zeros, GridPadding::border, GridPadding::reflection}) {
      for (const bool align : {false, true}) {
        f(GridSampleOptions{.mode = mode, .padding_mode = padding, .align_corners = align});
      }
    }
  }
}

std::string text(const GridSampleOptions& o) {
  return "mode " + std::to_string(static_cast<int>(o.mode)) + " padding " +
         std::to_string(static_cast<int>(o.padding_mode)) + (o.align_corners ? " aligned" : "");
}

void check_against_reference(const Tensor& x, const Tensor& grid) {
  const int spatial = x.rank() - 2;
  const std::size_t channels = static_cast<std::size_t>(x.size(1));
  const Numbers g = read(grid), pixels = read(x);
  const std::size_t points =
      g.size() / static_cast<std::size_t>(spatial) / static_cast<std::size_t>(x.size(0));
  each_grid_option(spatial, [&](const GridSampleOptions& o) {
    const Numbers y = read(grid_sample(x, grid, o));
    Reference r{o, pixels, {}};
    for (int i = 0; i < spatial; ++i) r.shape.push_back(x.size(2 + i));
    for (std::size_t n = 0; n < static_cast<std::size_t>(x.size(0)); ++n) {
      for (std::size_t p = 0; p < points; ++p) {
        const auto s = static_cast<std::size_t>(spatial);
        std::vector<double> at(s);
        for (std::size_t i = 0; i < s; ++i) at[i] = g[(n * points + p) * s + (s - 1 - i)];
        for (std::size_t c = 0; c < channels; ++c) {
          const double want = r.sample(n * channels + c, at);
          ASSERT_NEAR(y[(n * channels + c) * points + p], want, 1e-10) << text(o) << " point " << p;
        }
      }
    }
  });
}

TEST(GridSample, EqualsItsDefinition) {
  check_against_reference(mixed({2, 3, 4, 5}), mixed({2, 3, 7, 2}, 2.6));
  check_against_reference(mixed({1, 2, 3, 4, 2}), mixed({1, 2, 5, 3, 3}, 1.9));
  check_against_reference(mixed({1, 1, 1, 3}), mixed({1, 2, 3, 2}, 1.5));  // an axis of one pixel
}

TEST(GridSample, GradientsOfBothOrders) {
  each_grid_option(2, [&](const GridSampleOptions& o) {
    const auto f = [&](const Tensor& x, const Tensor& g) { return square(grid_sample(x, g, o)); };
    const Tensor x = mixed({1, 2, 3, 4}), g = mixed({1, 2, 3, 2}, 1.37);
    const GradcheckResult first = gradcheck(f, {x, g});
    EXPECT_TRUE(first) << text(o) << ": " << first.message;
    const GradcheckResult second = gradgradcheck(f, {x, g});
    EXPECT_TRUE(second) << text(o) << ": " << second.message;
  });
  const auto volume = [](const Tensor& x, const Tensor& g) { return grid_sample(x, g); };
  const GradcheckResult first = gradcheck(volume, {mixed({1, 1, 2, 3, 2}), mixed({1, 1, 2, 2, 3}, 0.9)});
  EXPECT_TRUE(first) << first.message;
  const GradcheckResult second = gradgradcheck(volume, {mixed({1, 1, 2, 3, 2}), mixed({1, 1, 2, 2, 3}, 0.9)});
  EXPECT_TRUE(second) << second.message;
}

TEST(GridSample, EdgesAndNaN) {
  const Tensor x = counted({1, 1, 2, 2}) + 1;
  // Beyond the border the value is that of the edge and the gradient of the grid 0, at the edge too.
  Tensor g = tensor(Numbers{3, 0, 0.5, 0, -0.5, 0.1}, {1, 1, 3, 2}).requires_grad(true);
  sum(grid_sample(x, g, {.padding_mode = GridPadding::border})).backward();
  EXPECT_EQ(read(g.grad())[0], 0);
  EXPECT_EQ(read(g.grad())[2], 0);
  EXPECT_EQ(read(g.grad())[4], 0);
  EXPECT_NE(read(g.grad())[1], 0);
  // A point that is no number is outside.
  const Tensor nan = tensor(Numbers{std::nan(""), 0, HUGE_VAL, 0}, {1, 1, 2, 2});
  EXPECT_THAT(read(grid_sample(x, nan)), ElementsAre(0, 0));
  EXPECT_EQ(read(grid_sample(x, nan, {.mode = GridSampleMode::nearest})), (Numbers{0, 0}));
  Tensor near_grid = g.detach().requires_grad(true);
  sum(grid_sample(x, near_grid, {.mode = GridSampleMode::nearest})).backward();
  EXPECT_EQ(read(near_grid.grad()), Numbers(6, 0.0));
}

// Places are computed in f32, where a half has no digits for them.
TEST(GridSample, HalvesFindTheirPixels) {
  const Tensor x = astype(counted({1, 1, 1, 4000}) / 4, DType::bf16);
  const Tensor grid = astype(tensor(Numbers{0.5, 0, -0.25, 0}, {1, 1, 2, 2}), DType::bf16);
  const Tensor y = grid_sample(x, grid, {.mode = GridSampleMode::nearest});
  EXPECT_EQ(y.dtype(), DType::bf16);
  const Tensor exact =
      grid_sample(astype(x, DType::f64), astype(grid, DType::f64), {.mode = GridSampleMode::nearest});
  EXPECT_EQ(read(astype(y, DType::f64)), read(exact));
}

TEST(GridSample, AffineGridsMoveImages) {
  const Tensor x = mixed({2, 3, 4, 5});
  const Tensor identity = expand(tensor(Numbers{1, 0, 0, 0, 1, 0}, {1, 2, 3}), {2, 2, 3});
  for (const bool align : {false, true}) {
    const Tensor grid = affine_grid(identity, {2, 3, 4, 5}, align);
    EXPECT_THAT(read(grid_sample(x, grid, {.align_corners = align})), near(read(x)));
  }
  // Points of one line of four pixels.
  const Tensor line = affine_grid(tensor(Numbers{1, 0, 0, 0, 1, 0}, {1, 2, 3}), {1, 1, 1, 4});
  EXPECT_THAT(read(line), near({-0.75, 0, -0.25, 0, 0.25, 0, 0.75, 0}));
  // Mirrored left to right.
  const Tensor mirror = expand(tensor(Numbers{-1, 0, 0, 0, 1, 0}, {1, 2, 3}), {2, 2, 3});
  EXPECT_THAT(read(grid_sample(x, affine_grid(mirror, x.shape()))), near(read(flip(x, {3}))));
  EXPECT_EQ(affine_grid(mixed({1, 3, 4}), {1, 1, 2, 3, 4}).shape(), (Shape{1, 2, 3, 4, 3}));
  const auto f = [&](const Tensor& theta) {
    return grid_sample(mixed({1, 1, 3, 3}), affine_grid(theta, {1, 1, 2, 2}));
  };
  const GradcheckResult ok = gradcheck(f, {mixed({1, 2, 3}, 0.3)});
  EXPECT_TRUE(ok) << ok.message;
}

TEST(GridSample, Refuses) {
  EXPECT_THAT(
      message_of<ShapeError>([&] {
        grid_sample(zeros({1, 2, 3, 3}), zeros({1, 3, 3, 3}));
      }),
      EndsWith(
          "grid_sample: takes input [N, C, H, W] with a grid [N, Ho, Wo, 2], or [N, C, D, H, W] with [N, "
          "Do, Ho, Wo, 3]: input [1, 2, 3, 3] f32, grid [1, 3, 3, 3] f32"));
  EXPECT_THAT(
      message_of<DtypeError>([&] {
        grid_sample(zeros({1, 2, 3, 3}), mixed({1, 3, 3, 2}));
      }),
      EndsWith(
          "grid_sample: takes floating-point numbers of one dtype: input [1, 2, 3, 3] f32, grid [1, 3, 3, "
          "2] f64"));
  EXPECT_THAT(
      message_of<ValueError>([&] {
        grid_sample(zeros({1, 1, 2, 2, 2}), zeros({1, 1, 1, 1, 3}), {.mode = GridSampleMode::bicubic});
      }),
      EndsWith("grid_sample: bicubic takes an input of four axes: input [1, 1, 2, 2, 2] f32"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                grid_sample(zeros({1, 1, 0, 2}), zeros({1, 1, 1, 2}));
              }),
              EndsWith("grid_sample: axis 2 of input [1, 1, 0, 2] f32 has no elements to sample"));
  EXPECT_THAT(
      message_of<ShapeError>([&] {
        affine_grid(zeros({2, 2, 3}), {1, 1, 2, 2});
      }),
      EndsWith(
          "affine_grid: takes theta [N, 2, 3] with the size [N, C, H, W], or [N, 3, 4] with [N, C, D, H, "
          "W]: theta [2, 2, 3] f32, size [1, 1, 2, 2]"));
}

}  // namespace
}  // namespace gradus
