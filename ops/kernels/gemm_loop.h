// A matrix product of our own: vector code with packed panels of B, no library. For integers, and for floats
// where the libraries failed their self-check. About a third of their speed.
#pragma once

#include <cstdint>

#include "gradus/graph/dtype.h"

namespace gradus::kernels {

struct GemmArgs {
  bool trans_a, trans_b;
  std::int64_t m, n, k;
  double alpha;
  const void* a;
  std::int64_t lda;
  const void* b;
  std::int64_t ldb;
  double beta;
  void* c;
  std::int64_t ldc;
};

// On the calling thread. Any number dtype.
void gemm_loop(DType dtype, const GemmArgs& args);

}  // namespace gradus::kernels
