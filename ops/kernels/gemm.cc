// Which library computes which product, and the check that it computes at all. Old OpenBLAS builds give wrong
// results on processors newer than they are; so the first product of a process compares a few small ones with
// loops of our own, and a library that fails is not used.
#include "gradus/ops/kernels/gemm.h"

#include <cblas.h>
#include <dnnl.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <vector>

#include "gradus/base/parallel.h"
#include "gradus/ops/kernels/dispatch.h"
#include "gradus/ops/kernels/gemm_loop.h"
#include "gradus/ops/kernels/gemm_packed.h"
#include "gradus/ops/kernels/gemm_small.h"
#include "gradus/ops/kernels/lapack.h"
#include "hwy/targets.h"

namespace gradus::kernels {

namespace {

// Up to this many multiplications OpenBLAS is single-threaded by itself, and the team need not be set up.
constexpr std::int64_t kSmall = 64 * 64 * 64;
// Its product of a matrix and a vector is so only below this many (interface/gemv.c). What lies between the
// two is too little to share out.
constexpr std::int64_t kSmallVector = 2304 * 4;

// Whether oneDNN computes an f32 product of `work` > kSmall multiplications. With AVX-512 it is the faster
// one from about 88 x 88 x 88 on (measured on one thread). Its kernels for AVX2 (2.6) use the stack pointer
// as one more register: a signal handler of the program would write its frame into the heap.
bool onednn_is_wanted(std::int64_t work) {
  static const bool avx512 = (hwy::SupportedTargets() & HWY_AVX3) != 0;
  return avx512 && work > 80 * 80 * 80;
}

// Whether our own tiles compute an f32 product. With AVX2 they are quicker than OpenBLAS up to about 512 x
// 512 x 512 (measured on one thread of Zen 3: 128 x 128 x 128 takes 0.84 to 0.93 of its time, 32 x 32 x 32
// 0.6 to 0.75), but where an A that is read down its columns has another page for each step, and where few
// rows meet a B that must be copied first.
bool tiles_are_wanted(const GemmArgs& g) {
  static const bool avx2 = std::strcmp(instruction_set(), "AVX2") == 0;
  constexpr std::int64_t kMostWork = 512 * 512 * 512, kPage = 512, kFewRows = 32;
  if (!avx2 || g.m * g.n * g.k > kMostWork || (g.trans_a && g.lda >= kPage)) return false;
  return g.trans_b || g.m >= kFewRows;
}

// Threads share out rows or columns of C.
void tiles(const GemmArgs& g) {
  constexpr std::int64_t kRows = 24, kColumns = 64;  // in which gemm_tiles() works well
  const bool by_rows = g.m >= g.n;
  const std::int64_t n = by_rows ? g.m : g.n, each = std::max<std::int64_t>(1, (by_rows ? g.n : g.m) * g.k);
  const std::int64_t unit = by_rows ? kRows : kColumns;
  parallel_for(n, (kSmall / each / unit + 1) * unit, [&](std::int64_t begin, std::int64_t end) {
    GemmArgs part = g;
    const auto at = [&](const void* p, std::int64_t step) {
      return static_cast<const float*>(p) + begin * step;
    };
    if (by_rows) {
      part.m = end - begin;
      part.a = at(g.a, g.trans_a ? 1 : g.lda);
      part.c = static_cast<float*>(g.c) + begin * g.ldc;
    } else {
      part.n = end - begin;
      part.b = at(g.b, g.trans_b ? g.ldb : 1);
      part.c = static_cast<float*>(g.c) + begin;
    }
    gemm_tiles(part);
  });
}

void openblas(const GemmArgs& g, float) {
  cblas_sgemm(CblasRowMajor, g.trans_a ? CblasTrans : CblasNoTrans, g.trans_b ? CblasTrans : CblasNoTrans,
              static_cast<int>(g.m), static_cast<int>(g.n), static_cast<int>(g.k),
              static_cast<float>(g.alpha), static_cast<const float*>(g.a), static_cast<int>(g.lda),
              static_cast<const float*>(g.b), static_cast<int>(g.ldb), static_cast<float>(g.beta),
              static_cast<float*>(g.c), static_cast<int>(g.ldc));
}

void openblas(const GemmArgs& g, double) {
  cblas_dgemm(CblasRowMajor, g.trans_a ? CblasTrans : CblasNoTrans, g.trans_b ? CblasTrans : CblasNoTrans,
              static_cast<int>(g.m), static_cast<int>(g.n), static_cast<int>(g.k), g.alpha,
              static_cast<const double*>(g.a), static_cast<int>(g.lda), static_cast<const double*>(g.b),
              static_cast<int>(g.ldb), g.beta, static_cast<double*>(g.c), static_cast<int>(g.ldc));
}

void onednn(const GemmArgs& g) {
  dnnl_sgemm(g.trans_a ? 'T' : 'N', g.trans_b ? 'T' : 'N', g.m, g.n, g.k, static_cast<float>(g.alpha),
             static_cast<const float*>(g.a), g.lda, static_cast<const float*>(g.b), g.ldb,
             static_cast<float>(g.beta), static_cast<float*>(g.c), g.ldc);
}

// C is one row or column: y = op(M) v, where M is the matrix operand. A product routine would copy all of M.
void gemv(const GemmArgs& g, float) {
  const bool row = g.m == 1;
  const bool trans = row ? !g.trans_b : g.trans_a;
  const auto* matrix = static_cast<const float*>(row ? g.b : g.a);
  const auto* v = static_cast<const float*>(row ? g.a : g.b);
  const std::int64_t ld = row ? g.ldb : g.lda, out = row ? g.n : g.m;
  const std::int64_t v_step = row ? (g.trans_a ? g.lda : 1) : (g.trans_b ? 1 : g.ldb);
  cblas_sgemv(CblasRowMajor, trans ? CblasTrans : CblasNoTrans, static_cast<int>(trans ? g.k : out),
              static_cast<int>(trans ? out : g.k), static_cast<float>(g.alpha), matrix, static_cast<int>(ld),
              v, static_cast<int>(v_step), static_cast<float>(g.beta), static_cast<float*>(g.c),
              static_cast<int>(row ? 1 : g.ldc));
}

void gemv(const GemmArgs& g, double) {
  const bool row = g.m == 1;
  const bool trans = row ? !g.trans_b : g.trans_a;
  const auto* matrix = static_cast<const double*>(row ? g.b : g.a);
  const auto* v = static_cast<const double*>(row ? g.a : g.b);
  const std::int64_t ld = row ? g.ldb : g.lda, out = row ? g.n : g.m;
  const std::int64_t v_step = row ? (g.trans_a ? g.lda : 1) : (g.trans_b ? 1 : g.ldb);
  cblas_dgemv(CblasRowMajor, trans ? CblasTrans : CblasNoTrans, static_cast<int>(trans ? g.k : out),
              static_cast<int>(trans ? out : g.k), g.alpha, matrix, static_cast<int>(ld), v,
              static_cast<int>(v_step), g.beta, static_cast<double*>(g.c), static_cast<int>(row ? 1 : g.ldc));
}

// Compares `product` with loops for a set of sizes around the block sizes of small kernels.
template <class T, class Product>
bool computes_right(Product product) {
  constexpr std::int64_t kSizes[][3] = {{4, 4, 4}, {17, 9, 23}, {1, 37, 19}, {33, 1, 8}, {48, 80, 64}};
  constexpr std::int64_t kMost = 80 * 80;
  std::vector<T> a(kMost), b(kMost), c(kMost), expected(kMost);
  std::uint32_t state = 1;
  const auto next = [&state] {
    state = state * 1664525u + 1013904223u;
    return static_cast<T>(static_cast<std::int32_t>(state >> 8) % 1000) / T{1000} - T{0.5};
  };
  for (T& x : a) x = next();
  for (T& x : b) x = next();
  for (const auto& size : kSizes) {
    for (int trans = 0; trans < 4; ++trans) {
      const bool ta = trans & 1, tb = trans >> 1;
      const std::int64_t m = size[0], n = size[1], k = size[2];
      std::fill(c.begin(), c.end(), T{1});
      std::fill(expected.begin(), expected.end(), T{1});
      GemmArgs g{ta, tb, m, n, k, 1.25, a.data(), ta ? m : k, b.data(), tb ? k : n, 0.5, c.data(), n};
      product(g);
      g.c = expected.data();
      gemm_loop(sizeof(T) == 4 ? DType::f32 : DType::f64, g);
      const double tolerance = sizeof(T) == 4 ? 1e-4 : 1e-12;
      for (std::int64_t i = 0; i < kMost; ++i) {
        if (!(std::abs(static_cast<double>(c[i]) - expected[i]) <= tolerance)) return false;
      }
    }
  }
  return true;
}

template <class T>
bool openblas_works() {
  static const bool works = computes_right<T>([](const GemmArgs& g) {
    if (g.m == 1 || g.n == 1)
      gemv(g, T{});
    else
      openblas(g, T{});
  });
  return works;
}

bool onednn_works() {
  static const bool works = computes_right<float>(onednn);
  return works;
}

// beta * C, for products without a term.
template <class T>
void scale(const GemmArgs& g, T) {
  T* c = static_cast<T*>(g.c);
  const T beta = static_cast<T>(g.beta);
  for (std::int64_t i = 0; i < g.m; ++i) {
    for (std::int64_t j = 0; j < g.n; ++j)
      c[i * g.ldc + j] = beta == T{0} ? T{0} : static_cast<T>(c[i * g.ldc + j] * beta);
  }
}

template <class T>
void small_product(const GemmArgs& g) {
  if (g.m == 1 || g.n == 1)
    gemv(g, T{});
  else
    openblas(g, T{});
}

// On this thread alone, which OpenBLAS must be told where it would take others.
template <class T>
void alone(const GemmArgs& g, bool tell) {
  std::optional<OneThread> one;
  if (tell) one.emplace();
  small_product<T>(g);
}

void gemm(DType dtype, const GemmArgs& given) {
  if (given.m == 0 || given.n == 0) return;
  if (given.k == 0) {
    switch (dtype) {
      case DType::f32:
        return scale(given, float{});
      case DType::f64:
        return scale(given, double{});
      case DType::i32:
        return scale(given, std::int32_t{});
      case DType::i64:
        return scale(given, std::int64_t{});
      default:
        return scale(given, std::uint8_t{});
    }
  }
  if (gemm_small(dtype, given)) return;
  // The libraries refuse a leading dimension below the row length even where there is one row.
  GemmArgs g = given;
  g.lda = std::max(g.lda, g.trans_a ? g.m : g.k);
  g.ldb = std::max(g.ldb, g.trans_b ? g.k : g.n);
  g.ldc = std::max(g.ldc, g.n);
  const std::int64_t work = g.m * g.n * g.k;
  const bool vector = g.m == 1 || g.n == 1;
  if (dtype == DType::f32) {
    if (!vector && tiles_are_wanted(g)) return tiles(g);
    if (openblas_works<float>()) {
      if (work <= kSmall) return alone<float>(g, vector && work >= kSmallVector);
      const LibraryTeam team;
      if (vector || !onednn_is_wanted(work) || !onednn_works()) return small_product<float>(g);
      return onednn(g);
    }
    const LibraryTeam team;
    if (onednn_is_wanted(work) && onednn_works()) return onednn(g);
  } else if (dtype == DType::f64 && openblas_works<double>()) {
    if (work <= kSmall) return alone<double>(g, vector && work >= kSmallVector);
    const LibraryTeam team;
    return small_product<double>(g);
  }
  gemm_loop(dtype, g);
}

}  // namespace

void gemm(DType dtype, bool trans_a, bool trans_b, std::int64_t m, std::int64_t n, std::int64_t k,
          double alpha, const void* a, std::int64_t lda, const void* b, std::int64_t ldb, double beta,
          void* c, std::int64_t ldc) {
  gemm(dtype, GemmArgs{trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc});
}

void gemm_batched(DType dtype, bool trans_a, bool trans_b, std::int64_t m, std::int64_t n, std::int64_t k,
                  double alpha, const void* a, std::int64_t lda, std::int64_t stride_a, const void* b,
                  std::int64_t ldb, std::int64_t stride_b, double beta, void* c, std::int64_t ldc,
                  std::int64_t stride_c, std::int64_t batch) {
  if (m == 0 || n == 0 || batch == 0) return;
  // One B for all, and the rows of all A and C on one grid: a single product.
  if (batch > 1 && stride_b == 0 && !trans_a && stride_a == m * lda && stride_c == m * ldc) {
    return gemm(dtype, trans_a, trans_b, m * batch, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  }
  const std::int64_t size = static_cast<std::int64_t>(size_of(dtype));
  const auto range = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      gemm(dtype, trans_a, trans_b, m, n, k, alpha, static_cast<const char*>(a) + i * stride_a * size, lda,
           static_cast<const char*>(b) + i * stride_b * size, ldb, beta,
           static_cast<char*>(c) + i * stride_c * size, ldc);
    }
  };
  // Threads share out the batch; where there are few large ones, each product is shared out by its library.
  const std::int64_t work = std::max<std::int64_t>(1, m * n * k);
  if (batch >= 2 * threads() || work <= kSmall)
    parallel_for(batch, std::max<std::int64_t>(1, kSmall / work), range);
  else
    range(0, batch);
}

}  // namespace gradus::kernels
