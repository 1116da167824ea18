// RAdam. With the gradient g of step t (negated to maximize), weight w, moments m and v, decay l:
//   g = g + l w, or with decoupled decay w = w (1 - lr l)
//   m = b1 m + (1 - b1) g;   v = b2 v + (1 - b2) g^2
//   R = 2 / (1 - b2) - 1;    r = R - 2 t b2^t / (1 - b2^t)
//   if r > 5:  w = w - lr / (1 - b1^t) m sqrt(1 - b2^t) / (sqrt(v) + eps)
//                       sqrt((r - 4) (r - 2) R / ((R - 4) (R - 2) r));    else  w = w - lr / (1 - b1^t) m
// Source: torch.optim.RAdam, "Algorithm" of its documentation (PyTorch 2) with epsilon where its code adds
// it, after Liu, Jiang, He et al.: "On the variance of the adaptive learning rate and beyond", ICLR 2020.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/optim/radam.cc"
#include "gradus/optim/radam.h"

#include "gradus/optim/fused-inl.h"
#include "gradus/optim/fused_step.h"

#ifndef GRADUS_OPTIM_RADAM_ONCE
#define GRADUS_OPTIM_RADAM_ONCE
namespace gradus::kernels {
struct RAdamFactors {
  double sign, decay;
  double keep;         // 1 - lr l where the decay is decoupled
  double new1;         // 1 - b1
  double beta2, new2;  // b2, 1 - b2
  double eps;
  double step;  // all that stands before m
  bool adaptive;
};
}  // namespace gradus::kernels
#endif

GRADUS_SIMD_BEGIN

template <class T>
void radam(const RAdamFactors& f, void* const* a, std::int64_t n) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto set = [&](double x) HWY_ATTR { return hn::Set(d, static_cast<T>(x)); };
  const V sign = set(f.sign), decay = set(f.decay), keep = set(f.keep), new1 = set(f.new1),
          beta2 = set(f.beta2), new2 = set(f.new2), eps = set(f.eps), step = set(f.step);
  const auto one = [&](V w, V g, V* s) GRADUS_FORMULA {
    g = decayed(g, w, sign, decay, f.decay != 0.0);
    s[0] = hn::MulAdd(new1, hn::Sub(g, s[0]), s[0]);
    s[1] = hn::MulAdd(hn::Mul(new2, g), g, hn::Mul(beta2, s[1]));
    const V direction = f.adaptive ? hn::Div(s[0], hn::Add(hn::Sqrt(s[1]), eps)) : s[0];
    return hn::NegMulAdd(step, direction, hn::Mul(keep, w));
  };
  fused_pass<2, T>(a, n, one);
}
GRADUS_FUSED(radam, RAdamFactors)

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {
GRADUS_FUSED_EXPORT(radam)
}

namespace gradus::optim {

RAdam::Options RAdam::resolve(const Group& g, const Options& defaults) {
  return {.lr = g.lr.value_or(defaults.lr),
          .betas = g.betas.value_or(defaults.betas),
          .eps = g.eps.value_or(defaults.eps),
          .weight_decay = g.weight_decay.value_or(defaults.weight_decay),
          .decoupled_weight_decay = g.decoupled_weight_decay.value_or(defaults.decoupled_weight_decay),
          .maximize = g.maximize.value_or(defaults.maximize)};
}

std::vector<Optimizer::Option> RAdam::table(Options& o) {
  return {{"lr", &o.lr, Range::not_negative},
          {"beta1", &o.betas[0], Range::below_one},
          {"beta2", &o.betas[1], Range::below_one},
          {"eps", &o.eps, Range::not_negative},
          {"weight_decay", &o.weight_decay, Range::not_negative},
          {"decoupled_weight_decay", &o.decoupled_weight_decay},
          {"maximize", &o.maximize}};
}

unsigned RAdam::slots(const Options&, const Tensor&) { return 3; }

void RAdam::update(Location where) {
  fused_update("RAdam::step", where, kernels::radam_kernels(),
               [this](std::size_t g, const ParamState& s, bool) {
                 const Options& o = groups_[g];
                 const double t = static_cast<double>(s.steps + 1);
                 const double power = std::pow(o.betas[1], t);
                 const double limit = 2.0 / (1.0 - o.betas[1]) - 1.0;
                 const double r = limit - 2.0 * t * power / (1.0 - power);
                 const bool adaptive = r > 5.0;
                 double step = o.lr / (1.0 - std::pow(o.betas[0], t));
                 if (adaptive) {
                   step *= std::sqrt(1.0 - power) *
                           std::sqrt((r - 4.0) * (r - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * r));
                 }
                 const bool apart = o.decoupled_weight_decay;
                 return kernels::RAdamFactors{o.maximize ? -1.0 : 1.0,
                                              apart ? 0.0 : o.weight_decay,
                                              apart ? 1.0 - o.lr * o.weight_decay : 1.0,
                                              1.0 - o.betas[0],
                                              o.betas[1],
                                              1.0 - o.betas[1],
                                              o.eps,
                                              step,
                                              adaptive};
               });
}

std::span<const char* const> RAdam::slot_names() const {
  static constexpr const char* kSlots[] = {"exp_avg", "exp_avg_sq"};
  return kSlots;
}

}  // namespace gradus::optim

#endif  // HWY_ONCE
