// Products so small that a library's way in costs more than the product.
#pragma once

#include "gradus/graph/dtype.h"
#include "gradus/ops/kernels/gemm_loop.h"

namespace gradus::kernels {

// True: done. False: not a small f32 or f64 product (m, n, k from 1 to 8), nothing happened.
bool gemm_small(DType dtype, const GemmArgs& args);

}  // namespace gradus::kernels
