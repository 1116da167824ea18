// RMSprop. With the gradient g (negated to maximize), weight w, momentum mu, decay l:
//   g = g + l w;   v = a v + (1 - a) g^2;   u = v, or centered:  c = c + (1 - a) (g - c),  u = v - c^2
//   d = g / (sqrt(u) + eps);   with momentum  b = mu b + d,  w = w - lr b;   else  w = w - lr d
// Source: torch.optim.RMSprop, "Algorithm" of its documentation (PyTorch 2), after Tieleman, Hinton: "Lecture
// 6.5, RMSProp", Coursera 2012; centered after Graves: "Generating sequences with recurrent neural networks",
// arXiv 1308.0850.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/optim/rmsprop.cc"
#include "gradus/optim/rmsprop.h"

#include "gradus/optim/fused-inl.h"
#include "gradus/optim/fused_step.h"

#ifndef GRADUS_OPTIM_RMSPROP_ONCE
#define GRADUS_OPTIM_RMSPROP_ONCE
namespace gradus::kernels {
struct RMSpropFactors {
  double sign, decay, lr, alpha;
  double fresh;  // 1 - alpha
  double eps, momentum;
};
}  // namespace gradus::kernels
#endif

GRADUS_SIMD_BEGIN

template <class T>
void rmsprop(const RMSpropFactors& f, void* const* a, std::int64_t n) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto set = [&](double x) HWY_ATTR { return hn::Set(d, static_cast<T>(x)); };
  const V sign = set(f.sign), decay = set(f.decay), lr = set(f.lr), alpha = set(f.alpha),
          fresh = set(f.fresh), eps = set(f.eps), momentum = set(f.momentum);
  const auto one = [&](V w, V g, V* s) GRADUS_FORMULA {
    g = decayed(g, w, sign, decay, f.decay != 0.0);
    s[0] = hn::MulAdd(hn::Mul(fresh, g), g, hn::Mul(alpha, s[0]));
    V u = s[0];
    if (a[4] != nullptr) {
      s[2] = hn::MulAdd(fresh, hn::Sub(g, s[2]), s[2]);
      u = hn::NegMulAdd(s[2], s[2], u);
    }
    V step = hn::Div(g, hn::Add(hn::Sqrt(u), eps));
    if (a[3] != nullptr) {
      s[1] = hn::MulAdd(momentum, s[1], step);
      step = s[1];
    }
    return hn::NegMulAdd(lr, step, w);
  };
  fused_pass<3, T>(a, n, one);
}
GRADUS_FUSED(rmsprop, RMSpropFactors)

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {
GRADUS_FUSED_EXPORT(rmsprop)
}

namespace gradus::optim {

RMSprop::Options RMSprop::resolve(const Group& g, const Options& defaults) {
  return {.lr = g.lr.value_or(defaults.lr),
          .alpha = g.alpha.value_or(defaults.alpha),
          .eps = g.eps.value_or(defaults.eps),
          .weight_decay = g.weight_decay.value_or(defaults.weight_decay),
          .momentum = g.momentum.value_or(defaults.momentum),
          .centered = g.centered.value_or(defaults.centered),
          .maximize = g.maximize.value_or(defaults.maximize)};
}

std::vector<Optimizer::Option> RMSprop::table(Options& o) {
  return {{"lr", &o.lr, Range::not_negative},
          {"alpha", &o.alpha, Range::below_one},
          {"eps", &o.eps, Range::not_negative},
          {"weight_decay", &o.weight_decay, Range::not_negative},
          {"momentum", &o.momentum, Range::not_negative},
          {"centered", &o.centered},
          {"maximize", &o.maximize}};
}

unsigned RMSprop::slots(const Options& o, const Tensor&) {
  return 1U | (o.momentum != 0.0 ? 2U : 0U) | (o.centered ? 4U : 0U);
}

void RMSprop::update(Location where) {
  fused_update("RMSprop::step", where, kernels::rmsprop_kernels(),
               [this](std::size_t g, const ParamState&, bool) {
                 const Options& o = groups_[g];
                 return kernels::RMSpropFactors{o.maximize ? -1.0 : 1.0, o.weight_decay, o.lr,      o.alpha,
                                                1.0 - o.alpha,           o.eps,          o.momentum};
               });
}

std::span<const char* const> RMSprop::slot_names() const {
  static constexpr const char* kSlots[] = {"square_avg", "momentum_buffer", "grad_avg"};
  return kSlots;
}

}  // namespace gradus::optim

#endif  // HWY_ONCE
