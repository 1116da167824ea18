// Matrix products, and determinants.
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/data/format/onnx/call.h"
#include "gradus/data/format/onnx/operators.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/matmul.h"

namespace gradus::onnx {
namespace {

void run_gemm(Call& c) {
  const Tensor& a = c.in(0);
  const Tensor& b = c.in(1);
  if (a.rank() != 2 || b.rank() != 2) {
    c.fail("a {} and b {} must be matrices", format_shape(a.shape()), format_shape(b.shape()));
  }
  const double alpha = c.real("alpha", 1);
  const double beta = c.real("beta", 1);
  c.ignore("broadcast");  // sizes of 1 broadcast anyway
  Tensor y = matmul(a, b, {.trans_a = c.flag("transA"), .trans_b = c.flag("transB")});
  const auto scaled = [](const Tensor& t, double factor) {
    if (factor == 1) return t;
    return is_floating(t.dtype()) ? mul(t, factor) : mul(t, static_cast<std::int64_t>(factor));
  };
  if (!is_floating(a.dtype()) && (alpha != std::trunc(alpha) || beta != std::trunc(beta))) {
    c.unsupported("alpha {} and beta {} for {}", alpha, beta, name(a.dtype()));
  }
  y = scaled(y, alpha);
  if (c.has(2) && beta != 0) y = add(y, scaled(c.in(2), beta));
  c.set(0, y);
}

constexpr Operator kOperators[] = {
    {"Det", [](Call& c) { c.set(0, linalg::det(c.in(0))); }, 1, 1},
    {"MatMul", [](Call& c) { c.set(0, matmul(c.in(0), c.in(1))); }, 2, 2},
    {"Gemm", run_gemm, 2, 3},
    {"Einsum", [](Call& c) { c.set(0, einsum(c.text("equation", ""), c.all_inputs())); }, 1, kAnyNumber},
};

}  // namespace

std::span<const Operator> product_operators() { return kOperators; }

}  // namespace gradus::onnx
