#include "gradus/docs/examples/lecture/curvature.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace gradus::lecture {

Hessian::Hessian(const std::function<Tensor(const Tensor& at)>& loss, const Tensor& at)
    : at_(at.clone_detached().requires_grad(true)) {
  gradient_ = grad(loss(at_), {at_}, {.create_graph = true})[0];
}

Tensor Hessian::times(const Tensor& v) const {
  return grad(gradient_, {at_}, {.retain_graph = true, .seeds = std::span(&v, 1)})[0];
}

double largest_eigenvalue(const Hessian& hessian, std::int64_t steps) {
  const NoGrad no_grad;
  const auto length = [](const Tensor& v) { return astype(norm(v), DType::f64).item<double>(); };
  Tensor v = normal({hessian.size()}, 0, 1, {.dtype = hessian.dtype()});
  v = v / length(v);
  std::vector<Tensor> basis;
  std::vector<double> diagonal, beside;
  for (std::int64_t i = 0; i < std::min(steps, hessian.size()); ++i) {
    basis.push_back(v);
    Tensor w = hessian.times(v);
    diagonal.push_back(astype(dot(w, v), DType::f64).item<double>());
    const Tensor all = stack(basis);  // [i + 1, P]
    for (int twice = 0; twice < 2; ++twice) w = w - mv(transpose(all, 0, 1), mv(all, w));
    const double rest = length(w);
    if (rest <= 1e-12 * std::abs(diagonal[0])) break;  // the basis spans all that v reaches
    beside.push_back(rest);
    v = w / rest;
  }
  const std::size_t n = diagonal.size();
  std::vector<double> matrix(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    matrix[i * n + i] = diagonal[i];
    if (i + 1 < n) matrix[i * n + i + 1] = matrix[(i + 1) * n + i] = beside[i];
  }
  const auto side = static_cast<std::int64_t>(n);
  return linalg::eigvalsh(tensor(matrix, {side, side})).to_vector<double>().back();
}

}  // namespace gradus::lecture
