// Elementwise functions as users write them: promotion, C++ numbers as operands, broadcasting, temporaries
// that lend their buffers, NaN that must not leak, refusals.
#include "gradus/ops/elementwise.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/random.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"
#include "gradus/tests/graph/message.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

using test_ops::message_of;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

std::vector<float> read(const Tensor& t) { return t.to_vector<float>(); }

TEST(Elementwise, TwoTensorsPromoteToTheWiderOfAKind) {
  const auto sum_of = [](DType a, DType b) { return (ones({1}, a) + ones({1}, b)).dtype(); };
  EXPECT_EQ(sum_of(DType::f32, DType::f64), DType::f64);
  EXPECT_EQ(sum_of(DType::i64, DType::i32), DType::i64);
  EXPECT_EQ(sum_of(DType::u8, DType::i32), DType::i32);
  for (const DType other : {DType::u8, DType::i32, DType::i64, DType::boolean}) {
    EXPECT_THAT(message_of<DtypeError>([&] { sum_of(DType::f32, other); }),
                HasSubstr("dtypes differ: a [1] f32"));
  }
}

TEST(Elementwise, TheGradientComesBackInTheDtypeItLeft) {
  Tensor a = ones({2}, {.requires_grad = true}), b = ones({2}, {.dtype = DType::f64, .requires_grad = true});
  sum(a * b * 3).backward();
  EXPECT_THAT(a.grad().to_vector<float>(), Each(3));
  EXPECT_THAT(b.grad().to_vector<double>(), Each(3));
}

TEST(Elementwise, ANumberNeverWidensATensor) {
  const Tensor f = tensor({1, 2}), i = tensor({5, 7}, DType::i32), u = tensor({5, 7}, DType::u8);
  EXPECT_EQ((f * 2.0).dtype(), DType::f32);
  EXPECT_EQ((2 - f).dtype(), DType::f32);
  EXPECT_EQ((i + std::int64_t{1}).dtype(), DType::i32);
  EXPECT_EQ((u * 2).dtype(), DType::u8);
  EXPECT_THAT(read(1 / f), ElementsAre(1, 0.5F));
  EXPECT_THAT(read(pow(2, f)), ElementsAre(2, 4));
  EXPECT_THAT((i < 6).to_vector<std::uint8_t>(), ElementsAre(1, 0));
  EXPECT_THAT((6 < i).to_vector<std::uint8_t>(), ElementsAre(0, 1));
  EXPECT_THAT(message_of<DtypeError>([&] { i * 0.5; }),
              HasSubstr("mul: the scalar 0.5 is a floating-point number, the tensor is [2] i32"));
  EXPECT_THAT(message_of<ValueError>([&] { u + 256; }),
              HasSubstr("add: the scalar 256 does not fit the tensor's dtype: [2] u8"));
  EXPECT_THAT(message_of<ValueError>([&] { u + (std::uint64_t{1} << 63); }),
              HasSubstr("add: the scalar 9.223372036854776e+18 does not fit the tensor's dtype"));
}

TEST(Elementwise, Broadcasts) {
  const Tensor column = tensor({{1}, {2}}), row = tensor({10, 20, 30});
  EXPECT_THAT(read(column * row), ElementsAre(10, 20, 30, 20, 40, 60));
  EXPECT_EQ((zeros({0, 3}) + row).shape(), (Shape{0, 3}));
  EXPECT_EQ((tensor(1) + tensor(2)).rank(), 0);
  Tensor bias = zeros({3}, {.requires_grad = true});
  sum(ones({4, 2, 3}) * bias).backward();
  EXPECT_THAT(read(bias.grad()), ElementsAre(8, 8, 8));
}

// Large enough to be worth lending.
TEST(Elementwise, TemporariesLendTheirBuffersAndNobodyElseDoes) {
  const Tensor x = full({5000}, 3);
  const Tensor held = x + 1;
  const Tensor alias = held;
  const Tensor view = slice(held, 0, 0, 5000);
  EXPECT_THAT(read(exp(log(x * 2)) - x), Each(::testing::FloatNear(3, 1e-5F)));
  EXPECT_THAT(read(Tensor(held) * 2), Each(8));
  EXPECT_THAT(read(slice(held, 0, 0, 5000) * 2), Each(8));
  EXPECT_THAT(read(held), Each(4));
  EXPECT_THAT(read(view), Each(4));
  Tensor w = full({5000}, 2, {.requires_grad = true});
  sum(square(w * 3) * 2).backward();  // square saves its temporary operand
  EXPECT_THAT(read(w.grad()), Each(72));
}

TEST(Elementwise, ABranchNotTakenLeaksNoNaN) {
  Tensor x = tensor({-1, 0, 4}, {.requires_grad = true});
  sum(where(x > 0, sqrt(x), 0)).backward();
  EXPECT_THAT(read(x.grad()), ElementsAre(0, 0, 0.25F));
  x.clear_grad();
  sum(where(x > 0, log(x), x)).backward();
  EXPECT_THAT(read(x.grad()), ElementsAre(1, 1, 0.25F));
}

TEST(Elementwise, KinksTiesAndNaN) {
  Tensor x = tensor({-2, 0, 2}, {.requires_grad = true});
  sum(relu(x) + abs(x)).backward();
  EXPECT_THAT(read(x.grad()), ElementsAre(-1, 0, 2));
  Tensor a = ones({1}, {.requires_grad = true}), b = ones({1}, {.requires_grad = true});
  maximum(a, b).backward();
  EXPECT_EQ(a.grad().item() + b.grad().item(), 1);
  EXPECT_EQ(a.grad().item(), 0.5);
  EXPECT_TRUE(std::isnan(maximum(tensor(NAN), 1).item()));
  EXPECT_EQ(eq(tensor(NAN), tensor(NAN)).item<int>(), 0);
  EXPECT_EQ(ne(tensor(NAN), tensor(NAN)).item<int>(), 1);
  EXPECT_THAT(read(round(tensor({0.5, 1.5, -2.5}))), ElementsAre(0, 2, -2));
  EXPECT_THAT(read(clamp(tensor({-3, 0, 3}), -1, 2)), ElementsAre(-1, 0, 2));
  EXPECT_THAT(read(clamp(tensor({-3, 3}), std::nullopt, 2)), ElementsAre(-3, 2));
}

TEST(Elementwise, Astype) {
  EXPECT_THAT(astype(tensor({-1.9, 2.9}), DType::i32).to_vector<std::int32_t>(), ElementsAre(-1, 2));
  EXPECT_THAT(astype(tensor({0.0, 0.5, NAN}), DType::boolean).to_vector<std::uint8_t>(),
              ElementsAre(0, 1, 1));
  EXPECT_EQ(astype(tensor({NAN}), DType::i32).item<std::int64_t>(), INT32_MIN);
  const Tensor x = zeros({2});
  EXPECT_TRUE(astype(x, DType::f32).is(x));
}

// Whole vectors, tails and strides: the same bits for the same number.
TEST(Elementwise, SameBitsForEveryLengthAndLayout) {
  const Tensor x = uniform({70, 2}, 0.1, 3);
  for (const auto f :
       {+[](const Tensor& t) { return exp(t); }, +[](const Tensor& t) { return tanh(t) * log(t); },
        +[](const Tensor& t) { return sigmoid(t) / sqrt(t); }}) {
    const std::vector<float> all = read(select(f(x), 1, 0));
    for (std::int64_t n = 1; n <= 70; ++n) {
      const Tensor strided = slice(select(x, 1, 0), 0, 0, n);
      EXPECT_EQ(read(f(strided)), read(f(contiguous(strided)))) << n;
      EXPECT_EQ(read(f(strided)), std::vector<float>(all.begin(), all.begin() + n)) << n;
    }
  }
}

TEST(Elementwise, KeepsADenseLayout) {
  const Tensor t = transpose(normal({3, 4}), 0, 1);
  EXPECT_EQ(exp(t).strides(), t.strides());
  EXPECT_EQ((t + ones({4, 1})).strides(), t.strides());
}

TEST(Elementwise, RestsOfDivisions) {
  const Tensor a = tensor({7, -7, 7, -7}), b = tensor({3, 3, -3, -3});
  EXPECT_THAT(read(fmod(a, b)), ElementsAre(1, -1, 1, -1));
  EXPECT_THAT(read(remainder(a, b)), ElementsAre(1, 2, -2, -1));
  EXPECT_THAT(remainder(tensor({-7, 7}, DType::i32), 3).to_vector<std::int32_t>(), ElementsAre(2, 1));
  EXPECT_THAT(fmod(tensor({INT32_MIN, 8}, DType::i32), -1).to_vector<std::int32_t>(), ElementsAre(0, 0));
  EXPECT_THAT(fmod(tensor({254, 255}, DType::u8), 255).to_vector<std::uint8_t>(), ElementsAre(254, 0));
  EXPECT_THAT(message_of<ValueError>([] {
                remainder(arange(3), transpose(zeros({3, 1}, DType::i64), 0, 1));
              }),
              HasSubstr("remainder: an integer divisor is 0"));
  EXPECT_EQ(fmod(zeros({0}, DType::i64), 0).numel(), 0);
}

TEST(Elementwise, LerpIsExactAtItsEnds) {
  const Tensor a = tensor({0.1, 1e8}), b = tensor({0.7, 0.3});
  EXPECT_EQ(read(lerp(a, b, 0)), read(a));
  EXPECT_EQ(read(lerp(a, b, 1.0)), read(b));
  EXPECT_THAT(message_of<DtypeError>([&] { lerp(a, b, zeros({2}, DType::f64)); }),
              HasSubstr("lerp: dtypes differ"));
  EXPECT_THAT(message_of<ValueError>([&] { lerp(Tensor(), b, 0.5); }),
              HasSubstr("lerp: operand input is an empty handle"));
}

TEST(Elementwise, Addcmul) {
  const Tensor x = tensor({1, 2}), y = tensor({3, 4});
  EXPECT_THAT(read(addcmul(x, x, y)), ElementsAre(4, 10));
  EXPECT_THAT(read(addcmul(x, x, y, -0.5)), ElementsAre(-0.5F, -2));
  const Tensor i = arange(2);
  EXPECT_THAT(message_of<DtypeError>([&] { addcmul(i, i, i, 0.5); }), HasSubstr("addcmul: the scalar 0.5"));
}

TEST(Elementwise, NanToNum) {
  const Tensor x = tensor({NAN, HUGE_VAL, -HUGE_VAL, 5});
  const float max = std::numeric_limits<float>::max();
  EXPECT_THAT(read(nan_to_num(x)), ElementsAre(0, max, -max, 5));
  EXPECT_THAT(read(nan_to_num(x, {.nan = 1, .neginf = -2})), ElementsAre(1, max, -2, 5));
  EXPECT_EQ(nan_to_num(tensor({HUGE_VAL}, DType::f64)).item(), std::numeric_limits<double>::max());
}

TEST(Elementwise, PolesOfSpecialFunctions) {
  Tensor p = tensor({0, 0.5, 1}, {.dtype = DType::f64, .requires_grad = true});
  sum(xlogy(p, p)).backward();
  EXPECT_THAT(p.grad().to_vector<double>(),
              ElementsAre(0, ::testing::DoubleNear(1 + std::log(0.5), 1e-12), 1));
  Tensor a = tensor({-HUGE_VAL, 0}, {.requires_grad = true});
  sum(where(isinf(a), 0, logaddexp(a, a))).backward();
  EXPECT_THAT(read(a.grad()), ElementsAre(0, 1));
  EXPECT_THAT(message_of<ValueError>([&] { polygamma(171, a); }), HasSubstr("polygamma: the order n is 171"));
}

TEST(Elementwise, Logic) {
  const Tensor a = tensor({1, 1, 0, 0}, DType::boolean), b = tensor({1, 0, 1, 0}, DType::boolean);
  EXPECT_THAT(logical_and(a, b).to_vector<std::uint8_t>(), ElementsAre(1, 0, 0, 0));
  EXPECT_THAT(logical_xor(a, b).to_vector<std::uint8_t>(), ElementsAre(0, 1, 1, 0));
  EXPECT_THAT(logical_not(tensor({0.0, NAN})).to_vector<std::uint8_t>(), ElementsAre(1, 0));
}

TEST(Elementwise, RefusesWithTheCallersLine) {
  Tensor w = zeros({2, 4});
  w.name("w");
  EXPECT_THAT(
      message_of<ShapeError>([&] {
        zeros({2, 3}) + w;
      }),
      MatchesRegex(".*elementwise_test\\.cc:[0-9]+: add: shapes do not broadcast: a \\[2, 3\\] f32, b "
                   "\"w\" \\[2, 4\\] f32.*"));
  EXPECT_THAT(
      message_of<DtypeError>([] { arange(2) / 2; }),
      HasSubstr("div: takes floating-point numbers: a [2] i64; convert it with astype(x, DType::f32)"));
  EXPECT_THAT(message_of<DtypeError>([] { -zeros({2}, DType::boolean); }),
              HasSubstr("neg: does not take bool"));
  EXPECT_THAT(message_of<ValueError>([] { pow(arange(2), -1); }), HasSubstr("negative power -1"));
  EXPECT_THAT(message_of<ValueError>([&] { clamp(w, std::nullopt); }), HasSubstr("clamp: "));
  EXPECT_THAT(message_of<DtypeError>([&] { where(w, w, w); }), HasSubstr("where: the condition is not bool"));
  EXPECT_THAT(message_of<ValueError>([&] { w + Tensor(); }), HasSubstr("add: operand b is an empty handle"));
  EXPECT_THAT(message_of<ValueError>([] { 2 * Tensor(); }), HasSubstr("mul: operand "));
}

}  // namespace
}  // namespace gradus
