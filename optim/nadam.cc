// NAdam. With the gradient g of step t (negated to maximize), weight w, moments m and v, decay l, momentum
// decay psi, mu_t = b1 (1 - 0.96^(t psi) / 2), and P_t the product of mu_1 to mu_t:
//   g = g + l w, or with decoupled decay w = w (1 - lr l)
//   m = b1 m + (1 - b1) g;   v = b2 v + (1 - b2) g^2
//   w = w - lr ((1 - mu_t) / (1 - P_t) g + mu_{t+1} / (1 - P_{t+1}) m) / (sqrt(v / (1 - b2^t)) + eps)
// Source: torch.optim.NAdam, "Algorithm" of its documentation (PyTorch 2), after Dozat: "Incorporating
// Nesterov momentum into Adam", ICLR 2016 workshop.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/optim/nadam.cc"
#include "gradus/optim/nadam.h"

#include "gradus/optim/fused-inl.h"
#include "gradus/optim/fused_step.h"

#ifndef GRADUS_OPTIM_NADAM_ONCE
#define GRADUS_OPTIM_NADAM_ONCE
namespace gradus::kernels {
struct NAdamFactors {
  double sign, decay;
  double keep;         // 1 - lr l where the decay is decoupled
  double new1;         // 1 - b1
  double beta2, new2;  // b2, 1 - b2
  double root_scale;   // 1 / sqrt(1 - b2^t)
  double eps;
  double of_gradient, of_moment;  // what stands before g and m, with lr
};
}  // namespace gradus::kernels
#endif

GRADUS_SIMD_BEGIN

template <class T>
void nadam(const NAdamFactors& f, void* const* a, std::int64_t n) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto set = [&](double x) HWY_ATTR { return hn::Set(d, static_cast<T>(x)); };
  const V sign = set(f.sign), decay = set(f.decay), keep = set(f.keep), new1 = set(f.new1),
          beta2 = set(f.beta2), new2 = set(f.new2), root_scale = set(f.root_scale), eps = set(f.eps),
          of_gradient = set(f.of_gradient), of_moment = set(f.of_moment);
  const auto one = [&](V w, V g, V* s) GRADUS_FORMULA {
    g = decayed(g, w, sign, decay, f.decay != 0.0);
    s[0] = hn::MulAdd(new1, hn::Sub(g, s[0]), s[0]);
    s[1] = hn::MulAdd(hn::Mul(new2, g), g, hn::Mul(beta2, s[1]));
    const V root = hn::MulAdd(hn::Sqrt(s[1]), root_scale, eps);
    const V step = hn::MulAdd(of_moment, s[0], hn::Mul(of_gradient, g));
    return hn::Sub(hn::Mul(keep, w), hn::Div(step, root));
  };
  fused_pass<2, T>(a, n, one);
}
GRADUS_FUSED(nadam, NAdamFactors)

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {
GRADUS_FUSED_EXPORT(nadam)
}

namespace gradus::optim {

NAdam::Options NAdam::resolve(const Group& g, const Options& defaults) {
  return {.lr = g.lr.value_or(defaults.lr),
          .betas = g.betas.value_or(defaults.betas),
          .eps = g.eps.value_or(defaults.eps),
          .weight_decay = g.weight_decay.value_or(defaults.weight_decay),
          .momentum_decay = g.momentum_decay.value_or(defaults.momentum_decay),
          .decoupled_weight_decay = g.decoupled_weight_decay.value_or(defaults.decoupled_weight_decay),
          .maximize = g.maximize.value_or(defaults.maximize)};
}

std::vector<Optimizer::Option> NAdam::table(Options& o) {
  return {{"lr", &o.lr, Range::not_negative},
          {"beta1", &o.betas[0], Range::below_one},
          {"beta2", &o.betas[1], Range::below_one},
          {"eps", &o.eps, Range::not_negative},
          {"weight_decay", &o.weight_decay, Range::not_negative},
          {"momentum_decay", &o.momentum_decay, Range::not_negative},
          {"decoupled_weight_decay", &o.decoupled_weight_decay},
          {"maximize", &o.maximize}};
}

unsigned NAdam::slots(const Options&, const Tensor&) { return 3; }

void NAdam::update(Location where) {
  fused_update("NAdam::step", where, kernels::nadam_kernels(), [this](std::size_t g, ParamState& s, bool) {
    const Options& o = groups_[g];
    const double t = static_cast<double>(s.steps + 1);
    const auto mu = [&](double step) {
      return o.betas[0] * (1.0 - 0.5 * std::pow(0.96, step * o.momentum_decay));
    };
    const double next = mu(t + 1);
    s.product *= mu(t);
    const bool apart = o.decoupled_weight_decay;
    return kernels::NAdamFactors{o.maximize ? -1.0 : 1.0,
                                 apart ? 0.0 : o.weight_decay,
                                 apart ? 1.0 - o.lr * o.weight_decay : 1.0,
                                 1.0 - o.betas[0],
                                 o.betas[1],
                                 1.0 - o.betas[1],
                                 1.0 / std::sqrt(1.0 - std::pow(o.betas[1], t)),
                                 o.eps,
                                 o.lr * (1.0 - mu(t)) / (1.0 - s.product),
                                 o.lr * next / (1.0 - s.product * next)};
  });
}

std::span<const char* const> NAdam::slot_names() const {
  static constexpr const char* kSlots[] = {"exp_avg", "exp_avg_sq"};
  return kSlots;
}

}  // namespace gradus::optim

#endif  // HWY_ONCE
