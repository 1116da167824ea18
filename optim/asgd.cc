// ASGD. With the gradient g of step t (negated to maximize), weight w, its average ax, decay l:
//   eta = lr / (1 + lambd lr (t - 1))^alpha;   mu = 1 / max(1, t - 1 - t0)
//   g = g + l w;   w = (1 - lambd eta) w - eta g;   ax = ax + mu (w - ax)
// eta comes from the present lr; torch takes the lr of the step before, which differs where a schedule acts.
// Source: torch.optim.ASGD (PyTorch 2), after Polyak, Juditsky: "Acceleration of stochastic approximation by
// averaging", SIAM J. Control Optim. 30 (1992); the rates after Bottou: "Large-scale machine learning with
// stochastic gradient descent", COMPSTAT 2010.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/optim/asgd.cc"
#include "gradus/optim/asgd.h"

#include "gradus/optim/fused-inl.h"
#include "gradus/optim/fused_step.h"

#ifndef GRADUS_OPTIM_ASGD_ONCE
#define GRADUS_OPTIM_ASGD_ONCE
namespace gradus::kernels {
struct ASGDFactors {
  double sign, decay, eta;
  double keep;  // 1 - lambd eta
  double mu;
};
}  // namespace gradus::kernels
#endif

GRADUS_SIMD_BEGIN

template <class T>
void asgd(const ASGDFactors& f, void* const* a, std::int64_t n) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto set = [&](double x) HWY_ATTR { return hn::Set(d, static_cast<T>(x)); };
  const V sign = set(f.sign), decay = set(f.decay), eta = set(f.eta), keep = set(f.keep), mu = set(f.mu);
  const auto one = [&](V w, V g, V* s) GRADUS_FORMULA {
    g = decayed(g, w, sign, decay, f.decay != 0.0);
    const V next = hn::NegMulAdd(eta, g, hn::Mul(keep, w));
    s[0] = f.mu == 1.0 ? next : hn::MulAdd(mu, hn::Sub(next, s[0]), s[0]);
    return next;
  };
  fused_pass<1, T>(a, n, one);
}
GRADUS_FUSED(asgd, ASGDFactors)

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {
GRADUS_FUSED_EXPORT(asgd)
}

namespace gradus::optim {

ASGD::Options ASGD::resolve(const Group& g, const Options& defaults) {
  return {.lr = g.lr.value_or(defaults.lr),
          .lambd = g.lambd.value_or(defaults.lambd),
          .alpha = g.alpha.value_or(defaults.alpha),
          .t0 = g.t0.value_or(defaults.t0),
          .weight_decay = g.weight_decay.value_or(defaults.weight_decay),
          .maximize = g.maximize.value_or(defaults.maximize)};
}

std::vector<Optimizer::Option> ASGD::table(Options& o) {
  return {{"lr", &o.lr, Range::not_negative},
          {"lambd", &o.lambd, Range::not_negative},
          {"alpha", &o.alpha, Range::finite},
          {"t0", &o.t0, Range::not_negative},
          {"weight_decay", &o.weight_decay, Range::not_negative},
          {"maximize", &o.maximize}};
}

unsigned ASGD::slots(const Options&, const Tensor&) { return 1; }

void ASGD::update(Location where) {
  fused_update("ASGD::step", where, kernels::asgd_kernels(),
               [this](std::size_t g, const ParamState& s, bool) {
                 const Options& o = groups_[g];
                 const double before = static_cast<double>(s.steps);
                 const double eta = o.lr / std::pow(1.0 + o.lambd * o.lr * before, o.alpha);
                 return kernels::ASGDFactors{o.maximize ? -1.0 : 1.0, o.weight_decay, eta,
                                             1.0 - o.lambd * eta, 1.0 / std::max(1.0, before - o.t0)};
               });
}

std::span<const char* const> ASGD::slot_names() const {
  static constexpr const char* kSlots[] = {"ax"};
  return kSlots;
}

}  // namespace gradus::optim

#endif  // HWY_ONCE
