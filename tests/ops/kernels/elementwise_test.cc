// The elementwise driver: shapes, strides, broadcasting, dtypes and aliasing, against loops over single
// elements.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/tests/ops/kernels/elementwise_test.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_UNARY(kTestTanh, kFloating, math::Tanh(d, x))
GRADUS_UNARY(kTestNegate, kSigned, hn::Neg(x))
GRADUS_BINARY(kTestSubtract, kNumbers, hn::Sub(a, b))
GRADUS_BINARY(kTestMultiply, kNumbers, math::Mul(d, a, b))
GRADUS_BINARY(kTestMax, kNumbers, math::Max(d, a, b))
GRADUS_BINARY(kTestMin, kNumbers, math::Min(d, a, b))
GRADUS_BINARY(kTestLess, kAllTypes, hn::Lt(a, b))
GRADUS_BINARY(kTestAnd, kBool, hn::And(a, b))
GRADUS_TERNARY(kTestMulAdd, kFloating, hn::Add(hn::Mul(a, b), c))

GRADUS_SIMD_BEGIN

struct TestWhere {
  template <class D, class M, class V>
  HWY_INLINE V operator()(D, M mask, V a, V b, const void*) const {
    return hn::IfThenElse(mask, a, b);
  }
};

struct TestScale {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, const void* params) const {
    return hn::Mul(x, hn::Set(d, *static_cast<const hn::TFromD<D>*>(params)));
  }
};

struct TestRemainder {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b, const void*) const {
    return map_lanes(
        d, [](auto x, auto y) HWY_ATTR { return y == 0 ? x : static_cast<decltype(x)>(x % y); }, a, b);
  }
};

struct TestSum4 {
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V b, V c, V e, const void*) const {
    return hn::Add(hn::Add(a, b), hn::Sub(c, e));
  }
};

GRADUS_SIMD_END

GRADUS_ELEMENTWISE_MASKED(kTestWhere, TestWhere, kAllTypes, 3)
GRADUS_ELEMENTWISE(kTestScale, TestScale, kFloating, 1)
GRADUS_ELEMENTWISE(kTestRemainder, TestRemainder, kIntegers, 2)
GRADUS_ELEMENTWISE(kTestSum4, TestSum4, kFloating, 4)

#if HWY_ONCE

#include "gradus/base/parallel.h"
#include "gradus/tests/ops/kernels/array.h"

namespace gradus::kernels {
namespace {

TEST(KernelElementwise, EveryLengthAndDtype) {
  const auto check = [](auto tag) {
    using T = decltype(tag);
    for (std::int64_t n = 0; n <= 70; ++n) {
      Array<T> a({n}), b({n}), out({n});
      a.random(1, 0, 100);
      b.random(2, 0, 100);
      const View in[2] = {a.view(), b.view()};
      elementwise(kTestMultiply, in, 2, out.view());
      for (std::int64_t i = 0; i < n; ++i)
        ASSERT_EQ(out.at(i), static_cast<T>(a.at(i) * b.at(i))) << n << " " << i;
      elementwise(kTestMax, in, 2, out.view());
      for (std::int64_t i = 0; i < n; ++i) ASSERT_EQ(out.at(i), std::max(a.at(i), b.at(i)));
      Array<bool> less({n});
      elementwise(kTestLess, in, 2, less.view());
      for (std::int64_t i = 0; i < n; ++i) ASSERT_EQ(less.at(i), a.at(i) < b.at(i)) << n << " " << i;
      const View where[3] = {less.view(), a.view(), b.view()};
      elementwise(kTestWhere, where, 3, out.view());
      for (std::int64_t i = 0; i < n; ++i) ASSERT_EQ(out.at(i), std::min(a.at(i), b.at(i)));
      if constexpr (std::is_integral_v<T>) {
        elementwise(kTestRemainder, in, 2, out.view());
        for (std::int64_t i = 0; i < n; ++i) ASSERT_EQ(out.at(i), b.at(i) == 0 ? a.at(i) : a.at(i) % b.at(i));
      }
    }
  };
  check(float{});
  check(double{});
  check(std::int32_t{});
  check(std::int64_t{});
  check(std::uint8_t{});
  // Computed in wider types, in tiles.
  check(std::int8_t{});
  check(std::int16_t{});
  check(std::uint16_t{});
  check(std::uint32_t{});
  check(float16{});
  check(bfloat16{});
}

// A view with no step along any axis, as the gradient of a sum is.
TEST(KernelElementwise, OneElementForAll) {
  const std::int64_t no_strides[2] = {0, 0};
  for (std::int64_t n : {1, 7, 70, 40000}) {
    Array<float> a({2, n}), out({2, n}), one({1});
    Array<bool> taken({1});
    a.random(1), one.at(0) = 3, taken.at(0) = true;
    const auto spread = [&](View v) {
      v.dims = a.dims().data(), v.strides = no_strides, v.rank = 2, v.numel = 2 * n;
      return v;
    };
    const View right[2] = {a.view(), spread(one.view())}, left[2] = {spread(one.view()), a.view()};
    elementwise(kTestSubtract, right, 2, out.view());
    for (std::int64_t i = 0; i < 2 * n; ++i) ASSERT_EQ(out.at(i), a.at(i) - 3) << n << " " << i;
    elementwise(kTestSubtract, left, 2, out.view());
    for (std::int64_t i = 0; i < 2 * n; ++i) ASSERT_EQ(out.at(i), 3 - a.at(i)) << n << " " << i;
    const View where[3] = {spread(taken.view()), a.view(), spread(one.view())};
    elementwise(kTestWhere, where, 3, out.view());
    for (std::int64_t i = 0; i < 2 * n; ++i) ASSERT_EQ(out.at(i), a.at(i)) << n << " " << i;
  }
}

TEST(KernelElementwise, IntegersWrapAround) {
  Array<std::int64_t> a({3}), out({3});
  a.at(0) = std::int64_t{1} << 62, a.at(1) = -3, a.at(2) = INT64_MAX;
  const View in[2] = {a.view(), a.view()};
  elementwise(kTestMultiply, in, 2, out.view());
  EXPECT_EQ(out.values(), (std::vector<std::int64_t>{0, 9, 1}));
  Array<std::uint8_t> u({2}), out_u({2});
  u.at(0) = 200, u.at(1) = 17;
  const View in_u[2] = {u.view(), u.view()};
  elementwise(kTestMultiply, in_u, 2, out_u.view());
  EXPECT_EQ(out_u.values(), (std::vector<std::uint8_t>{64, 33}));
}

TEST(KernelElementwise, MaxAndMinKeepNaN) {
  const float nan = std::nanf("");
  for (std::int64_t n : {3, 35}) {
    Array<float> a({n}), b({n}), out({n});
    a.random(1), b.random(2);
    a.at(0) = nan, b.at(1) = nan, a.at(2) = b.at(2) = nan;
    const View in[2] = {a.view(), b.view()};
    for (const auto* loops : {&kTestMax, &kTestMin}) {
      elementwise(*loops, in, 2, out.view());
      for (int i = 0; i < 3; ++i) EXPECT_TRUE(std::isnan(out.at(i))) << i;
      for (std::int64_t i = 3; i < n; ++i) EXPECT_FALSE(std::isnan(out.at(i)));
    }
  }
}

TEST(KernelElementwise, SupportsTellsTheDtypes) {
  EXPECT_TRUE(supports(kTestTanh, DType::f32));
  EXPECT_FALSE(supports(kTestTanh, DType::i32));
  EXPECT_TRUE(supports(kTestNegate, DType::i32));
  EXPECT_FALSE(supports(kTestNegate, DType::u8));
  EXPECT_FALSE(supports(kTestAnd, DType::u8));
  EXPECT_TRUE(supports(kTestAnd, DType::boolean));
  EXPECT_TRUE(supports(kTestTanh, DType::f16));
  EXPECT_TRUE(supports(kTestNegate, DType::i8));
  EXPECT_FALSE(supports(kTestTanh, DType::i8));
  EXPECT_FALSE(supports(kTestLess, DType::u64));
}

TEST(KernelElementwise, ParamsReachTheFormula) {
  Array<double> x({5}), y({5});
  x.random(3);
  const double factor = 2.5;
  const View in = x.view();
  elementwise(kTestScale, &in, 1, y.view(), &factor);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(y.at(i), x.at(i) * factor);
}

// All ways to lay out each of three operands: the result is bitwise that of contiguous copies.
template <class T>
void expect_same_for_all_layouts(const Sizes& dims) {
  const std::vector<std::pair<std::vector<int>, std::int64_t>> layouts = {
      {{0, 1, 2}, 1}, {{0, 2, 1}, 1}, {{2, 1, 0}, 1}, {{1, 2, 0}, 1}, {{0, 1, 2}, 2}, {{2, 0, 1}, 3}};
  Array<T> a0(dims), b0(dims), out0(dims);
  a0.random(1), b0.random(2);
  const View in0[2] = {a0.view(), b0.view()};
  elementwise(kTestSubtract, in0, 2, out0.view());
  Array<T> tanh0(dims);
  elementwise(kTestTanh, in0, 1, tanh0.view());
  for (const auto& la : layouts) {
    for (const auto& lo : layouts) {
      Array<T> a(dims, la.first, la.second), tanh(dims, lo.first, lo.second);
      a.copy_from(a0);
      const View in = a.view();
      elementwise(kTestTanh, &in, 1, tanh.view());
      for (std::int64_t i = 0; i < a.numel(); ++i) ASSERT_TRUE(same_bits(tanh.at(i), tanh0.at(i))) << i;
      for (const auto& lb : layouts) {
        Array<T> b(dims, lb.first, lb.second), out(dims, lo.first, lo.second);
        b.copy_from(b0);
        const View two[2] = {a.view(), b.view()};
        elementwise(kTestSubtract, two, 2, out.view());
        for (std::int64_t i = 0; i < a.numel(); ++i) ASSERT_TRUE(same_bits(out.at(i), out0.at(i))) << i;
      }
    }
  }
}

TEST(KernelElementwise, StridesDoNotChangeTheBits) {
  for (const Sizes& dims :
       {Sizes{3, 5, 7}, Sizes{1, 17, 33}, Sizes{2, 40, 70}, Sizes{33, 1, 2}, Sizes{1, 1, 1}}) {
    expect_same_for_all_layouts<float>(dims);
    expect_same_for_all_layouts<double>(dims);
    expect_same_for_all_layouts<float16>(dims);
  }
}

template <class T>
void expect_every_broadcast() {
  const Sizes out_dims = {4, 3, 37};
  const std::vector<Sizes> shapes = {{},         {1},        {37},      {3, 1},    {3, 37},    {4, 1, 1},
                                     {1, 3, 37}, {4, 1, 37}, {4, 3, 1}, {1, 1, 1}, {4, 3, 37}, {1, 3, 1}};
  for (const Sizes& da : shapes) {
    for (const Sizes& db : shapes) {
      Array<T> a(da), b(db), out(out_dims), out_t(out_dims, {2, 0, 1}, 1);
      a.random(1), b.random(2);
      const View in[2] = {a.view(), b.view()};
      elementwise(kTestSubtract, in, 2, out.view());
      elementwise(kTestSubtract, in, 2, out_t.view());
      const auto pick = [&](Array<T>& x, std::int64_t position) {
        std::int64_t index[3] = {position / 111, position / 37 % 3, position % 37}, at = 0;
        const std::size_t lead = 3 - x.dims().size();
        for (std::size_t i = lead; i < 3; ++i) {
          at = at * x.dims()[i - lead] + (x.dims()[i - lead] == 1 ? 0 : index[i]);
        }
        return x.at(at);
      };
      for (std::int64_t i = 0; i < out.numel(); ++i) {
        ASSERT_EQ(out.at(i), static_cast<T>(pick(a, i) - pick(b, i))) << i;
        ASSERT_EQ(out_t.at(i), out.at(i));
      }
    }
  }
}

TEST(KernelElementwise, BroadcastsEveryPattern) {
  expect_every_broadcast<float>();
  expect_every_broadcast<bfloat16>();
  expect_every_broadcast<std::int32_t>();
  expect_every_broadcast<std::int16_t>();
}

TEST(KernelElementwise, StrideZeroViewsAreBroadcasts) {
  Array<float> row({37}), full({9, 37}), out({9, 37});
  // Small whole numbers: a fused multiply-add and two roundings give the same.
  for (std::int64_t i = 0; i < 37; ++i) row.at(i) = static_cast<float>(i % 7 - 3);
  for (std::int64_t i = 0; i < full.numel(); ++i) full.at(i) = static_cast<float>(i % 5 - 2);
  const Sizes dims = {9, 37};
  const std::int64_t strides[2] = {0, 1}, none[2] = {0, 0};
  const View expanded{row.data(), dims.data(), strides, 9 * 37, 2, DType::f32};
  const View scalar{row.data(), dims.data(), none, 9 * 37, 2, DType::f32};
  const View in[3] = {expanded, full.view(), scalar};
  elementwise(kTestMulAdd, in, 3, out.view());
  for (std::int64_t i = 0; i < out.numel(); ++i) {
    const float product = row.at(i % 37) * full.at(i);
    ASSERT_EQ(out.at(i), product + row.at(0));
  }
}

TEST(KernelElementwise, FourInputs) {
  Array<double> a({3, 33}), b({33}), c({3, 1}), e({}), out({3, 33});
  a.random(1), b.random(2), c.random(3), e.random(4);
  const View in[4] = {a.view(), b.view(), c.view(), e.view()};
  elementwise(kTestSum4, in, 4, out.view());
  for (std::int64_t i = 0; i < out.numel(); ++i) {
    ASSERT_EQ(out.at(i), (a.at(i) + b.at(i % 33)) + (c.at(i / 33) - e.at(0)));
  }
}

TEST(KernelElementwise, OutputMayBeAnInput) {
  for (const auto& layout :
       {std::pair<std::vector<int>, std::int64_t>{{0, 1}, 1}, {{1, 0}, 1}, {{0, 1}, 2}}) {
    Array<float> a({40, 51}, layout.first, layout.second), b({51}), expected({40, 51});
    a.random(1), b.random(2);
    const View in[2] = {a.view(), b.view()};
    elementwise(kTestSubtract, in, 2, expected.view());
    elementwise(kTestSubtract, in, 2, a.view());
    EXPECT_EQ(a.values(), expected.values());
  }
}

TEST(KernelElementwise, SameWithOneAndTwoThreads) {
  Array<float> a({300, 1000}), t({300, 1000}, {1, 0}, 1), row({1000}), one({300, 1000}), two({300, 1000});
  a.random(1), t.random(2), row.random(3);
  for (const View& second : {a.view(), t.view(), row.view()}) {
    const View in[3] = {a.view(), second, row.view()};
    const int before = threads();
    set_threads(1);
    elementwise(kTestMulAdd, in, 3, one.view());
    set_threads(2);
    elementwise(kTestMulAdd, in, 3, two.view());
    set_threads(before);
    EXPECT_EQ(std::memcmp(one.data(), two.data(), 300 * 1000 * sizeof(float)), 0);
  }
}

TEST(KernelElementwise, BoolsWithStrides) {
  Array<bool> a({5, 21}, {1, 0}, 1), b({21}), out({5, 21}), mask({5, 1});
  for (std::int64_t i = 0; i < a.numel(); ++i) a.at(i) = i % 3 == 0;
  for (std::int64_t i = 0; i < 21; ++i) b.at(i) = i % 2 == 0;
  const View in[2] = {a.view(), b.view()};
  elementwise(kTestAnd, in, 2, out.view());
  for (std::int64_t i = 0; i < out.numel(); ++i) EXPECT_EQ(out.at(i), a.at(i) && b.at(i % 21));
  for (int i = 0; i < 5; ++i) mask.at(i) = i % 2 == 0;
  const View where[3] = {mask.view(), a.view(), b.view()};
  elementwise(kTestWhere, where, 3, out.view());
  for (std::int64_t i = 0; i < out.numel(); ++i)
    EXPECT_EQ(out.at(i), mask.at(i / 21) ? a.at(i) : b.at(i % 21));
}

}  // namespace
}  // namespace gradus::kernels

#endif  // HWY_ONCE
