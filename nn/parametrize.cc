#include "gradus/nn/parametrize.h"

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/random.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus::nn::parametrize_internal {
namespace {

struct At {
  Location where;
  Operand operator()(const Tensor& t) const { return {t, where}; }
};

// [outputs, everything else].
Tensor as_matrix(const Tensor& weight, std::int64_t dim, const At& at) {
  const Tensor first = dim == 0 ? weight : movedim(at(weight), dim, 0);
  return reshape(at(first), {first.size(0), first.numel() / std::max<std::int64_t>(first.size(0), 1)});
}

}  // namespace

std::int64_t checked_axis(const char* what, const Tensor& weight, std::int64_t dim, Location where) {
  if (dim < -weight.rank() || dim >= weight.rank()) {
    throw_error<ShapeError>(where, what, "dim {} is not an axis of the weight {}", dim, describe(weight));
  }
  return dim < 0 ? dim + weight.rank() : dim;
}

Tensor norm_except(const Tensor& v, std::optional<std::int64_t> dim, Location where) {
  const At at{where};
  if (!dim.has_value()) return norm(at(v), 2);
  Dims others;
  for (int i = 0; i < v.rank(); ++i) {
    if (i != *dim) others.push_back(i);
  }
  // No axes would stand for all of them.
  if (others.empty()) return abs(at(v));
  return norm(at(v), 2, others, /*keepdim=*/true);
}

Tensor weight_norm(const Tensor& v, const Tensor& g, std::optional<std::int64_t> dim, Location where) {
  const At at{where};
  return mul(at(v), at(div(at(g), at(norm_except(v, dim, where)))));
}

void check_spectral(const Spectral& s, const Tensor& weight, Location where) {
  if (s.n_power_iterations < 1) {
    throw_error<ValueError>(where, "SpectralNorm", "n_power_iterations is {}; it must be 1 at least",
                            s.n_power_iterations);
  }
  if (!(s.eps >= 0))
    throw_error<ValueError>(where, "SpectralNorm", "eps is {}; it must not be negative", s.eps);
  if (weight.numel() == 0) {
    throw_error<ValueError>(where, "SpectralNorm", "the weight {} has no elements", describe(weight));
  }
}

void start_vectors(const Spectral& s, const Tensor& weight, Buffer& u, Buffer& v, Location where) {
  if (weight.rank() < 2) return;  // a list is divided by its norm
  const NoGrad guard;
  const At at{where};
  const Tensor m = as_matrix(weight.detach(), s.dim, at);
  const auto start = [&](std::int64_t n) {
    return normalize(at(normal({n}, 0, 1, {.dtype = weight.dtype()}, where)), 2, 0, s.eps);
  };
  u = start(m.size(0));
  v = start(m.size(1));
  constexpr int kFirstSteps = 15;  // as in PyTorch
  iterate(s, weight, u.share(), v.share(), kFirstSteps, where);
}

void iterate(const Spectral& s, const Tensor& weight, const Tensor& u, const Tensor& v, int steps,
             Location where) {
  if (!u.defined()) return;
  const NoGrad guard;
  const At at{where};
  const Tensor m = as_matrix(weight.detach(), s.dim, at);
  const Tensor mt = transpose(at(m), 0, 1);
  Tensor left = u, right = v;
  for (int i = 0; i < steps; ++i) {
    left.copy_(normalize(at(mv(at(m), at(right))), 2, 0, s.eps), where);
    right.copy_(normalize(at(mv(at(mt), at(left))), 2, 0, s.eps), where);
  }
}

Tensor spectral_norm(const Spectral& s, const Tensor& weight, const Tensor& u, const Tensor& v,
                     Location where) {
  const At at{where};
  if (!u.defined()) return normalize(at(weight), 2, 0, s.eps);
  // The graph keeps copies: the next call in training changes u and v.
  const Tensor left = u.clone_detached(), right = v.clone_detached();
  const Tensor sigma = dot(at(left), at(mv(at(as_matrix(weight, s.dim, at)), at(right))));
  return div(at(weight), at(sigma));
}

}  // namespace gradus::nn::parametrize_internal
