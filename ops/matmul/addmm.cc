// addmm: beta input + alpha (a b).
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/matmul/composite.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

Tensor scaled(const Operand& x, double factor) {
  if (factor == 1) return Tensor::share(x.impl);
  // A whole number is one for integer tensors too.
  const auto whole = static_cast<std::int64_t>(factor);
  return static_cast<double>(whole) == factor ? mul(x, whole) : mul(x, factor);
}

}  // namespace

Tensor addmm(Operand input, Operand a, Operand b, AddmmOptions options) {
  require_rank(a, 2, "addmm", "a", "takes matrices");
  require_rank(b, 2, "addmm", "b", "takes matrices");
  require_numbers(a, b, "addmm", "a", "b");
  require_numbers(input, a, "addmm", "input", "a");
  const Tensor x = tensor_of(input);
  const std::int64_t n = a.impl->dims()[0], inner = a.impl->dims()[1], p = b.impl->dims()[1];
  if (inner != b.impl->dims()[0]) {
    throw_error<ShapeError>(input.where, "addmm", "inner sizes differ: a {}, b {}: {} and {}",
                            describe(*a.impl), describe(*b.impl), inner, b.impl->dims()[0]);
  }
  const Shape shape = x.shape();
  bool fits = shape.rank() <= 2;
  for (int k = 1; fits && k <= shape.rank(); ++k) {
    const std::int64_t size = shape[shape.rank() - k];
    fits = size == 1 || size == (k == 1 ? p : n);
  }
  if (!fits) {
    throw_error<ShapeError>(input.where, "addmm",
                            "input {} does not broadcast to the product's shape [{}, {}]", describe(x), n, p);
  }
  const Tensor product = matmul(a, b);
  Tensor y = scaled(Operand(product, input.where), options.alpha);
  if (options.beta == 0) return y;
  return add(Operand(scaled(input, options.beta), input.where), Operand(y, input.where));
}

}  // namespace gradus
