// Parametrisations: modules whose weight is computed from other parameters at each call.
//   nn::WeightNorm fc(nn::Linear(3, 4));        y = fc(x);        fc.weight();
// They wrap Linear, Conv, ConvTranspose, Embedding and every module of yours that has a Parameter `weight`
// and a function with_weight(x, w). Names of parameters are those of torch.nn.utils.parametrizations. A copy
// is deep. What they wrap is no module of its own to hooks, named_modules() and train(), so with_weight()
// must not ask training().
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <utility>

#include "gradus/nn/conv.h"
#include "gradus/nn/unary_module.h"

namespace gradus::nn {

template <class M>
concept Weighted = std::derived_from<M, Module> &&
    requires(const M& m, M& changed, Operand x, const Tensor& w) {
  { m.with_weight(x, w) } -> std::convertible_to<Tensor>;
  { (changed.weight) } -> std::same_as<Parameter&>;
};

namespace parametrize_internal {

// The norm of v over all axes but `dim`, those with size 1; over all axes, a scalar, without one.
Tensor norm_except(const Tensor& v, std::optional<std::int64_t> dim, Location where);
Tensor weight_norm(const Tensor& v, const Tensor& g, std::optional<std::int64_t> dim, Location where);
std::int64_t checked_axis(const char* what, const Tensor& weight, std::int64_t dim, Location where);

struct Spectral {
  int n_power_iterations;
  double eps;
  std::int64_t dim;
};
void check_spectral(const Spectral& s, const Tensor& weight, Location where);
void start_vectors(const Spectral& s, const Tensor& weight, Buffer& u, Buffer& v, Location where);
// Steps of the power iteration on u and v, in place.
void iterate(const Spectral& s, const Tensor& weight, const Tensor& u, const Tensor& v, int steps,
             Location where);
Tensor spectral_norm(const Spectral& s, const Tensor& weight, const Tensor& u, const Tensor& v,
                     Location where);

template <class M>
inline constexpr std::int64_t output_axis = 0;
template <int spatial>
inline constexpr std::int64_t output_axis<ConvTranspose<spatial>> = 1;

template <class M>
std::string text_of(const M& m) {
  return m.type_name() + "(" + m.options_text() + ")";
}

}  // namespace parametrize_internal

// weight = g v / |v| with a norm for each index of the axis `dim`, or one for all. T. Salimans, D. Kingma:
// "Weight normalization", 2016. It starts as the layer is.
template <Weighted M>
struct WeightNorm : UnaryModule {
  Parameter g;  // original0: the norms
  Parameter v;  // original1: the directions
  M layer;      // its own weight is undefined

  // Errors: ShapeError for an axis out of range.
  explicit WeightNorm(M m, std::optional<std::int64_t> dim = 0, Location where = Location::current())
      : layer(std::move(m)), dim(dim), text_(parametrize_internal::text_of(layer)) {
    v = std::move(layer.weight);
    layer.weight = Parameter();
    if (dim.has_value()) this->dim = parametrize_internal::checked_axis("WeightNorm", v, *dim, where);
    g = Parameter(parametrize_internal::norm_except(v.detach(), this->dim, where), where);
  }

  Tensor weight(Location where = Location::current()) const {
    return parametrize_internal::weight_norm(v, g, dim, where);
  }
  // The layer with the weight that it has at present, as an ordinary parameter.
  M unwrap() const {
    M m = layer;
    m.weight = Parameter(weight().clone_detached());
    return m;
  }
  Tensor forward(Operand x) const override {
    const Tensor w = weight(x.where);
    return layer.with_weight(x, w);
  }
  void visit_members(MemberVisitor& visitor) override {
    layer.visit_members(visitor);
    visitor.member("parametrizations.weight.original0", g);
    visitor.member("parametrizations.weight.original1", v);
  }
  std::string type_name() const override { return "WeightNorm"; }
  std::string options_text() const override { return text_; }

  std::optional<std::int64_t> dim;

 private:
  std::string text_;
};

struct SpectralNormOptions {
  int n_power_iterations = 1;
  double eps = 1e-12;
  // The axis of the weight's outputs: 0, for a ConvTranspose 1.
  std::optional<std::int64_t> dim = std::nullopt;
};

// weight = original / sigma, sigma its largest singular value as a matrix, by the power iteration: each call
// in training makes n_power_iterations steps on the buffers u and v, so that no other thread may use the
// module meanwhile; the gradient takes u and v as constants. T. Miyato et al.: "Spectral normalization for
// generative adversarial networks", 2018.
template <Weighted M>
struct SpectralNorm : UnaryModule {
  Parameter original;
  Buffer u, v;  // left and right singular vector; saved
  M layer;      // its own weight is undefined

  // Errors: ValueError for n_power_iterations < 1 or a negative eps; ShapeError for an axis out of range.
  explicit SpectralNorm(M m, const SpectralNormOptions& o = {}, Location where = Location::current())
      : layer(std::move(m)),
        settings_{o.n_power_iterations, o.eps, o.dim.value_or(parametrize_internal::output_axis<M>)},
        text_(parametrize_internal::text_of(layer)) {
    original = std::move(layer.weight);
    layer.weight = Parameter();
    parametrize_internal::check_spectral(settings_, original, where);
    settings_.dim = parametrize_internal::checked_axis("SpectralNorm", original, settings_.dim, where);
    parametrize_internal::start_vectors(settings_, original, u, v, where);
  }

  // Without a step of the power iteration.
  Tensor weight(Location where = Location::current()) const {
    return parametrize_internal::spectral_norm(settings_, original, u.share(), v.share(), where);
  }
  M unwrap() const {
    M m = layer;
    m.weight = Parameter(weight().clone_detached());
    return m;
  }
  Tensor forward(Operand x) const override {
    if (training()) {
      parametrize_internal::iterate(settings_, original, u.share(), v.share(), settings_.n_power_iterations,
                                    x.where);
    }
    const Tensor w = weight(x.where);
    return layer.with_weight(x, w);
  }
  void visit_members(MemberVisitor& visitor) override {
    layer.visit_members(visitor);
    visitor.member("parametrizations.weight.original", original);
    visitor.member("parametrizations.weight.0._u", u);
    visitor.member("parametrizations.weight.0._v", v);
  }
  std::string type_name() const override { return "SpectralNorm"; }
  std::string options_text() const override { return text_; }

 private:
  parametrize_internal::Spectral settings_;
  std::string text_;
};

// The same as functions, with PyTorch's names.
template <Weighted M>
WeightNorm<M> weight_norm(M m, std::optional<std::int64_t> dim = 0, Location where = Location::current()) {
  return WeightNorm<M>(std::move(m), dim, where);
}
template <Weighted M>
SpectralNorm<M> spectral_norm(M m, const SpectralNormOptions& options = {},
                              Location where = Location::current()) {
  return SpectralNorm<M>(std::move(m), options, where);
}

}  // namespace gradus::nn
