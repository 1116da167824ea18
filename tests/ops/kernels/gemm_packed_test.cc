// Products with a packed matrix against three loops: sizes around those of tiles and panels, transposes,
// leading dimensions; and that rows do not depend on each other. The same for products in tiles.
#include "gradus/ops/kernels/gemm_packed.h"

#include <array>
#include <cmath>

#include "gradus/tests/ops/kernels/array.h"

namespace gradus::kernels {
namespace {

struct alignas(64) Line {
  std::byte bytes[64];
};

template <class T>
std::vector<Line> packed(bool trans, std::int64_t k, std::int64_t n, const T* b, std::int64_t ld) {
  std::vector<Line> memory(packed_bytes(dtype_of<T>, k, n) / sizeof(Line));
  pack_matrix(dtype_of<T>, trans, k, n, b, ld, memory.data());
  return memory;
}

template <class T>
void expect_product(bool trans, std::int64_t m, std::int64_t n, std::int64_t k, bool add, std::int64_t pad) {
  const std::int64_t lda = k + pad, ldb = (trans ? k : n) + pad, ldc = n + pad;
  Array<T> a({m, lda}), b({trans ? n : k, ldb}), c({m, ldc});
  a.random(1, -1, 1), b.random(2, -1, 1), c.random(3, -1, 1);
  const std::vector<T> before = c.values();
  const std::vector<Line> p = packed(trans, k, n, b.data(), ldb);
  gemm_packed(dtype_of<T>, m, n, k, a.data(), lda, p.data(), add, c.data(), ldc);
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < ldc; ++j) {
      const T old = before[i * ldc + j];
      if (j >= n) {
        ASSERT_EQ(c.at(i * ldc + j), old) << "padding written at " << i << ", " << j;
        continue;
      }
      double sum = add ? static_cast<double>(old) : 0;
      for (std::int64_t q = 0; q < k; ++q) {
        sum += static_cast<double>(a.at(i * lda + q)) *
               static_cast<double>(b.at(trans ? j * ldb + q : q * ldb + j));
      }
      ASSERT_NEAR(c.at(i * ldc + j), sum, (sizeof(T) == 4 ? 1e-6 : 1e-14) * (10 + static_cast<double>(k)))
          << m << "x" << n << "x" << k << (trans ? " transposed" : "") << " at " << i << ", " << j;
    }
  }
}

TEST(GemmPacked, IsTheProduct) {
  for (const bool trans : {false, true}) {
    for (const bool add : {false, true}) {
      for (const std::int64_t pad : {0, 3}) {
        for (const std::int64_t m : {1, 2, 5, 6, 7, 8, 9, 13, 17, 32})
          expect_product<float>(trans, m, 35, 9, add, pad);
        for (const std::int64_t n : {1, 3, 8, 15, 16, 17, 31, 32, 33, 64}) {
          expect_product<float>(trans, 7, n, 40, add, pad);
          expect_product<double>(trans, 7, n, 40, add, pad);
        }
        for (const std::int64_t k : {0, 1, 33, 65, 256, 257, 600}) {
          expect_product<float>(trans, 7, 16, k, add, pad);
          expect_product<double>(trans, 6, 16, k, add, pad);
        }
      }
    }
  }
}

// C = alpha op(A) op(B) + beta C, beside a padding that is not written.
void expect_tiles(bool trans_a, bool trans_b, std::int64_t m, std::int64_t n, std::int64_t k, double alpha,
                  double beta) {
  const std::int64_t pad = 3, lda = (trans_a ? m : k) + pad, ldb = (trans_b ? k : n) + pad, ldc = n + pad;
  Array<float> a({trans_a ? k : m, lda}), b({trans_b ? n : k, ldb}), c({m, ldc});
  a.random(1, -1, 1), b.random(2, -1, 1), c.random(3, -1, 1);
  if (beta == 0) c.data()[0] = NAN;
  const std::vector<float> before = c.values();
  gemm_tiles({trans_a, trans_b, m, n, k, alpha, a.data(), lda, b.data(), ldb, beta, c.data(), ldc});
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < ldc; ++j) {
      const float old = before[i * ldc + j];
      if (j >= n) {
        ASSERT_EQ(c.at(i * ldc + j), old) << "padding written at " << i << ", " << j;
        continue;
      }
      double sum = 0;
      for (std::int64_t q = 0; q < k; ++q) {
        sum += static_cast<double>(a.at(trans_a ? q * lda + i : i * lda + q)) *
               static_cast<double>(b.at(trans_b ? j * ldb + q : q * ldb + j));
      }
      const double expected = alpha * sum + (beta == 0 ? 0 : beta * static_cast<double>(old));
      ASSERT_NEAR(c.at(i * ldc + j), expected, 1e-6 * (10 + static_cast<double>(k)))
          << m << "x" << n << "x" << k << (trans_a ? " A transposed" : "") << (trans_b ? " B transposed" : "")
          << " at " << i << ", " << j;
    }
  }
}

TEST(GemmTiles, IsTheProduct) {
  // Around the sizes of tiles, panels, several panels, rows and depths that are done at a time.
  for (const bool trans_a : {false, true}) {
    for (const bool trans_b : {false, true}) {
      for (const auto& [m, n, k] : std::vector<std::array<std::int64_t, 3>>{{1, 1, 1},
                                                                            {7, 17, 9},
                                                                            {13, 24, 8},
                                                                            {6, 63, 40},
                                                                            {125, 70, 33},
                                                                            {241, 16, 5},
                                                                            {9, 130, 259},
                                                                            {3, 16, 520}}) {
        for (const double beta : {0.0, 1.0, -0.5}) expect_tiles(trans_a, trans_b, m, n, k, 1.5, beta);
      }
    }
  }
}

TEST(GemmTiles, RowsAndColumnsAreIndependent) {
  const std::int64_t m = 150, n = 100, k = 300;
  Array<float> a({m, k}), b({k, n}), whole({m, n}), parts({m, n});
  a.random(1, -1, 1), b.random(2, -1, 1);
  gemm_tiles({false, false, m, n, k, 1, a.data(), k, b.data(), n, 0, whole.data(), n});
  for (std::int64_t i = 0; i < m; i += 50) {
    for (std::int64_t j = 0; j < n; j += 20)
      gemm_tiles(
          {false, false, 50, 20, k, 1, a.data() + i * k, k, b.data() + j, n, 0, parts.data() + i * n + j, n});
  }
  EXPECT_EQ(whole.values(), parts.values());
}

TEST(GemmPacked, RowsAreIndependent) {
  const std::int64_t m = 23, n = 40, k = 50;
  Array<float> a({m, k}), b({k, n}), whole({m, n}), parts({m, n});
  a.random(1, -1, 1), b.random(2, -1, 1);
  const std::vector<Line> p = packed(false, k, n, b.data(), n);
  gemm_packed(DType::f32, m, n, k, a.data(), k, p.data(), false, whole.data(), n);
  for (std::int64_t i = 0; i < m;) {
    const std::int64_t rows = std::min<std::int64_t>(m - i, i % 5 + 1);
    gemm_packed(DType::f32, rows, n, k, a.data() + i * k, k, p.data(), false, parts.data() + i * n, n);
    i += rows;
  }
  EXPECT_EQ(whole.values(), parts.values());
}

}  // namespace
}  // namespace gradus::kernels
