// Adadelta. With the gradient g (negated to maximize), weight w, decay l:
//   g = g + l w;   v = rho v + (1 - rho) g^2;   d = sqrt(u + eps) / sqrt(v + eps) g
//   u = rho u + (1 - rho) d^2;   w = w - lr d
// Source: torch.optim.Adadelta, "Algorithm" of its documentation (PyTorch 2), after Zeiler: "ADADELTA: an
// adaptive learning rate method", arXiv 1212.5701.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/optim/adadelta.cc"
#include "gradus/optim/adadelta.h"

#include "gradus/optim/fused-inl.h"
#include "gradus/optim/fused_step.h"

#ifndef GRADUS_OPTIM_ADADELTA_ONCE
#define GRADUS_OPTIM_ADADELTA_ONCE
namespace gradus::kernels {
struct AdadeltaFactors {
  double sign, decay, rho;
  double fresh;  // 1 - rho
  double eps, lr;
};
}  // namespace gradus::kernels
#endif

GRADUS_SIMD_BEGIN

template <class T>
void adadelta(const AdadeltaFactors& f, void* const* a, std::int64_t n) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto set = [&](double x) HWY_ATTR { return hn::Set(d, static_cast<T>(x)); };
  const V sign = set(f.sign), decay = set(f.decay), rho = set(f.rho), fresh = set(f.fresh), eps = set(f.eps),
          lr = set(f.lr);
  const auto one = [&](V w, V g, V* s) GRADUS_FORMULA {
    g = decayed(g, w, sign, decay, f.decay != 0.0);
    s[0] = hn::MulAdd(hn::Mul(fresh, g), g, hn::Mul(rho, s[0]));
    const V step = hn::Mul(hn::Div(hn::Sqrt(hn::Add(s[1], eps)), hn::Sqrt(hn::Add(s[0], eps))), g);
    s[1] = hn::MulAdd(hn::Mul(fresh, step), step, hn::Mul(rho, s[1]));
    return hn::NegMulAdd(lr, step, w);
  };
  fused_pass<2, T>(a, n, one);
}
GRADUS_FUSED(adadelta, AdadeltaFactors)

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {
GRADUS_FUSED_EXPORT(adadelta)
}

namespace gradus::optim {

Adadelta::Options Adadelta::resolve(const Group& g, const Options& defaults) {
  return {.lr = g.lr.value_or(defaults.lr),
          .rho = g.rho.value_or(defaults.rho),
          .eps = g.eps.value_or(defaults.eps),
          .weight_decay = g.weight_decay.value_or(defaults.weight_decay),
          .maximize = g.maximize.value_or(defaults.maximize)};
}

std::vector<Optimizer::Option> Adadelta::table(Options& o) {
  return {{"lr", &o.lr, Range::not_negative},
          {"rho", &o.rho, Range::below_one},
          {"eps", &o.eps, Range::not_negative},
          {"weight_decay", &o.weight_decay, Range::not_negative},
          {"maximize", &o.maximize}};
}

unsigned Adadelta::slots(const Options&, const Tensor&) { return 3; }

void Adadelta::update(Location where) {
  fused_update("Adadelta::step", where, kernels::adadelta_kernels(),
               [this](std::size_t g, const ParamState&, bool) {
                 const Options& o = groups_[g];
                 return kernels::AdadeltaFactors{
                     o.maximize ? -1.0 : 1.0, o.weight_decay, o.rho, 1.0 - o.rho, o.eps, o.lr};
               });
}

std::span<const char* const> Adadelta::slot_names() const {
  static constexpr const char* kSlots[] = {"square_avg", "acc_delta"};
  return kSlots;
}

}  // namespace gradus::optim

#endif  // HWY_ONCE
