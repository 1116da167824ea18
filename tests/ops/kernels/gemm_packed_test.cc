// Products with a packed matrix against three loops: sizes around those of tiles and panels, transposes,
// leading dimensions; and that rows do not depend on each other.
#include "gradus/ops/kernels/gemm_packed.h"

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
        for (const std::int64_t k : {0, 1, 33, 65}) expect_product<double>(trans, 6, 16, k, add, pad);
      }
    }
  }
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
