// Convolutions: values by hand, f32 of the library's kernels against f64 of the plain path, layouts,
// refusals.
#include "gradus/ops/conv.h"

#include <sys/time.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstring>
#include <thread>

#include "gmock/gmock.h"
#include "gradus/base/error.h"
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
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<double> read(const Tensor& t) { return astype(t, DType::f64).to_vector<double>(); }
Tensor random(const Shape& shape, DType dtype = DType::f64) { return normal(shape, 0, 1, {.dtype = dtype}); }
Tensor line(std::initializer_list<double> v) {
  return reshape(tensor(std::vector<double>(v), {static_cast<std::int64_t>(v.size())}), {1, 1, -1});
}

TEST(Conv, OneAxisByHand) {
  const Tensor x = line({1, 2, 3, 4, 5}), w = line({1, 0, -1});
  EXPECT_THAT(read(conv1d(x, w)), ElementsAre(-2, -2, -2));
  EXPECT_THAT(read(conv1d(x, w, {.padding = 1})), ElementsAre(-2, -2, -2, -2, 4));
  EXPECT_THAT(read(conv1d(x, w, {.stride = 2, .padding = 1})), ElementsAre(-2, -2, 4));
  EXPECT_THAT(read(conv1d(x, w, {.dilation = 2})), ElementsAre(-4));
  EXPECT_THAT(read(conv1d(x, w, tensor<double>({10}), {.stride = 2})), ElementsAre(8, 8));
}

TEST(Conv, TwoAxesByHand) {
  const Tensor x = reshape(arange(0, 16, 1, DType::f64), {1, 1, 4, 4});
  const Tensor w = reshape(tensor<double>({1, 2, 3, 4}), {1, 1, 2, 2});
  // 1 x[i][j] + 2 x[i][j+1] + 3 x[i+1][j] + 4 x[i+1][j+1] = 10 x[i][j] + 34
  EXPECT_THAT(read(conv2d(x, w, {.stride = 2})), ElementsAre(34, 54, 114, 134));
  EXPECT_THAT(read(conv2d(x, w, {.stride = {2, 1}})), ElementsAre(34, 44, 54, 114, 124, 134));
  EXPECT_THAT(read(conv2d(x, w, {.stride = 4, .padding = 1})), ElementsAre(0, 9, 24, 15));
}

TEST(Conv, GroupsReadTheirOwnChannels) {
  const Tensor x = reshape(tensor<double>({1, 2, 3, 4}), {1, 4, 1});
  const Tensor w = reshape(tensor<double>({1, 10, 100, 1000}), {2, 2, 1});
  EXPECT_THAT(read(conv1d(x, w, {.groups = 2})), ElementsAre(21, 4300));
  EXPECT_THAT(read(conv1d(x, reshape(tensor<double>({1, 10, 100, 1000}), {4, 1, 1}), {.groups = 4})),
              ElementsAre(1, 20, 300, 4000));
}

TEST(Conv, TransposedByHand) {
  const Tensor x = line({1, 2}), w = line({1, 10, 100});
  EXPECT_THAT(read(conv_transpose1d(x, w)), ElementsAre(1, 12, 120, 200));
  EXPECT_THAT(read(conv_transpose1d(x, w, {.stride = 2})), ElementsAre(1, 10, 102, 20, 200));
  EXPECT_THAT(read(conv_transpose1d(x, w, {.stride = 2, .padding = 1})), ElementsAre(10, 102, 20));
  EXPECT_THAT(read(conv_transpose1d(x, w, {.stride = 2, .padding = 1, .output_padding = 1})),
              ElementsAre(10, 102, 20, 200));
  EXPECT_THAT(read(conv_transpose1d(x, w, tensor<double>({0.5}), {.stride = 4})),
              ElementsAre(1.5, 10.5, 100.5, 0.5, 2.5, 20.5, 200.5));
  EXPECT_THAT(read(conv_transpose1d(x, w, {.dilation = 2})), ElementsAre(1, 2, 10, 20, 100, 200));
}

TEST(Conv, PaddingByName) {
  const Tensor x = random({2, 3, 7, 6}), w = random({4, 3, 4, 3});
  const Tensor same = conv2d(x, w, {.padding = "same", .dilation = {1, 2}});
  EXPECT_EQ(same.shape(), (Shape{2, 4, 7, 6}));
  const Tensor ends = conv2d(x, w, {.padding = ConvPadding::ends({1, 2}, {2, 2}), .dilation = {1, 2}});
  EXPECT_EQ(read(same), read(ends));
  EXPECT_EQ(read(conv2d(x, w, {.padding = "valid"})), read(conv2d(x, w)));
}

TEST(Conv, WithoutBatchAxis) {
  const Tensor x = random({1, 3, 6, 5}), w = random({4, 3, 3, 2}), v = random({3, 4, 3, 2}), b = random({4});
  const Tensor one = conv2d(squeeze(x, 0), w, b, {.padding = 1});
  EXPECT_EQ(one.shape(), (Shape{4, 6, 6}));
  EXPECT_EQ(read(one), read(conv2d(x, w, b, {.padding = 1})));
  const Tensor back = conv_transpose2d(squeeze(x, 0), v, b, {.stride = 2});
  EXPECT_EQ(back.shape(), (Shape{4, 13, 10}));
  EXPECT_EQ(read(back), read(conv_transpose2d(x, v, b, {.stride = 2})));
}

TEST(Conv, ResultsAreChannelsLast) {
  const Tensor x = random({2, 3, 6, 5}), w = random({4, 3, 3, 2});
  const Tensor y = conv2d(x, w);
  EXPECT_EQ(y.strides(), (Shape{64, 1, 16, 4}));
  EXPECT_EQ(relu(y).strides(), y.strides());
  EXPECT_EQ(conv_transpose2d(y, w).strides(), (Shape{90, 1, 15, 3}));
  // One channel, or one pixel, is the same memory either way.
  EXPECT_TRUE(conv2d(x, random({1, 3, 3, 2})).is_contiguous());
  EXPECT_TRUE(conv2d(x, random({4, 3, 6, 5})).is_contiguous());
}

TEST(Conv, TheLayoutOfTheInputDoesNotMatter) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Tensor x = random({2, 8, 12, 12}, dtype), w = random({16, 8, 3, 3}, dtype);
    const Tensor last = permute(contiguous(permute(x, {0, 2, 3, 1})), {0, 3, 1, 2});
    EXPECT_EQ(read(conv2d(x, w, {.padding = 1})), read(conv2d(last, w, {.padding = 1})));
    const Tensor turned = transpose(contiguous(transpose(w, 0, 3)), 0, 3);
    EXPECT_EQ(read(conv2d(x, w)), read(conv2d(x, turned)));
  }
}

TEST(Conv, TransposedIsTheAdjoint) {
  const Tensor x = random({2, 4, 9, 8}), w = random({6, 2, 3, 2});
  const Tensor y = conv2d(x, w, {.stride = {2, 3}, .padding = 1, .groups = 2});
  const Tensor v = random(y.shape());
  // conv leaves the last 2 of the 10 padded columns out.
  const Tensor back =
      conv_transpose2d(v, w, {.stride = {2, 3}, .padding = 1, .output_padding = {0, 2}, .groups = 2});
  ASSERT_EQ(back.shape(), x.shape());
  EXPECT_NEAR(sum(mul(y, v)).item(), sum(mul(x, back)).item(), 1e-10);
}

TEST(Conv, DerivativesOfTheUserFunctions) {
  const auto check = [](auto f, std::initializer_list<Tensor> inputs) {
    const GradcheckResult first = gradcheck(f, inputs), second = gradgradcheck(f, inputs);
    EXPECT_TRUE(first) << first.message;
    EXPECT_TRUE(second) << second.message;
  };
  check([](const Tensor& x, const Tensor& w) { return conv1d(x, w, {.padding = "same"}); },
        {random({2, 6}), random({3, 2, 2})});
  check(
      [](const Tensor& x, const Tensor& w, const Tensor& b) {
        return conv_transpose2d(x, w, b, {.stride = 3, .padding = 1, .output_padding = {2, 0}});
      },
      {random({1, 2, 2, 2}), random({2, 1, 3, 2}), random({1})});
}

// One convolution with all that can vary.
struct Case {
  const char* what;
  Shape x, w;
  ConvOptions options;
};

std::vector<Case> cases() {
  return {
      {"3x3", {4, 16, 20, 20}, {16, 16, 3, 3}, {.padding = 1}},
      {"odd channels", {2, 20, 13, 11}, {30, 20, 3, 3}, {.padding = 1}},
      {"few channels", {2, 3, 32, 32}, {16, 3, 7, 7}, {.stride = 2, .padding = 3}},
      {"one channel", {2, 1, 28, 28}, {8, 1, 5, 5}, {}},
      {"one result channel", {2, 8, 28, 28}, {1, 8, 5, 5}, {}},
      {"1x1", {2, 16, 14, 14}, {48, 16, 1, 1}, {}},
      {"1x1 with strides", {2, 16, 14, 14}, {48, 16, 1, 1}, {.stride = 2}},
      {"strides", {2, 16, 15, 14}, {24, 16, 3, 3}, {.stride = {2, 3}, .padding = {1, 0}}},
      {"dilation", {2, 16, 15, 14}, {16, 16, 3, 3}, {.padding = 2, .dilation = 2}},
      {"depthwise", {2, 24, 14, 14}, {24, 1, 3, 3}, {.padding = 1, .groups = 24}},
      {"depthwise, odd", {2, 13, 14, 14}, {13, 1, 5, 3}, {.stride = 2, .groups = 13}},
      {"two results a channel", {2, 12, 14, 14}, {24, 1, 3, 3}, {.padding = 1, .groups = 12}},
      {"groups", {2, 32, 14, 14}, {32, 8, 3, 3}, {.padding = 1, .groups = 4}},
      {"odd groups", {2, 20, 14, 14}, {15, 4, 3, 3}, {.padding = 1, .groups = 5}},
      {"other padding at each end",
       {2, 8, 14, 14},
       {8, 8, 4, 3},
       {.stride = 2, .padding = ConvPadding::ends({0, 2}, {3, 1})}},
      {"more padding than kernel", {2, 8, 14, 14}, {8, 8, 2, 2}, {.padding = 5}},
      {"one axis", {2, 16, 100}, {24, 16, 5}, {.padding = 2}},
      {"one axis, dilation", {2, 16, 100}, {24, 16, 3}, {.stride = 2, .dilation = 4}},
      {"long lines", {2, 32, 700}, {40, 32, 3}, {.padding = 1}},
      {"long lines, odd channels", {1, 39, 700}, {34, 39, 5}, {.stride = 2, .padding = 2}},
      {"many channels", {1, 160, 9, 14}, {100, 160, 3, 3}, {.padding = 1}},
      {"large", {2, 64, 7, 40}, {80, 64, 3, 3}, {.padding = 1}},
      {"large, odd channels", {1, 67, 9, 35}, {37, 67, 3, 3}, {.padding = {1, 2}}},
      {"large, strides", {1, 64, 9, 41}, {48, 64, 3, 3}, {.stride = {2, 3}, .padding = 1}},
      {"large, dilation", {1, 64, 11, 36}, {48, 64, 3, 2}, {.padding = {4, 1}, .dilation = {4, 2}}},
      {"large, groups", {1, 80, 6, 40}, {64, 40, 3, 3}, {.padding = 1, .groups = 2}},
      {"large, other padding at each end",
       {1, 64, 6, 36},
       {32, 64, 4, 3},
       {.stride = 2, .padding = ConvPadding::ends({0, 3}, {3, 1})}},
      {"large, three axes", {1, 32, 5, 5, 64}, {32, 32, 2, 3, 3}, {.padding = 1}},
      {"three axes", {1, 8, 8, 9, 10}, {16, 8, 3, 3, 3}, {.padding = 1}},
      {"three axes, strides", {2, 3, 9, 9, 9}, {8, 3, 3, 2, 3}, {.stride = {2, 1, 2}, .padding = {0, 1, 1}}},
      {"flat", {2, 16, 1, 64}, {16, 16, 1, 3}, {.padding = {0, 1}}},
  };
}

Tensor run(const Tensor& x, const Tensor& w, const Tensor& b, const ConvOptions& o) {
  return x.rank() == 3 ? conv1d(x, w, b, o) : x.rank() == 4 ? conv2d(x, w, b, o) : conv3d(x, w, b, o);
}

// The result and its gradients by input, weight and bias.
std::vector<Tensor> pass(const Case& c, const Tensor& x, const Tensor& w, const Tensor& b,
                         const Tensor& seed) {
  Tensor vx = x.detach(), vw = w.detach(), vb = b.detach();
  for (Tensor* t : {&vx, &vw, &vb}) t->requires_grad(true);
  const Tensor y = run(vx, vw, vb, c.options);
  const Tensor g = astype(seed, x.dtype());
  std::vector<Tensor> all =
      grad(std::vector<Tensor>{y}, std::vector<Tensor>{vx, vw, vb}, {.seeds = std::vector<Tensor>{g}});
  all.push_back(y);
  return all;
}

// Operands of one case in f32 and the cotangent.
struct Operands {
  explicit Operands(const Case& c)
      : x(random(c.x, DType::f32)),
        w(random(c.w, DType::f32)),
        b(random({c.w[0]}, DType::f32)),
        seed(random(run(x, w, b, c.options).shape(), DType::f32)) {}
  std::vector<Tensor> pass(const Case& c) const { return gradus::pass(c, x, w, b, seed); }
  Tensor x, w, b, seed;
};

double largest_difference(const Tensor& a, const Tensor& b) {
  const std::vector<double> va = read(a), vb = read(b);
  double most = 0, scale = 1;
  for (std::size_t i = 0; i < va.size(); ++i) {
    most = std::isfinite(va[i]) ? std::max(most, std::abs(va[i] - vb[i])) : INFINITY;
    scale = std::max(scale, std::abs(vb[i]));
  }
  return most / scale;
}

constexpr const char* kNames[] = {"gradient of input", "gradient of weight", "gradient of bias", "result"};

TEST(Conv, SinglePrecisionAgreesWithDouble) {
  const int before = threads();
  for (const int n : {1, 2}) {
    set_threads(n);
    for (const Case& c : cases()) {
      const Operands o(c);
      const std::vector<Tensor> single = o.pass(c);
      const auto wide = [](const Tensor& t) { return astype(t, DType::f64); };
      const std::vector<Tensor> twice = pass(c, wide(o.x), wide(o.w), wide(o.b), wide(o.seed));
      for (std::size_t k = 0; k < single.size(); ++k) {
        EXPECT_EQ(single[k].shape(), twice[k].shape());
        EXPECT_LT(largest_difference(single[k], twice[k]), 3e-6)
            << c.what << ", " << kNames[k] << ", " << n << " threads";
      }
    }
  }
  set_threads(before);
}

TEST(Conv, RepeatsBitByBit) {
  for (const Case& c : cases()) {
    const Operands o(c);
    const std::vector<Tensor> first = o.pass(c), second = o.pass(c);
    for (std::size_t k = 0; k < first.size(); ++k)
      EXPECT_EQ(read(first[k]), read(second[k])) << c.what << ", " << kNames[k];
  }
}

TEST(Conv, ThreadsOfTheProgramShareKernels) {
  const std::vector<Case> all = cases();
  std::vector<Operands> operands;
  std::vector<std::vector<Tensor>> expected;
  operands.reserve(all.size());
  expected.reserve(all.size());
  for (const Case& c : all) {
    operands.emplace_back(c);
    expected.push_back(operands.back().pass(c));
  }
  std::vector<double> worst(4, 0.0);
  std::vector<std::jthread> workers;
  workers.reserve(worst.size());
  for (double& most : worst) {
    workers.emplace_back([&] {
      for (std::size_t i = 0; i < all.size(); ++i) {
        const std::vector<Tensor> got = operands[i].pass(all[i]);
        for (std::size_t k = 0; k < got.size(); ++k)
          most = std::max(most, largest_difference(got[k], expected[i][k]));
      }
    });
  }
  workers.clear();
  for (const double most : worst) EXPECT_LT(most, 3e-6);
}

// More sizes than the library keeps kernels for, twice over.
TEST(Conv, ManySizes) {
  for (int round = 0; round < 2; ++round) {
    for (std::int64_t length = 64; length < 64 + 300; ++length) {
      const Tensor x = random({1, 8, length}, DType::f32), w = random({8, 8, 5}, DType::f32);
      const Tensor y = conv1d(x, w);
      if (length % 50 != 0) continue;
      EXPECT_LT(largest_difference(y, conv1d(astype(x, DType::f64), astype(w, DType::f64))), 3e-6);
    }
  }
}

// The stack of the thread that runs the test, and whether a handler found itself elsewhere.
pthread_t own_thread;
std::uintptr_t stack_begin, stack_end;
volatile std::sig_atomic_t calls, strays;

void look_where_we_are(int) {
  if (!pthread_equal(pthread_self(), own_thread)) return;
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  calls = calls + 1;
  if (here < stack_begin || here >= stack_end) strays = strays + 1;
}

// A signal handler runs where the stack pointer points, so no kernel may keep anything else in it.
TEST(Conv, SignalHandlersRunOnTheStack) {
  own_thread = pthread_self();
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_getattr_np(own_thread, &attributes), 0);
  void* begin = nullptr;
  std::size_t bytes = 0;
  pthread_attr_getstack(&attributes, &begin, &bytes);
  pthread_attr_destroy(&attributes);
  stack_begin = reinterpret_cast<std::uintptr_t>(begin);
  stack_end = stack_begin + bytes;
  calls = 0;
  strays = 0;

  const int threads_before = threads();
  set_threads(1);
  struct sigaction action {
  }, before{};
  action.sa_handler = look_where_we_are;
  action.sa_flags = SA_RESTART;
  sigaction(SIGALRM, &action, &before);
  const itimerval often{{0, 100}, {0, 100}}, never{};
  setitimer(ITIMER_REAL, &often, nullptr);
  const std::vector<Case> all = cases();
  for (int round = 0; round < 10; ++round) {
    for (const Case& c : all) Operands(c).pass(c);
  }
  setitimer(ITIMER_REAL, &never, nullptr);
  sigaction(SIGALRM, &before, nullptr);
  set_threads(threads_before);
  EXPECT_GT(calls, 0);
  EXPECT_EQ(strays, 0);
}

std::vector<bool> not_finite(const Tensor& t) {
  std::vector<bool> is;
  for (const double v : read(t)) is.push_back(!std::isfinite(v));
  return is;
}

TEST(Conv, NaNReachesOnlyWhatReadsIt) {
  Tensor x = zeros({1, 1, 6}, {.dtype = DType::f64});
  x.mutable_span<double>()[1] = NAN;
  EXPECT_THAT(not_finite(conv1d(x, line({1, 1}), {.padding = 1})),
              ElementsAre(false, true, true, false, false, false, false));
  EXPECT_THAT(read(conv1d(line({1, 1}), line({1, 2, INFINITY}), {.padding = ConvPadding::ends(0, 2)})),
              ElementsAre(3, 1));
}

// Whatever a kernel does at borders and with channels that fill no vector, it multiplies nothing by a zero of
// its own.
TEST(Conv, NotFiniteAtTheSamePlacesInBothDtypes) {
  for (const Case& c : cases()) {
    for (int which = 0; which < 3; ++which) {
      Operands o(c);
      Tensor& spoiled = which == 0 ? o.x : which == 1 ? o.w : o.seed;
      spoiled.mutable_span<float>()[static_cast<std::size_t>(spoiled.numel()) / 2] = NAN;
      const std::vector<Tensor> single = o.pass(c);
      const auto wide = [](const Tensor& t) { return astype(t, DType::f64); };
      const std::vector<Tensor> twice = pass(c, wide(o.x), wide(o.w), wide(o.b), wide(o.seed));
      for (std::size_t k = 0; k < single.size(); ++k) {
        EXPECT_EQ(not_finite(single[k]), not_finite(twice[k]))
            << c.what << ", " << kNames[k] << ", a NaN in operand " << which;
      }
    }
  }
}

TEST(Conv, Refusals) {
  const Tensor x = random({2, 4, 5, 5}), w = random({4, 4, 3, 3});
  EXPECT_THAT(message_of<ShapeError>([&] {
                conv2d(random({4, 5}), w);
              }),
              HasSubstr("conv2d: takes 2 spatial axes behind [N, C] or [C]: input [4, 5] f64"));
  EXPECT_THAT(message_of<ShapeError>([&] { conv1d(x, w); }),
              HasSubstr("conv1d: takes 1 spatial axes behind [N, C] or [C]: input [2, 4, 5, 5] f64"));
  EXPECT_THAT(
      message_of<ShapeError>([&] {
        conv2d(x, random({4, 4, 3}));
      }),
      HasSubstr("conv: input and weight have two axes of channels or batches and 2 spatial ones: input "
                "[2, 4, 5, 5] f64, weight [4, 4, 3] f64"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                conv2d(x, random({4, 4, 3}), {.padding = "same"});
              }),
              HasSubstr("two axes of channels"));
  EXPECT_THAT(
      message_of<ValueError>([&] {
        conv2d(x, w, {.stride = {1, 2, 3}});
      }),
      HasSubstr("conv2d: stride [1, 2, 3] has 3 numbers; it takes one, or one for each of the 2 axes"));
  EXPECT_THAT(message_of<ValueError>([&] {
                conv2d(x, w, {.padding = {0, -1}});
              }),
              HasSubstr("conv2d: padding [0, -1] is negative; pad() and slice() take elements away"));
  EXPECT_THAT(message_of<ValueError>([&] { conv2d(x, w, {.stride = 2, .padding = "same"}); }),
              HasSubstr("conv2d: padding \"same\" is for stride 1, but it is 2"));
  EXPECT_THAT(message_of<ValueError>([&] { conv2d(x, w, {.padding = "full"}); }),
              HasSubstr("conv2d: there is no padding \"full\"; there are \"same\" and \"valid\""));
  EXPECT_THAT(
      message_of<ValueError>([&] { conv2d(x, w, {.padding = "same", .dilation = std::int64_t{1} << 62}); }),
      HasSubstr("conv: dilation [4611686018427387904, 4611686018427387904] is outside 1..2147483647"));
  EXPECT_THAT(message_of<ValueError>([&] { conv_transpose2d(x, w, {.padding = "same"}); }),
              HasSubstr("conv_transpose2d: takes numbers as padding, not \"same\""));
  EXPECT_THAT(message_of<ValueError>([&] { conv_transpose2d(x, w, {.stride = 2, .output_padding = 2}); }),
              HasSubstr("conv_transpose2d: output_padding 2 is not below the stride 2 or the dilation 1"));
  EXPECT_THAT(message_of<ValueError>([&] { conv2d(Tensor(), w); }), HasSubstr("empty Tensor handle"));
  EXPECT_THAT(message_of<ValueError>([&] { conv2d(x, Tensor()); }), HasSubstr("weight is an empty handle"));
  EXPECT_THAT(message_of<DtypeError>([&] { conv2d(x, astype(w, DType::f32)); }),
              HasSubstr("conv: dtypes differ: input [2, 4, 5, 5] f64, weight [4, 4, 3, 3] f32"));
  // Found before anything is allocated.
  EXPECT_THAT(message_of<ShapeError>([&] {
                conv_transpose2d(astype(x, DType::f32), astype(w, DType::f32), {.stride = 2147483647});
              }),
              HasSubstr("has too many elements for the memory of any machine"));
}

}  // namespace
}  // namespace gradus
