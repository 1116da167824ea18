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

#include "gradus/optim/adam_update.h"
#include "gradus/optim/fused-inl.h"

GRADUS_SIMD_BEGIN

template <class T>
void adam(const AdamFactors& f, void* const* a, std::int64_t n) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto set = [&](double x) HWY_ATTR { return hn::Set(d, static_cast<T>(x)); };
  const V sign = set(f.sign), decay = set(f.decay), keep = set(f.keep), new1 = set(f.new1),
          beta2 = set(f.beta2), new2 = set(f.new2), root_scale = set(f.root_scale), eps = set(f.eps),
          step = set(f.step);
  const auto one = [&](V w, V g, V* s) GRADUS_FORMULA {
    g = decayed(g, w, sign, decay, f.decay != 0.0);
    s[0] = hn::MulAdd(new1, hn::Sub(g, s[0]), s[0]);
    s[1] = hn::MulAdd(hn::Mul(new2, g), g, hn::Mul(beta2, s[1]));
    V u = s[1];
    if (a[4] != nullptr) {
      // A NaN of v must stay one.
      s[2] = hn::IfThenElse(hn::IsNaN(u), u, hn::Max(s[2], u));
      u = s[2];
    }
    const V root = hn::MulAdd(hn::Sqrt(u), root_scale, eps);
    return hn::NegMulAdd(step, hn::Div(s[0], root), hn::Mul(keep, w));
  };
  a[4] != nullptr ? fused_pass<3, T>(a, n, one) : fused_pass<2, T>(a, n, one);
}
GRADUS_FUSED(adam, AdamFactors)

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {
GRADUS_FUSED_EXPORT(adam)
}

namespace gradus::optim {

FusedKernels adam_update_kernels() { return kernels::adam_kernels(); }

kernels::AdamFactors adam_factors(const AdamSettings& o, std::int64_t step) {
  const double t = static_cast<double>(step);
  return {o.maximize ? -1.0 : 1.0,
          o.decay,
          o.keep,
          1.0 - o.beta1,
          o.beta2,
          1.0 - o.beta2,
          1.0 / std::sqrt(1.0 - std::pow(o.beta2, t)),
          o.eps,
          o.lr / (1.0 - std::pow(o.beta1, t))};
}

Adam::Options Adam::resolve(const Group& g, const Options& defaults) { return resolve_adam(g, defaults); }

std::vector<Optimizer::Option> Adam::table(Options& o) { return adam_table<Option>(o); }

unsigned Adam::slots(const Options& o, const Tensor&) { return adam_slots(o.amsgrad); }

void Adam::update(Location where) {
  fused_update("Adam::step", where, adam_update_kernels(), [this](std::size_t g, const ParamState& s, bool) {
    const Options& o = groups_[g];
    return adam_factors({o.lr, o.betas[0], o.betas[1], o.eps, 1.0, o.weight_decay, o.maximize}, s.steps + 1);
  });
}

std::span<const char* const> Adam::slot_names() const { return kAdamSlots; }

}  // namespace gradus::optim

#endif  // HWY_ONCE
