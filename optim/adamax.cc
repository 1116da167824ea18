// Adamax. With the gradient g of step t (negated to maximize), weight w, moment m, decay l:
//   g = g + l w;   m = b1 m + (1 - b1) g;   u = max(b2 u, |g| + eps)
//   w = w - lr / (1 - b1^t) m / u
// Source: torch.optim.Adamax, "Algorithm" of its documentation (PyTorch 2), after Kingma, Ba: "Adam: a method
// for stochastic optimization", ICLR 2015, section 7.1.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/optim/adamax.cc"
#include "gradus/optim/adamax.h"

#include "gradus/optim/fused-inl.h"
#include "gradus/optim/fused_step.h"

#ifndef GRADUS_OPTIM_ADAMAX_ONCE
#define GRADUS_OPTIM_ADAMAX_ONCE
namespace gradus::kernels {
struct AdamaxFactors {
  double sign, decay;
  double new1;  // 1 - b1
  double beta2, eps;
  double step;  // lr / (1 - b1^t)
};
}  // namespace gradus::kernels
#endif

GRADUS_SIMD_BEGIN

template <class T>
void adamax(const AdamaxFactors& f, void* const* a, std::int64_t n) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto set = [&](double x) HWY_ATTR { return hn::Set(d, static_cast<T>(x)); };
  const V sign = set(f.sign), decay = set(f.decay), new1 = set(f.new1), beta2 = set(f.beta2),
          eps = set(f.eps), step = set(f.step);
  const auto one = [&](V w, V g, V* s) GRADUS_FORMULA {
    g = decayed(g, w, sign, decay, f.decay != 0.0);
    s[0] = hn::MulAdd(new1, hn::Sub(g, s[0]), s[0]);
    s[1] = max_or_nan(hn::Mul(beta2, s[1]), hn::Add(hn::Abs(g), eps));
    return hn::NegMulAdd(step, hn::Div(s[0], s[1]), w);
  };
  fused_pass<2, T>(a, n, one);
}
GRADUS_FUSED(adamax, AdamaxFactors)

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {
GRADUS_FUSED_EXPORT(adamax)
}

namespace gradus::optim {

Adamax::Options Adamax::resolve(const Group& g, const Options& defaults) {
  return {.lr = g.lr.value_or(defaults.lr),
          .betas = g.betas.value_or(defaults.betas),
          .eps = g.eps.value_or(defaults.eps),
          .weight_decay = g.weight_decay.value_or(defaults.weight_decay),
          .maximize = g.maximize.value_or(defaults.maximize)};
}

std::vector<Optimizer::Option> Adamax::table(Options& o) {
  return {{"lr", &o.lr, Range::not_negative},
          {"beta1", &o.betas[0], Range::below_one},
          {"beta2", &o.betas[1], Range::below_one},
          {"eps", &o.eps, Range::not_negative},
          {"weight_decay", &o.weight_decay, Range::not_negative},
          {"maximize", &o.maximize}};
}

unsigned Adamax::slots(const Options&, const Tensor&) { return 3; }

void Adamax::update(Location where) {
  fused_update("Adamax::step", where, kernels::adamax_kernels(),
               [this](std::size_t g, const ParamState& s, bool) {
                 const Options& o = groups_[g];
                 const double t = static_cast<double>(s.steps + 1);
                 return kernels::AdamaxFactors{o.maximize ? -1.0 : 1.0,
                                               o.weight_decay,
                                               1.0 - o.betas[0],
                                               o.betas[1],
                                               o.eps,
                                               o.lr / (1.0 - std::pow(o.betas[0], t))};
               });
}

std::span<const char* const> Adamax::slot_names() const {
  static constexpr const char* kSlots[] = {"exp_avg", "exp_inf"};
  return kSlots;
}

}  // namespace gradus::optim

#endif  // HWY_ONCE
