// Products of all dtypes against three loops: transposes, odd sizes, leading dimensions, alpha and beta,
// batches.
#include "gradus/ops/kernels/gemm.h"

#include "gradus/base/parallel.h"
#include "gradus/ops/kernels/gemm_loop.h"
#include "gradus/tests/ops/kernels/array.h"

namespace gradus::kernels {
namespace {

enum Path { kLibrary, kLoop };

template <class T>
void expect_product(Path path, bool ta, bool tb, std::int64_t m, std::int64_t n, std::int64_t k, double alpha,
                    double beta, std::int64_t pad) {
  const std::int64_t lda = (ta ? m : k) + pad, ldb = (tb ? k : n) + pad, ldc = n + pad;
  Array<T> a({ta ? k : m, lda}), b({tb ? n : k, ldb}), c({m, ldc});
  const bool floating = std::is_floating_point_v<T>;
  a.random(1, floating ? -1 : 0, floating ? 1 : 9), b.random(2, floating ? -1 : 0, floating ? 1 : 9);
  c.random(3, 0, 5);
  const std::vector<T> before = c.values();
  if (path == kLoop) {
    gemm_loop(dtype_of<T>,
              GemmArgs{ta, tb, m, n, k, alpha, a.data(), lda, b.data(), ldb, beta, c.data(), ldc});
  } else {
    gemm(dtype_of<T>, ta, tb, m, n, k, alpha, a.data(), lda, b.data(), ldb, beta, c.data(), ldc);
  }
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < ldc; ++j) {
      const T old = before[i * ldc + j];
      if (j >= n) {
        ASSERT_EQ(c.at(i * ldc + j), old) << "padding written at " << i << ", " << j;
        continue;
      }
      double sum = 0;
      for (std::int64_t p = 0; p < k; ++p) {
        sum += static_cast<double>(a.at(ta ? p * lda + i : i * lda + p)) *
               static_cast<double>(b.at(tb ? j * ldb + p : p * ldb + j));
      }
      const double expected = alpha * sum + (beta == 0 ? 0 : beta * static_cast<double>(old));
      if (floating) {
        const double tolerance = (sizeof(T) == 4 ? 1e-6 : 1e-14) * (10 + static_cast<double>(k));
        ASSERT_NEAR(c.at(i * ldc + j), expected, tolerance) << m << "x" << n << "x" << k << " " << ta << tb;
      } else {
        ASSERT_EQ(c.at(i * ldc + j), static_cast<T>(static_cast<std::int64_t>(expected))) << i << ", " << j;
      }
    }
  }
}

template <class T>
void expect_products(Path path, const std::vector<Sizes>& sizes) {
  for (const Sizes& s : sizes) {
    for (int trans = 0; trans < 4; ++trans) {
      for (const auto& [alpha, beta] : {std::pair<double, double>{1, 0}, {2, 1}, {-1, 3}}) {
        for (std::int64_t pad : {0, 3}) {
          expect_product<T>(path, trans & 1, trans >> 1, s[0], s[1], s[2], alpha, beta, pad);
        }
      }
    }
  }
}

std::vector<Sizes> small_sizes() {
  std::vector<Sizes> sizes;
  for (std::int64_t m : {1, 2, 4, 5, 8, 9}) {
    for (std::int64_t n : {1, 3, 4, 8, 10, 17}) {
      for (std::int64_t k : {1, 2, 4, 7, 8, 19}) sizes.push_back({m, n, k});
    }
  }
  return sizes;
}

TEST(KernelGemm, SmallF32) { expect_products<float>(kLibrary, small_sizes()); }
TEST(KernelGemm, SmallF64) { expect_products<double>(kLibrary, small_sizes()); }

const std::vector<Sizes> kLarge = {{33, 65, 70}, {1, 300, 257}, {300, 1, 257}, {64, 64, 64},
                                   {90, 91, 89}, {256, 120, 1}, {20, 256, 520}};

TEST(KernelGemm, LargeF32) { expect_products<float>(kLibrary, kLarge); }
TEST(KernelGemm, LargeF64) { expect_products<double>(kLibrary, kLarge); }
TEST(KernelGemm, LoopsF32) {
  expect_products<float>(kLoop, {{1, 1, 1}, {5, 33, 300}, {4, 32, 256}, {37, 70, 65}});
}
TEST(KernelGemm, LoopsF64) {
  expect_products<double>(kLoop, {{1, 1, 1}, {5, 33, 300}, {4, 16, 256}, {37, 70, 65}});
}
TEST(KernelGemm, Integers) {
  const std::vector<Sizes> sizes = {{1, 1, 1}, {3, 5, 7}, {17, 33, 65}, {4, 4, 300}};
  expect_products<std::int32_t>(kLibrary, sizes);
  expect_products<std::int64_t>(kLibrary, sizes);
  expect_product<std::uint8_t>(kLibrary, false, true, 5, 6, 3, 1, 0, 2);
}

TEST(KernelGemm, BetaZeroOverwritesNaN) {
  for (std::int64_t n : {1, 3, 8, 40, 100}) {
    Array<float> a({n, n}), b({n, n}), c({n, n});
    a.random(1), b.random(2);
    for (std::int64_t i = 0; i < n * n; ++i) c.at(i) = std::nanf("");
    gemm(DType::f32, false, false, n, n, n, 1, a.data(), n, b.data(), n, 0, c.data(), n);
    for (std::int64_t i = 0; i < n * n; ++i) ASSERT_FALSE(std::isnan(c.at(i))) << n;
  }
}

TEST(KernelGemm, WithoutTermsScalesC) {
  Array<double> c({2, 3});
  c.random(1);
  const std::vector<double> before = c.values();
  gemm(DType::f64, false, false, 2, 3, 0, 1, nullptr, 1, nullptr, 3, 0.5, c.data(), 3);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(c.at(i), before[i] * 0.5);
  c.at(0) = std::nan("");
  gemm(DType::f64, false, false, 2, 3, 0, 1, nullptr, 1, nullptr, 3, 0, c.data(), 3);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(c.at(i), 0);
}

TEST(KernelGemm, NaNAndInfinityPassThrough) {
  Array<float> a({40, 40}), b({40, 40}), c({40, 40});
  a.random(1), b.random(2);
  a.at(3 * 40 + 5) = std::nanf("");
  a.at(7 * 40) = INFINITY;
  gemm(DType::f32, false, false, 40, 40, 40, 1, a.data(), 40, b.data(), 40, 0, c.data(), 40);
  for (int j = 0; j < 40; ++j) {
    EXPECT_TRUE(std::isnan(c.at(3 * 40 + j)));
    EXPECT_TRUE(std::isinf(c.at(7 * 40 + j)));
    EXPECT_TRUE(std::isfinite(c.at(8 * 40 + j)));
  }
}

TEST(KernelGemm, BatchesAndBroadcastOperands) {
  for (const std::int64_t size : {3, 20, 70}) {
    for (const bool repeat_a : {false, true}) {
      for (const bool repeat_b : {false, true}) {
        const std::int64_t batch = 5, mm = size * size;
        Array<double> a({batch, size, size}), b({batch, size, size}), c({batch, size, size}),
            one({size, size});
        a.random(1), b.random(2);
        gemm_batched(DType::f64, false, true, size, size, size, 1, a.data(), size, repeat_a ? 0 : mm,
                     b.data(), size, repeat_b ? 0 : mm, 0, c.data(), size, mm, batch);
        for (std::int64_t i = 0; i < batch; ++i) {
          gemm(DType::f64, false, true, size, size, size, 1, a.data() + (repeat_a ? 0 : i * mm), size,
               b.data() + (repeat_b ? 0 : i * mm), size, 0, one.data(), size);
          for (std::int64_t j = 0; j < mm; ++j) ASSERT_NEAR(c.at(i * mm + j), one.at(j), 1e-12);
        }
      }
    }
  }
}

TEST(KernelGemm, RunToRunTheSame) {
  const int before = threads();
  for (int count : {1, 2}) {
    set_threads(count);
    Array<float> a({130, 200}), b({200, 170}), first({130, 170}), again({130, 170});
    a.random(1), b.random(2);
    for (int run = 0; run < 5; ++run) {
      Array<float>& c = run == 0 ? first : again;
      gemm(DType::f32, false, false, 130, 170, 200, 1, a.data(), 200, b.data(), 170, 0, c.data(), 170);
      if (run == 0) continue;
      EXPECT_EQ(std::memcmp(first.data(), again.data(), 130 * 170 * sizeof(float)), 0);
    }
  }
  set_threads(before);
}

}  // namespace
}  // namespace gradus::kernels
