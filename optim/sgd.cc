// SGD. With the gradient g of step t (negated to maximize), weight w, momentum mu, dampening tau, decay l:
//   g = g + l w;   b = g where it is the first,  b = mu b + (1 - tau) g afterwards
//   d = b, or g + mu b with Nesterov, or g where mu = 0;   w = w - lr d
// Source: torch.optim.SGD, "Algorithm" of its documentation (PyTorch 2); Nesterov momentum after Sutskever,
// Martens, Dahl, Hinton: "On the importance of initialization and momentum in deep learning", ICML 2013.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/optim/sgd.cc"
#include "gradus/optim/sgd.h"

#include "gradus/optim/fused-inl.h"
#include "gradus/optim/fused_step.h"

#ifndef GRADUS_OPTIM_SGD_ONCE
#define GRADUS_OPTIM_SGD_ONCE
namespace gradus::kernels {
struct SGDFactors {
  double sign, decay, lr, momentum;
  double keep;  // 1 - dampening; 1 for the first gradient
  bool nesterov;
};
}  // namespace gradus::kernels
#endif

GRADUS_SIMD_BEGIN

template <class T>
void sgd(const SGDFactors& f, void* const* a, std::int64_t n) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto set = [&](double x) HWY_ATTR { return hn::Set(d, static_cast<T>(x)); };
  const V sign = set(f.sign), decay = set(f.decay), lr = set(f.lr), momentum = set(f.momentum),
          keep = set(f.keep);
  const auto one = [&](V w, V g, V* s) GRADUS_FORMULA {
    g = decayed(g, w, sign, decay, f.decay != 0.0);
    if (a[2] != nullptr) {
      s[0] = hn::MulAdd(momentum, s[0], hn::Mul(keep, g));
      g = f.nesterov ? hn::MulAdd(momentum, s[0], g) : s[0];
    }
    return hn::NegMulAdd(lr, g, w);
  };
  a[2] != nullptr ? fused_pass<1, T>(a, n, one) : fused_pass<0, T>(a, n, one);
}
GRADUS_FUSED(sgd, SGDFactors)

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {
GRADUS_FUSED_EXPORT(sgd)
}

namespace gradus::optim {

SGD::Options SGD::resolve(const Group& g, const Options& defaults) {
  return {.lr = g.lr.value_or(defaults.lr),
          .momentum = g.momentum.value_or(defaults.momentum),
          .dampening = g.dampening.value_or(defaults.dampening),
          .weight_decay = g.weight_decay.value_or(defaults.weight_decay),
          .nesterov = g.nesterov.value_or(defaults.nesterov),
          .maximize = g.maximize.value_or(defaults.maximize)};
}

std::vector<Optimizer::Option> SGD::table(Options& o) {
  return {{"lr", &o.lr, Range::not_negative},
          {"momentum", &o.momentum, Range::not_negative},
          {"dampening", &o.dampening, Range::finite},
          {"weight_decay", &o.weight_decay, Range::not_negative},
          {"nesterov", &o.nesterov},
          {"maximize", &o.maximize}};
}

unsigned SGD::slots(const Options& o, const Tensor&) { return o.momentum != 0.0 ? 1 : 0; }

void SGD::check_options(const Options& o, const char* op, Location where) {
  if (o.nesterov && (o.momentum <= 0.0 || o.dampening != 0.0)) {
    throw_error<ValueError>(where, op, "nesterov needs momentum > 0 and dampening 0; they are {} and {}",
                            o.momentum, o.dampening);
  }
}

void SGD::update(Location where) {
  fused_update("SGD::step", where, kernels::sgd_kernels(),
               [this](std::size_t g, const ParamState&, bool fresh) {
                 const Options& o = groups_[g];
                 // The first gradient enters undamped.
                 return kernels::SGDFactors{o.maximize ? -1.0 : 1.0,         o.weight_decay, o.lr, o.momentum,
                                            fresh ? 1.0 : 1.0 - o.dampening, o.nesterov};
               });
}

std::span<const char* const> SGD::slot_names() const {
  static constexpr const char* kSlots[] = {"momentum_buffer"};
  return kSlots;
}

}  // namespace gradus::optim

#endif  // HWY_ONCE
