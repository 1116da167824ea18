// SGD. With the gradient g of step t (negated to maximize), weight w, momentum mu, dampening tau, decay l:
//   g = g + l w;   b = g where it is the first,  b = mu b + (1 - tau) g afterwards
//   d = b, or g + mu b with Nesterov, or g where mu = 0;   w = w - lr d
// Source: torch.optim.SGD, "Algorithm" of its documentation (PyTorch 2); Nesterov momentum after Sutskever,
// Martens, Dahl, Hinton: "On the importance of initialization and momentum in deep learning", ICML 2013.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/optim/sgd.cc"
#include "gradus/optim/sgd.h"

#include "gradus/base/parallel.h"
#include "gradus/ops/kernels/simd-inl.h"
#include "gradus/optim/check.h"
#include "gradus/optim/flat_update.h"
#include "gradus/optim/sgd_factors.h"

GRADUS_SIMD_BEGIN

// One pass; b may be null. kDecay: without decay w must not enter the gradient at all (0 * inf is NaN).
template <bool kDecay, class T>
void sgd_pass(const SgdFactors& f, T* HWY_RESTRICT w, const T* g, T* HWY_RESTRICT b, std::int64_t n) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto set = [&](double x) HWY_ATTR { return hn::Set(d, static_cast<T>(x)); };
  const V lr = set(f.lr), mu = set(f.momentum), keep = set(f.keep_gradient), decay = set(f.weight_decay),
          sign = set(f.sign);
  const auto one = [&](V weight, V gradient, V* buffer) HWY_ATTR {
    V x = hn::Mul(gradient, sign);
    if constexpr (kDecay) x = hn::MulAdd(decay, weight, x);
    if (buffer != nullptr) {
      *buffer = hn::MulAdd(mu, *buffer, hn::Mul(keep, x));
      x = f.nesterov ? hn::MulAdd(mu, *buffer, x) : *buffer;
    }
    return hn::NegMulAdd(lr, x, weight);
  };
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  if (b == nullptr) {
    for (; i + lanes <= n; i += lanes)
      hn::StoreU(one(hn::LoadU(d, w + i), hn::LoadU(d, g + i), nullptr), d, w + i);
  } else {
    for (; i + lanes <= n; i += lanes) {
      V buffer = hn::LoadU(d, b + i);
      hn::StoreU(one(hn::LoadU(d, w + i), hn::LoadU(d, g + i), &buffer), d, w + i);
      hn::StoreU(buffer, d, b + i);
    }
  }
  if (i == n) return;
  const std::size_t rest = static_cast<std::size_t>(n - i);
  V buffer = b != nullptr ? load_first(d, b + i, rest) : hn::Zero(d);
  const V weight =
      one(load_first(d, w + i, rest), load_first(d, g + i, rest), b != nullptr ? &buffer : nullptr);
  store_first(weight, d, w + i, rest);
  if (b != nullptr) store_first(buffer, d, b + i, rest);
}

template <class T>
void sgd_step(const SgdFactors& f, T* w, const T* g, T* b, std::int64_t n) {
  f.weight_decay != 0.0 ? sgd_pass<true>(f, w, g, b, n) : sgd_pass<false>(f, w, g, b, n);
}

void sgd_f32(const SgdFactors& f, float* w, const float* g, float* b, std::int64_t n) {
  sgd_step(f, w, g, b, n);
}
void sgd_f64(const SgdFactors& f, double* w, const double* g, double* b, std::int64_t n) {
  sgd_step(f, w, g, b, n);
}

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {
namespace {
GRADUS_EXPORT(sgd_f32);
GRADUS_EXPORT(sgd_f64);

void sgd(const SgdFactors& f, float* w, const float* g, float* b, std::int64_t n) {
  k_sgd_f32.get()(f, w, g, b, n);
}
void sgd(const SgdFactors& f, double* w, const double* g, double* b, std::int64_t n) {
  k_sgd_f64.get()(f, w, g, b, n);
}
}  // namespace
}  // namespace gradus::kernels

namespace gradus::optim {
namespace {

constexpr const char* kSlots[] = {"momentum_buffer"};

template <class T>
void step_one(const kernels::SgdFactors& f, const FlatUpdate& flat, const Tensor& buffer, std::int64_t n) {
  T* w = flat.weights<T>();
  const T* g = flat.gradient<T>();
  T* b = buffer.defined() ? static_cast<T*>(buffer.impl()->data) : nullptr;
  parallel_for(n, kUpdateGrain, [&](std::int64_t begin, std::int64_t end) {
    kernels::sgd(f, w + begin, g + begin, b != nullptr ? b + begin : nullptr, end - begin);
  });
}

}  // namespace

SGD::SGD(std::vector<Tensor> params, const Options& options, Location where) : GroupedOptimizer(options) {
  check_options(options, "SGD", where);
  add_group({.params = std::move(params)}, where);
}

SGD::SGD(std::vector<Group> groups, const Options& defaults, Location where) : GroupedOptimizer(defaults) {
  check_options(defaults, "SGD", where);
  for (Group& g : groups) add_group(std::move(g), where);
}

void SGD::add_group(Group g, Location where) {
  const Options o{.lr = g.lr.value_or(defaults_.lr),
                  .momentum = g.momentum.value_or(defaults_.momentum),
                  .dampening = g.dampening.value_or(defaults_.dampening),
                  .weight_decay = g.weight_decay.value_or(defaults_.weight_decay),
                  .nesterov = g.nesterov.value_or(defaults_.nesterov),
                  .maximize = g.maximize.value_or(defaults_.maximize)};
  add_resolved(std::move(g.params), o, "SGD", where);
}

void SGD::check_options(const Options& o, const char* op, Location where) const {
  require_not_negative(o.lr, "lr", op, where);
  require_not_negative(o.momentum, "momentum", op, where);
  require_not_negative(o.weight_decay, "weight_decay", op, where);
  if (!std::isfinite(o.dampening)) {
    throw_error<ValueError>(where, op, "dampening is {}; it must be a finite number", o.dampening);
  }
  if (o.nesterov && (o.momentum <= 0.0 || o.dampening != 0.0)) {
    throw_error<ValueError>(where, op, "nesterov needs momentum > 0 and dampening 0; they are {} and {}",
                            o.momentum, o.dampening);
  }
}

void SGD::update(Location where) {
  for (std::size_t g = 0; g < members_.size(); ++g) {
    const Options& o = groups_[g];
    for (std::size_t i = 0; i < members_[g].params.size(); ++i) {
      const Tensor& p = members_[g].params[i];
      if (!p.grad().defined()) continue;
      ParamState& s = members_[g].states[i];
      kernels::SgdFactors f{o.lr,      o.momentum, 1.0 - o.dampening, o.weight_decay, o.maximize ? -1.0 : 1.0,
                            o.nesterov};
      Tensor buffer;
      if (o.momentum != 0.0) {
        if (!s.slots[0].defined()) {
          s.slots[0] = zeros_as(p);
          f.keep_gradient = 1.0;  // the first gradient enters undamped
        }
        buffer = s.slots[0];
      }
      const FlatUpdate flat(p, "SGD::step", where);
      if (p.dtype() == DType::f32)
        step_one<float>(f, flat, buffer, p.numel());
      else
        step_one<double>(f, flat, buffer, p.numel());
      ++s.steps;
    }
  }
}

std::vector<Optimizer::Option> SGD::options(std::size_t group) {
  Options& o = groups_[group];
  return {{"lr", &o.lr, nullptr},
          {"momentum", &o.momentum, nullptr},
          {"dampening", &o.dampening, nullptr},
          {"weight_decay", &o.weight_decay, nullptr},
          {"nesterov", nullptr, &o.nesterov},
          {"maximize", nullptr, &o.maximize}};
}

std::span<const char* const> SGD::slot_names() const { return kSlots; }

}  // namespace gradus::optim

#endif  // HWY_ONCE
