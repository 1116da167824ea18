// Products of few rows with one matrix that is used again and again: the matrix is packed once, where a
// product routine would copy it each time. f32 and f64. One thread; rows are computed independently, so that
// threads may share them out in any way and the numbers stay the same.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gradus/graph/dtype.h"
#include "gradus/ops/kernels/gemm_loop.h"

namespace gradus::kernels {

// Bytes for the packed form of a matrix of `k` rows and `n` columns, a multiple of 64. It is an aligned
// address that pack_matrix wants.
std::size_t packed_bytes(DType dtype, std::int64_t k, std::int64_t n);

// Packs op(B)[k, n]; ld is the distance between rows as stored.
void pack_matrix(DType dtype, bool trans, std::int64_t k, std::int64_t n, const void* b, std::int64_t ld,
                 void* packed);

// C[m, n] = A[m, k] B, or C += A B where `add`.
void gemm_packed(DType dtype, std::int64_t m, std::int64_t n, std::int64_t k, const void* a, std::int64_t lda,
                 const void* packed, bool add, void* c, std::int64_t ldc);

// An f32 product, on the calling thread: a few panels of B at a time are packed, on the stack. Each
// element is summed in one order, whichever rows of C a call computes.
void gemm_tiles(const GemmArgs& args);

}  // namespace gradus::kernels
