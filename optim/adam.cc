// Adam. With the gradient g of step t (negated to maximize), weight w, moments m and v, decay l:
//   g = g + l w;   m = b1 m + (1 - b1) g;   v = b2 v + (1 - b2) g^2
//   u = v, or with AMSGrad the largest v so far, elementwise
//   w = w - lr / (1 - b1^t) m / (sqrt(u / (1 - b2^t)) + eps)
// Epsilon is added outside the root, after the bias correction. t counts the steps of this parameter alone.
// Source: torch.optim.Adam, "Algorithm" of its documentation (PyTorch 2), after Kingma, Ba: "Adam: a method
// for stochastic optimization", ICLR 2015; AMSGrad after Reddi, Kale, Kumar: "On the convergence of Adam and
// beyond", ICLR 2018 (there without bias correction).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/optim/adam.cc"
#include "gradus/optim/adam.h"

#include "gradus/base/parallel.h"
#include "gradus/ops/kernels/simd-inl.h"
#include "gradus/optim/adam_update.h"
#include "gradus/optim/check.h"
#include "gradus/optim/flat_update.h"

GRADUS_SIMD_BEGIN

// kDecay: without decay w must not enter the gradient at all (0 * inf is NaN).
template <bool kDecay, bool kMost, class T>
void adam_pass(const AdamFactors& f, const AdamArrays<T>& a, std::int64_t n) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto set = [&](double x) HWY_ATTR { return hn::Set(d, static_cast<T>(x)); };
  const V sign = set(f.sign), decay = set(f.decay), keep = set(f.keep), new1 = set(f.new1),
          beta2 = set(f.beta2), new2 = set(f.new2), root_scale = set(f.root_scale), eps = set(f.eps),
          step = set(f.step);
  const auto one = [&](V w, V g, V& m, V& v, V& most) HWY_ATTR {
    g = hn::Mul(g, sign);
    if constexpr (kDecay) g = hn::MulAdd(decay, w, g);
    m = hn::MulAdd(new1, hn::Sub(g, m), m);
    v = hn::MulAdd(hn::Mul(new2, g), g, hn::Mul(beta2, v));
    V u = v;
    if constexpr (kMost) {
      // A NaN of v must stay one: Max may return either operand.
      most = hn::IfThenElse(hn::IsNaN(v), v, hn::Max(most, v));
      u = most;
    }
    const V root = hn::MulAdd(hn::Sqrt(u), root_scale, eps);
    return hn::NegMulAdd(step, hn::Div(m, root), hn::Mul(keep, w));
  };
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    V m = hn::LoadU(d, a.m + i), v = hn::LoadU(d, a.v + i), most = v;
    if constexpr (kMost) most = hn::LoadU(d, a.most + i);
    const V w = one(hn::LoadU(d, a.w + i), hn::LoadU(d, a.g + i), m, v, most);
    hn::StoreU(w, d, a.w + i);
    hn::StoreU(m, d, a.m + i);
    hn::StoreU(v, d, a.v + i);
    if constexpr (kMost) hn::StoreU(most, d, a.most + i);
  }
  if (i == n) return;
  const std::size_t rest = static_cast<std::size_t>(n - i);
  V m = load_first(d, a.m + i, rest), v = load_first(d, a.v + i, rest), most = v;
  if constexpr (kMost) most = load_first(d, a.most + i, rest);
  const V w = one(load_first(d, a.w + i, rest), load_first(d, a.g + i, rest), m, v, most);
  store_first(w, d, a.w + i, rest);
  store_first(m, d, a.m + i, rest);
  store_first(v, d, a.v + i, rest);
  if constexpr (kMost) store_first(most, d, a.most + i, rest);
}

template <class T>
void adam_step(const AdamFactors& f, const AdamArrays<T>& a, std::int64_t n) {
  if (f.decay != 0.0) {
    a.most != nullptr ? adam_pass<true, true>(f, a, n) : adam_pass<true, false>(f, a, n);
  } else {
    a.most != nullptr ? adam_pass<false, true>(f, a, n) : adam_pass<false, false>(f, a, n);
  }
}

void adam_f32(const AdamFactors& f, const AdamArrays<float>& a, std::int64_t n) { adam_step(f, a, n); }
void adam_f64(const AdamFactors& f, const AdamArrays<double>& a, std::int64_t n) { adam_step(f, a, n); }

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {
namespace {
GRADUS_EXPORT(adam_f32);
GRADUS_EXPORT(adam_f64);

void adam(const AdamFactors& f, const AdamArrays<float>& a, std::int64_t n) { k_adam_f32.get()(f, a, n); }
void adam(const AdamFactors& f, const AdamArrays<double>& a, std::int64_t n) { k_adam_f64.get()(f, a, n); }
}  // namespace
}  // namespace gradus::kernels

namespace gradus::optim {
namespace {

template <class T>
T* data_or_null(const Tensor& t) {
  return t.defined() ? static_cast<T*>(t.impl()->data) : nullptr;
}

template <class T>
void step_one(const kernels::AdamFactors& f, const FlatUpdate& flat, const ParamState& s, bool amsgrad,
              std::int64_t n) {
  const kernels::AdamArrays<T> a{flat.weights<T>(), flat.gradient<T>(), data_or_null<T>(s.slots[0]),
                                 data_or_null<T>(s.slots[1]),
                                 amsgrad ? data_or_null<T>(s.slots[2]) : nullptr};
  parallel_for(n, kUpdateGrain, [&](std::int64_t begin, std::int64_t end) {
    kernels::adam(
        f, {a.w + begin, a.g + begin, a.m + begin, a.v + begin, a.most != nullptr ? a.most + begin : nullptr},
        end - begin);
  });
}

}  // namespace

void adam_update(const AdamSettings& o, std::span<const Tensor> params, std::span<ParamState> states,
                 const char* writer, Location where) {
  kernels::AdamFactors f{.sign = o.maximize ? -1.0 : 1.0,
                         .decay = o.decay,
                         .keep = o.keep,
                         .new1 = 1.0 - o.beta1,
                         .beta2 = o.beta2,
                         .new2 = 1.0 - o.beta2,
                         .root_scale = 1.0,
                         .eps = o.eps,
                         .step = o.lr};
  std::int64_t corrected_for = 0;  // mostly all parameters are at the same step
  for (std::size_t i = 0; i < params.size(); ++i) {
    const Tensor& p = params[i];
    if (!p.grad().defined()) continue;
    ParamState& s = states[i];
    for (int k = 0; k < (o.amsgrad ? 3 : 2); ++k) {
      if (!s.slots[k].defined()) s.slots[k] = zeros_as(p);
    }
    const FlatUpdate flat(p, writer, where);
    ++s.steps;
    if (s.steps != corrected_for) {
      const double t = static_cast<double>(s.steps);
      f.step = o.lr / (1.0 - std::pow(o.beta1, t));
      f.root_scale = 1.0 / std::sqrt(1.0 - std::pow(o.beta2, t));
      corrected_for = s.steps;
    }
    if (p.dtype() == DType::f32)
      step_one<float>(f, flat, s, o.amsgrad, p.numel());
    else
      step_one<double>(f, flat, s, o.amsgrad, p.numel());
  }
}

void check_adam(double lr, const std::array<double, 2>& betas, double eps, double weight_decay,
                const char* op, Location where) {
  require_not_negative(lr, "lr", op, where);
  require_below_one(betas[0], "betas[0]", op, where);
  require_below_one(betas[1], "betas[1]", op, where);
  require_not_negative(eps, "eps", op, where);
  require_not_negative(weight_decay, "weight_decay", op, where);
}

Adam::Adam(std::vector<Tensor> params, const Options& options, Location where) : GroupedOptimizer(options) {
  check_options(options, "Adam", where);
  add_group({.params = std::move(params)}, where);
}

Adam::Adam(std::vector<Group> groups, const Options& defaults, Location where) : GroupedOptimizer(defaults) {
  check_options(defaults, "Adam", where);
  for (Group& g : groups) add_group(std::move(g), where);
}

void Adam::add_group(Group g, Location where) {
  const Options o{.lr = g.lr.value_or(defaults_.lr),
                  .betas = g.betas.value_or(defaults_.betas),
                  .eps = g.eps.value_or(defaults_.eps),
                  .weight_decay = g.weight_decay.value_or(defaults_.weight_decay),
                  .amsgrad = g.amsgrad.value_or(defaults_.amsgrad),
                  .maximize = g.maximize.value_or(defaults_.maximize)};
  add_resolved(std::move(g.params), o, "Adam", where);
}

void Adam::check_options(const Options& o, const char* op, Location where) const {
  check_adam(o.lr, o.betas, o.eps, o.weight_decay, op, where);
}

void Adam::update(Location where) {
  for (std::size_t g = 0; g < members_.size(); ++g) {
    const Options& o = groups_[g];
    adam_update({o.lr, o.betas[0], o.betas[1], o.eps, 1.0, o.weight_decay, o.amsgrad, o.maximize},
                members_[g].params, members_[g].states, "Adam::step", where);
  }
}

std::vector<Optimizer::Option> Adam::options(std::size_t group) {
  Options& o = groups_[group];
  return {{"lr", &o.lr, nullptr},
          {"beta1", &o.betas[0], nullptr},
          {"beta2", &o.betas[1], nullptr},
          {"eps", &o.eps, nullptr},
          {"weight_decay", &o.weight_decay, nullptr},
          {"amsgrad", nullptr, &o.amsgrad},
          {"maximize", nullptr, &o.maximize}};
}

std::span<const char* const> Adam::slot_names() const { return kAdamSlots; }

}  // namespace gradus::optim

#endif  // HWY_ONCE
