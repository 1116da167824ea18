// Matrix products, row-major. OpenBLAS (f64, small f32), oneDNN (large f32) or loops of our own (integers,
// tiny sizes, and everything if OpenBLAS fails its self-check on this processor). Run-to-run the same numbers
// at a given number of threads.
#pragma once

#include <cstdint>

#include "gradus/graph/dtype.h"

namespace gradus::kernels {

// C[m, n] = alpha * op(A)[m, k] op(B)[k, n] + beta * C, where op transposes if asked to. lda, ldb, ldc are
// the distances between rows as stored. beta == 0 overwrites C, NaN included; k == 0 scales C only. f32, f64,
// i32, i64, u8.
void gemm(DType dtype, bool trans_a, bool trans_b, std::int64_t m, std::int64_t n, std::int64_t k,
          double alpha, const void* a, std::int64_t lda, const void* b, std::int64_t ldb, double beta,
          void* c, std::int64_t ldc);

// `batch` products; the strides are the distances between matrices in elements, 0 repeats an A or B.
void gemm_batched(DType dtype, bool trans_a, bool trans_b, std::int64_t m, std::int64_t n, std::int64_t k,
                  double alpha, const void* a, std::int64_t lda, std::int64_t stride_a, const void* b,
                  std::int64_t ldb, std::int64_t stride_b, double beta, void* c, std::int64_t ldc,
                  std::int64_t stride_c, std::int64_t batch);

}  // namespace gradus::kernels
