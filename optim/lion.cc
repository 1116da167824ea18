// Lion. With the gradient g (negated to maximize), weight w, moment m, decay l:
//   c = b1 m + (1 - b1) g;   w = w (1 - lr l) - lr sign(c);   m = b2 m + (1 - b2) g
// Source: Chen, Liang, Huang et al.: "Symbolic discovery of optimization algorithms", NeurIPS 2023,
// algorithm 2. PyTorch has no Lion; names and defaults are those of the paper's appendix, without decay.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/optim/lion.cc"
#include "gradus/optim/lion.h"

#include "gradus/optim/fused-inl.h"
#include "gradus/optim/fused_step.h"

#ifndef GRADUS_OPTIM_LION_ONCE
#define GRADUS_OPTIM_LION_ONCE
namespace gradus::kernels {
struct LionFactors {
  double sign;
  double keep;        // 1 - lr l
  double new1, new2;  // 1 - b1, 1 - b2
  double lr;
};
}  // namespace gradus::kernels
#endif

GRADUS_SIMD_BEGIN

template <class T>
void lion(const LionFactors& f, void* const* a, std::int64_t n) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto set = [&](double x) HWY_ATTR { return hn::Set(d, static_cast<T>(x)); };
  const V sign = set(f.sign), keep = set(f.keep), new1 = set(f.new1), new2 = set(f.new2), lr = set(f.lr);
  const auto one = [&](V w, V g, V* s) GRADUS_FORMULA {
    g = hn::Mul(g, sign);
    const V change = hn::Sub(g, s[0]);
    const V c = hn::MulAdd(new1, change, s[0]);
    s[0] = hn::MulAdd(new2, change, s[0]);
    return hn::NegMulAdd(lr, sign_of(d, c), hn::Mul(keep, w));
  };
  fused_pass<1, T>(a, n, one);
}
GRADUS_FUSED(lion, LionFactors)

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {
GRADUS_FUSED_EXPORT(lion)
}

namespace gradus::optim {

Lion::Options Lion::resolve(const Group& g, const Options& defaults) {
  return {.lr = g.lr.value_or(defaults.lr),
          .betas = g.betas.value_or(defaults.betas),
          .weight_decay = g.weight_decay.value_or(defaults.weight_decay),
          .maximize = g.maximize.value_or(defaults.maximize)};
}

std::vector<Optimizer::Option> Lion::table(Options& o) {
  return {{"lr", &o.lr, Range::not_negative},
          {"beta1", &o.betas[0], Range::below_one},
          {"beta2", &o.betas[1], Range::below_one},
          {"weight_decay", &o.weight_decay, Range::not_negative},
          {"maximize", &o.maximize}};
}

unsigned Lion::slots(const Options&, const Tensor&) { return 1; }

void Lion::update(Location where) {
  fused_update("Lion::step", where, kernels::lion_kernels(), [this](std::size_t g, const ParamState&, bool) {
    const Options& o = groups_[g];
    return kernels::LionFactors{o.maximize ? -1.0 : 1.0, 1.0 - o.lr * o.weight_decay, 1.0 - o.betas[0],
                                1.0 - o.betas[1], o.lr};
  });
}

std::span<const char* const> Lion::slot_names() const {
  static constexpr const char* kSlots[] = {"exp_avg"};
  return kSlots;
}

}  // namespace gradus::optim

#endif  // HWY_ONCE
