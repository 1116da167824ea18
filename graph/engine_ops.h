// The few operations on tensors that the engine itself needs. graph/ declares the table and never includes
// ops/; ops/engine_ops.cc defines it.
#pragma once

#include "gradus/graph/tensor.h"

namespace gradus {

struct EngineOps {
  // Recorded where recording is on.
  Tensor (*add)(const Tensor& a, const Tensor& b);
  // Sums broadcast axes away until the shape is `shape`.
  Tensor (*sum_to)(const Tensor& x, const Shape& shape);
  // Raw kernels: dst += src and dst = src (with dtype conversion); equal shapes.
  void (*accumulate)(const View& dst, const View& src);
  void (*copy)(const View& dst, const View& src);
};

extern const EngineOps kEngineOps;

}  // namespace gradus
