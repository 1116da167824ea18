// Adagrad. With the gradient g of step t (negated to maximize), weight w, decay l, and s, which begins with
// initial_accumulator_value:
//   g = g + l w;   s = s + g^2;   w = w - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)
// Source: torch.optim.Adagrad, "Algorithm" of its documentation (PyTorch 2), after Duchi, Hazan, Singer:
// "Adaptive subgradient methods for online learning and stochastic optimization", JMLR 12 (2011).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/optim/adagrad.cc"
#include "gradus/optim/adagrad.h"

#include "gradus/optim/fused-inl.h"
#include "gradus/optim/fused_step.h"

#ifndef GRADUS_OPTIM_ADAGRAD_ONCE
#define GRADUS_OPTIM_ADAGRAD_ONCE
namespace gradus::kernels {
struct AdagradFactors {
  double sign, decay, eps;
  double step;  // lr / (1 + (t - 1) lr_decay)
};
}  // namespace gradus::kernels
#endif

GRADUS_SIMD_BEGIN

template <class T>
void adagrad(const AdagradFactors& f, void* const* a, std::int64_t n) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto set = [&](double x) HWY_ATTR { return hn::Set(d, static_cast<T>(x)); };
  const V sign = set(f.sign), decay = set(f.decay), eps = set(f.eps), step = set(f.step);
  const auto one = [&](V w, V g, V* s) GRADUS_FORMULA {
    g = decayed(g, w, sign, decay, f.decay != 0.0);
    s[0] = hn::MulAdd(g, g, s[0]);
    return hn::NegMulAdd(step, hn::Div(g, hn::Add(hn::Sqrt(s[0]), eps)), w);
  };
  fused_pass<1, T>(a, n, one);
}
GRADUS_FUSED(adagrad, AdagradFactors)

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {
GRADUS_FUSED_EXPORT(adagrad)
}

namespace gradus::optim {

Adagrad::Options Adagrad::resolve(const Group& g, const Options& defaults) {
  return {
      .lr = g.lr.value_or(defaults.lr),
      .lr_decay = g.lr_decay.value_or(defaults.lr_decay),
      .weight_decay = g.weight_decay.value_or(defaults.weight_decay),
      .initial_accumulator_value = g.initial_accumulator_value.value_or(defaults.initial_accumulator_value),
      .eps = g.eps.value_or(defaults.eps),
      .maximize = g.maximize.value_or(defaults.maximize)};
}

std::vector<Optimizer::Option> Adagrad::table(Options& o) {
  return {{"lr", &o.lr, Range::not_negative},
          {"lr_decay", &o.lr_decay, Range::not_negative},
          {"weight_decay", &o.weight_decay, Range::not_negative},
          {"initial_accumulator_value", &o.initial_accumulator_value, Range::not_negative},
          {"eps", &o.eps, Range::not_negative},
          {"maximize", &o.maximize}};
}

unsigned Adagrad::slots(const Options&, const Tensor&) { return 1; }

void Adagrad::update(Location where) {
  fused_update(
      "Adagrad::step", where, kernels::adagrad_kernels(),
      [this](std::size_t g, const ParamState& s, bool) {
        const Options& o = groups_[g];
        return kernels::AdagradFactors{o.maximize ? -1.0 : 1.0, o.weight_decay, o.eps,
                                       o.lr / (1.0 + static_cast<double>(s.steps) * o.lr_decay)};
      },
      [this](std::size_t g, std::size_t) { return groups_[g].initial_accumulator_value; });
}

std::span<const char* const> Adagrad::slot_names() const {
  static constexpr const char* kSlots[] = {"sum"};
  return kSlots;
}

}  // namespace gradus::optim

#endif  // HWY_ONCE
