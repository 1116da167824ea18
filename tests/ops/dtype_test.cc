// f16, bf16 and the small integers as dtypes of tensors: conversions between all of them, and that ops
// compute in f32 (i32, i64) and round once.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gradus/base/parallel.h"
#include "gradus/gradus.h"
#include "gradus/graph/apply.h"
#include "gradus/ops/random.h"
#include "gradus/tests/graph/message.h"
#include "gradus/tests/ops/reference.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

using test_ops::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// f(T{}) for the C++ type of each dtype but bool.
template <class F>
void for_each_type(F f) {
  f(float{});
  f(double{});
  f(std::int32_t{});
  f(std::int64_t{});
  f(std::uint8_t{});
  f(std::int8_t{});
  f(std::int16_t{});
  f(std::uint16_t{});
  f(std::uint32_t{});
  f(std::uint64_t{});
  f(float16{});
  f(bfloat16{});
}

template <class T>
constexpr bool kFloats = std::is_floating_point_v<T> || is_half_type<T>;

template <class To, class From>
To cpp_cast(From x) {
  if constexpr (is_half_type<From>)
    return static_cast<To>(float{x});
  else
    return static_cast<To>(x);
}

// Numbers that both types hold or that C++ itself converts in a defined way.
template <class From, class To>
std::vector<From> numbers() {
  std::vector<From> v;
  for (int n : {0, 1, 2, 7, 100, 127}) {
    v.push_back(static_cast<From>(n));
    if constexpr (kFloats<From>) {
      v.push_back(static_cast<From>(n + 0.75));
      if constexpr (kFloats<To> || (std::is_signed_v<To>)) v.push_back(static_cast<From>(-n - 0.5));
      if constexpr (kFloats<To>) v.push_back(static_cast<From>(n * 1.2345e-3 + 1e-6));
    } else if constexpr (std::is_signed_v<From>) {
      v.push_back(static_cast<From>(-n));
    }
  }
  if constexpr (!kFloats<From>) {
    v.push_back(std::numeric_limits<From>::max());
    v.push_back(std::numeric_limits<From>::min());
    v.push_back(static_cast<From>(std::numeric_limits<From>::max() / 3));
  }
  return v;
}

TEST(DTypeOps, EveryConversionIsThatOfCpp) {
  for_each_type([](auto from_tag) {
    for_each_type([&](auto to_tag) {
      using From = decltype(from_tag);
      using To = decltype(to_tag);
      std::vector<From> values = numbers<From, To>();
      const std::size_t different = values.size();
      while (values.size() < 1500)
        values.push_back(From{values[values.size() % different]});  // several tiles
      const Tensor x = tensor(values);
      const auto check = [&](const Tensor& y, const std::vector<From>& expected) {
        const std::vector<To> got = y.to_vector<To>();
        ASSERT_EQ(got.size(), expected.size());
        for (std::size_t i = 0; i < got.size(); ++i) {
          const To want = cpp_cast<To>(expected[i]);
          ASSERT_EQ(got[i], want) << name(dtype_of<From>) << " to " << name(dtype_of<To>) << " at " << i;
        }
      };
      check(astype(x, dtype_of<To>), values);
      // Every second one.
      std::vector<From> some;
      for (std::size_t i = 1; i < values.size(); i += 2) some.push_back(values[i]);
      check(astype(slice(x, 0, 1, static_cast<std::int64_t>(values.size()), 2), dtype_of<To>), some);
      check(astype(expand(reshape(tensor(std::vector<From>{values[1]}), {1}), {700}), dtype_of<To>),
            std::vector<From>(700, values[1]));
    });
  });
}

// All the values of a half and all the ties, through the vector loops, in odd lengths.
template <class H>
void check_vector_code() {
  std::vector<H> all(65536);
  for (unsigned i = 0; i < 65536; ++i) all[i] = H::from_bits(static_cast<std::uint16_t>(i));
  const std::vector<float> wide = astype(tensor(all), DType::f32).template to_vector<float>();
  std::vector<float> inputs;
  for (unsigned i = 0; i < 65536; ++i) {
    const float f = all[i];
    ASSERT_EQ(std::bit_cast<std::uint32_t>(wide[i]), std::bit_cast<std::uint32_t>(f)) << i;
    const float next = all[(i + 1) % 65536];
    const float middle = f + (next - f) / 2;
    for (float x : {f, middle, std::nextafter(middle, HUGE_VALF), std::nextafter(middle, -HUGE_VALF)}) {
      inputs.push_back(x);
    }
  }
  std::mt19937 random(3);
  for (int i = 0; i < 100003; ++i)
    inputs.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(random())));
  const std::vector<H> narrow = astype(tensor(inputs), dtype_of<H>).template to_vector<H>();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    ASSERT_EQ(narrow[i].bits, H(inputs[i]).bits) << std::bit_cast<std::uint32_t>(inputs[i]);
  }
  for (std::size_t n = 1; n <= 70; ++n) {
    const std::vector<float> few(inputs.begin() + 40000,
                                 inputs.begin() + 40000 + static_cast<std::ptrdiff_t>(n));
    const std::vector<H> got = astype(tensor(few), dtype_of<H>).template to_vector<H>();
    for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(got[i].bits, H(few[i]).bits) << n;
  }
}

TEST(DTypeOps, VectorConversionOfF16IsExact) { check_vector_code<float16>(); }
TEST(DTypeOps, VectorConversionOfBf16IsExact) { check_vector_code<bfloat16>(); }

TEST(DTypeOps, OutOfRangeBecomesInfiniteNanStays) {
  const Tensor x = tensor<double>({65519, 65520, -1e9, 1e39, 6e-8, 2e-8});
  const std::vector<float16> h = astype(x, DType::f16).to_vector<float16>();
  EXPECT_THAT(h, ElementsAre(65504.0F, HUGE_VALF, -HUGE_VALF, HUGE_VALF, 0x1p-24F, 0.0F));
  EXPECT_TRUE(std::isnan(astype(full({1}, NAN), DType::bf16).to_vector<bfloat16>()[0]));
  EXPECT_THAT(astype(full({2}, NAN, DType::f16), DType::boolean).to_vector<std::uint8_t>(),
              ElementsAre(1, 1));
  EXPECT_THAT(astype(tensor<double>({NAN, 1e30, -1, 0x1p63}), DType::u64).to_vector<std::uint64_t>(),
              ElementsAre(0U, 0U, ~std::uint64_t{0}, std::uint64_t{1} << 63));
}

TEST(DTypeOps, CreationAndElements) {
  EXPECT_THAT(ones({2}, DType::f16).to_vector<float16>(), ElementsAre(1.0F, 1.0F));
  EXPECT_THAT(tensor({1.5, -2.25}, DType::bf16).to_vector<bfloat16>(), ElementsAre(1.5F, -2.25F));
  EXPECT_THAT(tensor<float16>({1, 2}).span<float16>()[1], 2.0F);
  EXPECT_THAT(arange(0, 5, 2, DType::i8).to_vector<std::int8_t>(), ElementsAre(0, 2, 4));
  EXPECT_THAT(linspace(0, 1, 3, {.dtype = DType::bf16}).to_vector<bfloat16>(), ElementsAre(0.0F, 0.5F, 1.0F));
  EXPECT_THAT(eye(2, {.dtype = DType::u16}).to_vector<std::uint16_t>(), ElementsAre(1, 0, 0, 1));
  EXPECT_EQ(full({}, 0.1, DType::f16).item(), static_cast<double>(float{float16(0.1)}));
  EXPECT_EQ(full({}, -3, DType::i16).item<int>(), -3);
  EXPECT_EQ(tensor(std::vector<std::uint64_t>{~std::uint64_t{0}}).item(), 0x1p64);
  EXPECT_THAT(message_of<ValueError>([] { full({1}, 128, DType::i8); }), HasSubstr("128 has no place in i8"));
  EXPECT_THAT(message_of<ValueError>([] { full({1}, -1, DType::u64); }), HasSubstr("-1 has no place in u64"));
  Tensor x = zeros({3}, DType::bf16);
  x.mutable_span<bfloat16>()[1] = bfloat16(2.5);
  x.fill_(7);
  EXPECT_THAT(x.to_vector<bfloat16>(), ElementsAre(7.0F, 7.0F, 7.0F));
  EXPECT_EQ(to_string(tensor({1.5, -2}, DType::bf16)), "tensor([ 1.5000, -2.0000], [2] bf16)");
  EXPECT_EQ(to_string(tensor({1, -2}, DType::i8)), "tensor([ 1, -2], [2] i8)");
}

// Reads one element, of f32.
void first_infer(InferContext& c) { c.set_out(0, c.dtype(0), Shape{1}); }
void first_kernel(KernelContext& c) { *c.out[0].as<float>() = *c.in[0].as<float>(); }
constexpr const char* kX[] = {"x"};
constexpr OpDef kFirst = {.name = "first",
                          .doc = "x[0]",
                          .inputs = kX,
                          .infer = first_infer,
                          .kernel = first_kernel,
                          .no_gradient = "a test"};

template <class H>
std::vector<float> as_floats(const Tensor& t) {
  std::vector<float> out;
  for (H h : t.to_vector<H>()) out.push_back(h);
  return out;
}

template <class H>
std::vector<float> rounded(const std::vector<float>& v) {
  std::vector<float> out;
  for (float x : v) out.push_back(H(x));
  return out;
}

template <class H>
class HalfOps : public testing::Test {
 protected:
  static constexpr DType kDType = dtype_of<H>;
  // The op in f32 on the same numbers, rounded once.
  static void expect_rounded(const Tensor& half, const Tensor& wide) {
    ASSERT_EQ(half.dtype(), kDType);
    ASSERT_EQ(half.shape(), wide.shape());
    EXPECT_EQ(as_floats<H>(half), rounded<H>(wide.to_vector<float>()));
  }
  Tensor random(const Shape& shape, double low = -2, double high = 2) {
    Generator g{seed_++, 0};
    return astype(uniform(shape, low, high, {.generator = &g}), kDType);
  }
  static Tensor wide(const Tensor& t) { return astype(t, DType::f32); }
  std::uint64_t seed_ = 1;
};
using HalfTypes = testing::Types<float16, bfloat16>;
TYPED_TEST_SUITE(HalfOps, HalfTypes);

TYPED_TEST(HalfOps, ComputeInF32AndRoundOnce) {
  for (std::int64_t n : {1, 7, 70, 1024, 1025, 100000}) {
    const Tensor x = this->random({n}), y = this->random({n}, 0.5, 3);
    const Tensor wx = this->wide(x), wy = this->wide(y);
    this->expect_rounded(x + y, wx + wy);
    this->expect_rounded(x / y, wx / wy);
    this->expect_rounded(exp(x), exp(wx));
    this->expect_rounded(pow(y, x), pow(wy, wx));
    this->expect_rounded(where(gt(x, y), x, y), where(gt(wx, wy), wx, wy));
    this->expect_rounded(gelu(x), gelu(wx));
    this->expect_rounded(clamp(x, -0.5, 0.5), clamp(wx, -0.5, 0.5));
    this->expect_rounded(sum(x), sum(wx));
    this->expect_rounded(mean(x), mean(wx));
    this->expect_rounded(softmax(x, 0), softmax(wx, 0));
    this->expect_rounded(cumsum(x, 0), cumsum(wx, 0));
    this->expect_rounded(sort(x, 0).values, sort(wx, 0).values);
    EXPECT_EQ(gt(x, y).template to_vector<std::uint8_t>(), gt(wx, wy).template to_vector<std::uint8_t>());
    EXPECT_EQ(argmax(x, 0).template to_vector<std::int64_t>(),
              argmax(wx, 0).template to_vector<std::int64_t>());
  }
}

TYPED_TEST(HalfOps, StridesAndBroadcast) {
  const Tensor x = this->random({37, 65}), row = this->random({65}), column = this->random({37, 1});
  const Tensor wx = this->wide(x), wr = this->wide(row), wc = this->wide(column);
  this->expect_rounded(x * row + column, this->wide(astype(wx * wr, x.dtype())) + wc);
  this->expect_rounded(softmax(transpose(x, 0, 1), -1), softmax(transpose(wx, 0, 1), -1));
  this->expect_rounded(sum(expand(column, {37, 1000}), {1}), sum(expand(wc, {37, 1000}), {1}));
  this->expect_rounded(slice(x, 1, 3, 60, 2) - slice(x, 1, 2, 59, 2),
                       slice(wx, 1, 3, 60, 2) - slice(wx, 1, 2, 59, 2));
  this->expect_rounded(amax(slice(x, 1, 3, 60, 2), {0}), amax(slice(wx, 1, 3, 60, 2), {0}));
  // Numbers that stand for 2^36 are widened as they are kept.
  const Tensor many = expand(reshape(row, {65, 1}), {65, std::int64_t{1} << 30});
  this->expect_rounded(gather(many, 1, zeros({65, 1}, DType::i64)), reshape(wr, {65, 1}));
  const Tensor cosine = apply(kFirst, {many});
  this->expect_rounded(cosine, slice(wr, 0, 0, 1));
}

TYPED_TEST(HalfOps, ProductsAccumulateInF32) {
  const Tensor a = this->random({17, 3000}), b = this->random({3000, 9});
  this->expect_rounded(matmul(a, b), matmul(this->wide(a), this->wide(b)));
  this->expect_rounded(matmul(transpose(b, 0, 1), transpose(a, 0, 1)),
                       matmul(transpose(this->wide(b), 0, 1), transpose(this->wide(a), 0, 1)));
  const Tensor batch = this->random({4, 5, 6}), matrix = this->random({6, 3});
  this->expect_rounded(matmul(batch, matrix), matmul(this->wide(batch), this->wide(matrix)));
  // A sum of 1s in a half stops growing at 2048 (256).
  EXPECT_EQ(matmul(ones({1, 4096}, this->kDType), ones({4096, 1}, this->kDType)).item(), 4096);
  EXPECT_EQ(sum(ones({4096}, this->kDType)).item(), 4096);
}

TYPED_TEST(HalfOps, MovesKeepBits) {
  using H = TypeParam;
  std::vector<H> bits(65536);
  for (unsigned i = 0; i < 65536; ++i) bits[i] = H::from_bits(static_cast<std::uint16_t>(i));
  const Tensor x = reshape(tensor(bits), {256, 256});
  const auto same = [](const Tensor& a, const Tensor& b) {
    const std::vector<H> x = a.template to_vector<H>(), y = b.template to_vector<H>();
    return x.size() == y.size() &&
           std::equal(x.begin(), x.end(), y.begin(), [](H p, H q) { return p.bits == q.bits; });
  };
  EXPECT_TRUE(same(transpose(contiguous(transpose(x, 0, 1)), 0, 1), x));
  EXPECT_TRUE(same(concat({slice(x, 0, 0, 100), slice(x, 0, 100, 256)}, 0), x));
  EXPECT_TRUE(same(index_select(index_select(x, 0, tensor({255, 0}, DType::i64)), 0, tensor({1}, DType::i64)),
                   slice(x, 0, 0, 1)));
  EXPECT_TRUE(same(select(stack({x, x}, 0), 0, 1), x));
  EXPECT_TRUE(same(flip(flip(x, {0}), {0}), x));
  EXPECT_TRUE(same(roll(roll(x, {3}, {1}), {-3}, {1}), x));
}

TYPED_TEST(HalfOps, GradientsHaveTheDtype) {
  Tensor w = this->random({6, 3}).requires_grad(true), x = this->random({5, 6});
  const Tensor loss = mean(square(relu(matmul(x, w)) * 0.1));
  EXPECT_EQ(loss.dtype(), this->kDType);
  loss.backward();
  ASSERT_EQ(w.grad().dtype(), this->kDType);
  Tensor ww = this->wide(w.detach()).requires_grad(true);
  mean(square(relu(matmul(this->wide(x), ww)) * 0.1)).backward();
  const std::vector<float> got = as_floats<TypeParam>(w.grad()), want = ww.grad().template to_vector<float>();
  for (std::size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], want[i], 0.02 * std::abs(want[i]) + 1e-4) << i;
  // A second walk adds up in the dtype.
  const std::vector<float> once = got;
  mean(square(relu(matmul(x, w)) * 0.1)).backward();
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_EQ(as_floats<TypeParam>(w.grad())[i], 2 * once[i]) << i;
}

TYPED_TEST(HalfOps, GradientsThroughAstypeKeepF32Weights) {
  Tensor w = uniform({4, 4}, -1, 1).requires_grad(true);
  const Tensor x = this->random({2, 4});
  sum(matmul(x, astype(w, this->kDType))).backward();
  EXPECT_EQ(w.grad().dtype(), DType::f32);
}

// PyTorch computes with the number in f32, too.
TYPED_TEST(HalfOps, NumbersAreNotRoundedFirst) {
  const Tensor x = this->random({50});
  const Tensor wx = this->wide(x);
  this->expect_rounded(x * 0.1, wx * 0.1);
  this->expect_rounded(0.3 - x, 0.3 - wx);
  this->expect_rounded(x / 1e5, wx / 1e5);
  this->expect_rounded(x * 1e-8 * 1e8, this->wide(astype(wx * 1e-8, this->kDType)) * 1e8);
  EXPECT_EQ((x * 2).dtype(), this->kDType);
  EXPECT_EQ(lt(x, 0.1).dtype(), DType::boolean);
  EXPECT_EQ(full({1}, 0.1, this->kDType).item() < 0.1, lt(full({1}, 0.1, this->kDType), 0.1).item() != 0);
  // The divisor 10^5 is infinite as f16.
  Tensor many = zeros({100000}, this->kDType).requires_grad(true);
  mean(many).backward(full({}, 1000, this->kDType));
  EXPECT_NEAR(many.grad().template to_vector<TypeParam>()[7], 0.01, 1e-4);
}

TYPED_TEST(HalfOps, TheSameWithTwoThreads) {
  const int before = threads();
  const Tensor x = this->random({300, 1000}), y = this->random({300, 1000});
  std::vector<std::vector<float>> results;
  for (int n : {1, 2}) {
    set_threads(n);
    const Tensor z = tanh(x * y) + sum(x, {1}, true);
    results.push_back(as_floats<TypeParam>(z));
  }
  set_threads(before);
  EXPECT_EQ(results[0], results[1]);
}

TYPED_TEST(HalfOps, RandomNumbersStayInRange) {
  Generator g{5, 0};
  const Tensor u = uniform({200000}, 0, 1, {.dtype = this->kDType, .generator = &g});
  double total = 0;
  for (float x : as_floats<TypeParam>(u)) {
    ASSERT_GE(x, 0);
    ASSERT_LT(x, 1);
    total += x;
  }
  EXPECT_NEAR(total / 200000, 0.5, 0.01);
  for (float x : as_floats<TypeParam>(uniform({20000}, -3, -1, {.dtype = this->kDType, .generator = &g}))) {
    ASSERT_GE(x, -3);
    ASSERT_LT(x, -1);
  }
  Generator a{9, 0}, b{9, 0};
  this->expect_rounded(normal({1000}, 1, 2, {.dtype = this->kDType, .generator = &a}),
                       normal({1000}, 1, 2, {.generator = &b}));
  EXPECT_EQ(a.counter, b.counter);
}

TYPED_TEST(HalfOps, NanToNumFillsWithTheLargestOfTheDtype) {
  const Tensor y = nan_to_num(tensor({HUGE_VAL, -HUGE_VAL, NAN, 1.0}, this->kDType));
  const float largest = this->kDType == DType::f16 ? 65504.0F : 0x1.FEp127F;
  EXPECT_EQ(as_floats<TypeParam>(y), (std::vector<float>{largest, -largest, 0, 1}));
}

TEST(DTypeOps, MixedFloatsPromote) {
  const Tensor h = ones({2}, DType::f16), b = ones({2}, DType::bf16), f = ones({2}),
               d = ones({2}, DType::f64);
  EXPECT_EQ((h + b).dtype(), DType::f32);
  EXPECT_EQ((h * f).dtype(), DType::f32);
  EXPECT_EQ((d - b).dtype(), DType::f64);
  EXPECT_EQ((h + h).dtype(), DType::f16);
  EXPECT_THAT(message_of<DtypeError>([&] { h + ones({2}, DType::i64); }),
              HasSubstr("dtypes differ: a [2] f16, b [2] i64"));
}

TEST(DTypeOps, SmallIntegersWrapAroundAndCompare) {
  const Tensor a = tensor<std::int8_t>({127, -128, -5, 100}), b = tensor<std::int8_t>({1, -1, 3, 100});
  EXPECT_THAT((a + b).to_vector<std::int8_t>(), ElementsAre(-128, 127, -2, -56));
  EXPECT_THAT((a * b).to_vector<std::int8_t>(), ElementsAre(127, -128, -15, 16));
  EXPECT_THAT(neg(a).to_vector<std::int8_t>(), ElementsAre(-127, -128, 5, -100));
  EXPECT_THAT(lt(a, b).to_vector<std::uint8_t>(), ElementsAre(0, 1, 1, 0));
  EXPECT_THAT(maximum(a, b).to_vector<std::int8_t>(), ElementsAre(127, -1, 3, 100));
  EXPECT_THAT(remainder(a, b).to_vector<std::int8_t>(), ElementsAre(0, 0, 1, 0));
  EXPECT_THAT(clamp(a, -10, 120).to_vector<std::int8_t>(), ElementsAre(120, -10, -5, 100));
  EXPECT_EQ(sum(a).dtype(), DType::i64);
  EXPECT_EQ(sum(a).item<std::int64_t>(), 94);
  EXPECT_EQ(argmax(b, 0).item<std::int64_t>(), 3);
  EXPECT_EQ((a + ones({4}, DType::u8)).dtype(), DType::i16);
  const Tensor u = tensor<std::uint32_t>({4294967295U, 5});
  EXPECT_THAT((u + 7).to_vector<std::uint32_t>(), ElementsAre(6U, 12U));
  EXPECT_THAT(gt(u, tensor<std::uint32_t>({6, 6})).to_vector<std::uint8_t>(), ElementsAre(1, 0));
  EXPECT_THAT(amax(u).to_vector<std::uint32_t>(), ElementsAre(4294967295U));
  const Tensor m = tensor<std::int8_t>({{1, 2}, {3, 4}});
  EXPECT_THAT(matmul(m, m).to_vector<std::int8_t>(), ElementsAre(7, 10, 15, 22));
  EXPECT_THAT(message_of<ValueError>([&] { a + 200; }), HasSubstr("does not fit the tensor's dtype"));
  EXPECT_THAT(message_of<ValueError>([&] { remainder(a, zeros({4}, DType::i8)); }),
              HasSubstr("divisor is 0"));
}

TEST(DTypeOps, U64IsKeptAndConverted) {
  const std::vector<std::uint64_t> v = {0, ~std::uint64_t{0}, std::uint64_t{1} << 63};
  const Tensor x = tensor(v);
  EXPECT_EQ(flip(flip(x, {0}), {0}).to_vector<std::uint64_t>(), v);
  EXPECT_THAT(astype(x, DType::f64).to_vector<double>(), ElementsAre(0, 0x1p64, 0x1p63));
  EXPECT_THAT(message_of<DtypeError>([&] { x + x; }), HasSubstr("u64"));
  EXPECT_THAT(message_of<DtypeError>([&] { sum(x); }), HasSubstr("does not compute with u64: input [3] u64"));
}

// An op of a user's whose kernel knows f32 alone.
void cube_infer(InferContext& c) {
  c.require_floating(0);
  c.set_out_like(0, 0);
}
void cube_kernel(KernelContext& c) {
  ASSERT_EQ(c.in[0].dtype, DType::f32);
  for (std::int64_t i = 0; i < c.out[0].numel; ++i) {
    const float x = c.in[0].as<float>()[i];
    c.out[0].as<float>()[i] = x * x * x;
  }
}
void cube_rule(RuleContext& c) { c.set(0, c.grad() * square(c.input(0)) * 3); }
constexpr SaveMask kSaves[] = {in(0)};
constexpr OpDef kCube = {.name = "cube",
                         .doc = "x^3",
                         .inputs = kX,
                         .saves = kSaves,
                         .infer = cube_infer,
                         .kernel = cube_kernel,
                         .rule = cube_rule};

TEST(DTypeOps, AnyOpTakesHalves) {
  Tensor x = tensor({1.5, -2}, DType::bf16).requires_grad(true);
  const Tensor y = apply(kCube, {x});
  EXPECT_THAT(y.to_vector<bfloat16>(), ElementsAre(3.375F, -8.0F));
  sum(y).backward();
  EXPECT_THAT(x.grad().to_vector<bfloat16>(), ElementsAre(6.75F, 12.0F));
}

}  // namespace
}  // namespace gradus
