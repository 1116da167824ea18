// The engine's table, filled from the ops.
#include "gradus/graph/engine_ops.h"

#include "gradus/ops/elementwise/accumulate.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/reduction.h"

namespace gradus {

constinit const EngineOps kEngineOps = {
    .add = [](const Tensor& a, const Tensor& b) { return add(a, b); },
    .sum_to = [](const Tensor& x, const Shape& shape) { return sum_to(x, shape); },
    .accumulate = accumulate,
    .copy = [](const View& dst, const View& src) { kernels::copy(src, dst); },
};

}  // namespace gradus
