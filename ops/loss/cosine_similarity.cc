// cosine_similarity: x1 x2 / (max(|x1|, eps) max(|x2|, eps)) along an axis. Put together from ops that bring
// its derivative; a vector of zeros has the norm's derivative 0.
#include "gradus/graph/describe.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/loss/compose.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus {

Tensor cosine_similarity(Operand x1, Operand x2, std::int64_t dim, double eps) {
  constexpr const char* kOp = "cosine_similarity";
  const At at{x1.where};
  Tensor a = held(x1), b = held(x2);
  for (const auto& [name, x] : {NamedTensor{"x1", a}, {"x2", b}}) {
    if (!is_floating(x.dtype())) {
      throw_error<DtypeError>(at.where, kOp,
                              "takes floating-point numbers: {} {}; convert it with astype(x, DType::f32)",
                              name, describe(x));
    }
  }
  const Tensor product = mul(at(a), at(b));
  require_axis(product, dim, "the product", kOp, at.where);
  if (a.shape() != product.shape()) a = expand(at(a), product.shape());
  if (b.shape() != product.shape()) b = expand(at(b), product.shape());
  const auto size = [&](const Tensor& x) { return maximum(at(euclidean_norm(x, dim, false, at)), eps); };
  return div(at(sum(at(product), dim)), at(mul(at(size(a)), at(size(b)))));
}

}  // namespace gradus
