#include "gradus/nn/norm.h"

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/recording.h"
#include "gradus/nn/start.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/view.h"

namespace gradus::nn {
namespace {

const char* text_of(bool b) { return b ? "True" : "False"; }

void check_shape(const char* layer, const Shape& s, Location where) {
  if (s.rank() == 0)
    throw_error<ValueError>(where, layer, "normalized_shape is empty; it names one axis at least");
  for (const std::int64_t n : s) check_sizes(layer, {{"normalized_shape", n}}, where, 1);
}

void check_eps(const char* layer, double eps, Location where) {
  if (!(eps >= 0)) throw_error<ValueError>(where, layer, "eps is {}; it must not be negative", eps);
}

// What BatchNorm and InstanceNorm do alike.
template <class M, class Options>
void set_up(M& m, const Options& o, Location where) {
  const std::string layer = m.type_name();
  check_sizes(layer.c_str(), {{"num_features", m.num_features}}, where, 1);
  check_eps(layer.c_str(), o.eps, where);
  const double momentum = std::optional<double>(o.momentum).value_or(0);
  if (!(momentum >= 0 && momentum <= 1)) {
    throw_error<ValueError>(where, layer, "momentum is {}; it lies in [0, 1]", momentum);
  }
  const Shape list{m.num_features};
  if (o.affine) {
    m.weight = start_constant(list, 1, o.dtype, where);
    m.bias = start_constant(list, 0, o.dtype, where);
  }
  if (!o.track_running_stats) return;
  m.running_mean = zeros(list, o.dtype, where);
  m.running_var = ones(list, o.dtype, where);
  m.num_batches_tracked = zeros({}, DType::i64, where);
}

template <class M>
void reset(M& m) {
  if (!m.running_mean.defined()) return;
  const NoGrad guard;
  m.running_mean.fill_(0);
  m.running_var.fill_(1);
  m.num_batches_tracked.fill_(0);
}

// Counts a batch and gives the step of the running statistics.
template <int spatial>
double count_batch(const BatchNorm<spatial>& m) {
  const NoGrad guard;
  Tensor count = m.num_batches_tracked.share();
  const std::int64_t n = ++count.mutable_span<std::int64_t>()[0];
  return m.momentum.value_or(1.0 / static_cast<double>(n));
}

template <class M>
void check_channels(const M& m, const Tensor& x, int axis, Location where) {
  if (x.size(axis) == m.num_features) return;
  throw_error<ShapeError>(where, m.type_name(), "has {} features, the input {} on axis {}: {}",
                          m.num_features, x.size(axis), axis, describe(x));
}

template <class M>
std::string text_of(const M& m) {
  const std::optional<double> step = m.momentum;
  const std::string momentum = step.has_value() ? fmt::format("{}", *step) : "None";
  return fmt::format("{}, eps={}, momentum={}, affine={}, track_running_stats={}", m.num_features, m.eps,
                     momentum, text_of(m.weight.defined()), text_of(m.running_mean.defined()));
}

std::string text_of(const Shape& s) {
  std::string text = "(";
  for (int i = 0; i < s.rank(); ++i) text += fmt::format("{}{}", i == 0 ? "" : ", ", s[i]);
  return text + (s.rank() == 1 ? ",)" : ")");
}

}  // namespace

template <int spatial>
BatchNorm<spatial>::BatchNorm(std::int64_t num_features, const BatchNormLayerOptions& o, Location where)
    : num_features(num_features), eps(o.eps), momentum(o.momentum) {
  set_up(*this, o, where);
}

template <int spatial>
Tensor BatchNorm<spatial>::forward(Operand x) const {
  const Tensor t = Tensor::share(x.impl);
  if (t.rank() != spatial + 2 && !(spatial == 1 && t.rank() == 2)) {
    throw_error<ShapeError>(x.where, type_name(), "takes [N, C, {}]{}: {}",
                            spatial == 1   ? "L"
                            : spatial == 2 ? "H, W"
                                           : "D, H, W",
                            spatial == 1 ? " or [N, C]" : "", describe(t));
  }
  check_channels(*this, t, 1, x.where);
  const bool batch = training() || !running_mean.defined();
  if (!batch) {
    return batch_norm(x, running_mean, running_var, {.weight = weight, .bias = bias, .eps = eps});
  }
  // A batch without statistics is an error of batch_norm, and not counted.
  const bool follows = training() && running_mean.defined();
  if (follows && t.numel() <= num_features) {
    return batch_norm(x, {}, {}, {.weight = weight, .bias = bias, .training = true, .eps = eps});
  }
  const double step = follows ? count_batch(*this) : 0.0;
  return batch_norm(x, follows ? running_mean.share() : Tensor(), follows ? running_var.share() : Tensor(),
                    {.weight = weight, .bias = bias, .training = true, .momentum = step, .eps = eps});
}

template <int spatial>
void BatchNorm<spatial>::reset_running_stats() {
  reset(*this);
}

template <int spatial>
std::string BatchNorm<spatial>::type_name() const {
  return fmt::format("BatchNorm{}d", spatial);
}

template <int spatial>
std::string BatchNorm<spatial>::options_text() const {
  return text_of(*this);
}

template struct BatchNorm<1>;
template struct BatchNorm<2>;
template struct BatchNorm<3>;

template <int spatial>
InstanceNorm<spatial>::InstanceNorm(std::int64_t num_features, const InstanceNormLayerOptions& o,
                                    Location where)
    : num_features(num_features), eps(o.eps), momentum(o.momentum) {
  set_up(*this, o, where);
}

template <int spatial>
Tensor InstanceNorm<spatial>::forward(Operand x) const {
  const Tensor t = Tensor::share(x.impl);
  if (t.rank() != spatial + 2 && t.rank() != spatial + 1) {
    throw_error<ShapeError>(x.where, type_name(), "takes [N, C, {0}] or [C, {0}]: {1}",
                            spatial == 1   ? "L"
                            : spatial == 2 ? "H, W"
                                           : "D, H, W",
                            describe(t));
  }
  const bool batched = t.rank() == spatial + 2;
  check_channels(*this, t, batched ? 1 : 0, x.where);
  const bool own = training() || !running_mean.defined();
  const InstanceNormOptions o{.running_mean = running_mean.share(),
                              .running_var = running_var.share(),
                              .weight = weight.share(),
                              .bias = bias.share(),
                              .use_input_stats = own,
                              .momentum = momentum,
                              .eps = eps};
  if (batched) return instance_norm(x, o);
  return squeeze(Operand(instance_norm(Operand(unsqueeze(x, 0), x.where), o), x.where), 0);
}

template <int spatial>
void InstanceNorm<spatial>::reset_running_stats() {
  reset(*this);
}

template <int spatial>
std::string InstanceNorm<spatial>::type_name() const {
  return fmt::format("InstanceNorm{}d", spatial);
}

template <int spatial>
std::string InstanceNorm<spatial>::options_text() const {
  return text_of(*this);
}

template struct InstanceNorm<1>;
template struct InstanceNorm<2>;
template struct InstanceNorm<3>;

LayerNorm::LayerNorm(const Shape& normalized_shape, const LayerNormLayerOptions& o, Location where)
    : normalized_shape(normalized_shape), eps(o.eps) {
  check_shape("LayerNorm", normalized_shape, where);
  check_eps("LayerNorm", o.eps, where);
  if (!o.elementwise_affine) return;
  weight = start_constant(normalized_shape, 1, o.dtype, where);
  if (o.bias) bias = start_constant(normalized_shape, 0, o.dtype, where);
}

Tensor LayerNorm::forward(Operand x) const {
  return layer_norm(x, normalized_shape, {.weight = weight, .bias = bias, .eps = eps});
}

std::string LayerNorm::options_text() const {
  return fmt::format("{}, eps={}, elementwise_affine={}", text_of(normalized_shape), eps,
                     text_of(weight.defined()));
}

RMSNorm::RMSNorm(const Shape& normalized_shape, const RMSNormLayerOptions& o, Location where)
    : normalized_shape(normalized_shape), eps(o.eps) {
  check_shape("RMSNorm", normalized_shape, where);
  check_eps("RMSNorm", o.eps.value_or(0), where);
  if (o.elementwise_affine) weight = start_constant(normalized_shape, 1, o.dtype, where);
}

Tensor RMSNorm::forward(Operand x) const {
  return rms_norm(x, normalized_shape, {.weight = weight, .eps = eps});
}

std::string RMSNorm::options_text() const {
  return fmt::format("{}, eps={}, elementwise_affine={}", text_of(normalized_shape),
                     eps.has_value() ? fmt::format("{}", *eps) : "None", text_of(weight.defined()));
}

GroupNorm::GroupNorm(std::int64_t num_groups, std::int64_t num_channels, const GroupNormLayerOptions& o,
                     Location where)
    : num_groups(num_groups), num_channels(num_channels), eps(o.eps) {
  check_sizes("GroupNorm", {{"num_groups", num_groups}, {"num_channels", num_channels}}, where, 1);
  check_eps("GroupNorm", o.eps, where);
  if (num_channels % num_groups != 0) {
    throw_error<ValueError>(where, "GroupNorm", "{} groups do not divide {} channels", num_groups,
                            num_channels);
  }
  if (!o.affine) return;
  weight = start_constant({num_channels}, 1, o.dtype, where);
  bias = start_constant({num_channels}, 0, o.dtype, where);
}

Tensor GroupNorm::forward(Operand x) const {
  return group_norm(x, num_groups, {.weight = weight, .bias = bias, .eps = eps});
}

std::string GroupNorm::options_text() const {
  return fmt::format("{}, {}, eps={}, affine={}", num_groups, num_channels, eps, text_of(weight.defined()));
}

LocalResponseNorm::LocalResponseNorm(std::int64_t size, const LocalResponseNormOptions& options,
                                     Location where)
    : size(size), options(options) {
  check_sizes("LocalResponseNorm", {{"size", size}}, where, 1);
}

Tensor LocalResponseNorm::forward(Operand x) const { return local_response_norm(x, size, options); }

std::string LocalResponseNorm::options_text() const {
  return fmt::format("{}, alpha={}, beta={}, k={}", size, options.alpha, options.beta, options.k);
}

}  // namespace gradus::nn
