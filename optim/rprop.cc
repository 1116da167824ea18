// Rprop. With the gradient g (negated to maximize), the one before p (at first 0), a step size h for each
// weight w (at first lr):
//   h = min(max(h e, step_sizes[0]), step_sizes[1]),  e = etas[1] where g p > 0, etas[0] where g p < 0, else
//   1 g = 0 where g p < 0;   w = w - h sign(g);   p = g
// Source: torch.optim.Rprop, "Algorithm" of its documentation (PyTorch 2), after Riedmiller, Braun: "A direct
// adaptive method for faster backpropagation learning: the RPROP algorithm", ICNN 1993.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/optim/rprop.cc"
#include "gradus/optim/rprop.h"

#include "gradus/optim/fused-inl.h"
#include "gradus/optim/fused_step.h"

#ifndef GRADUS_OPTIM_RPROP_ONCE
#define GRADUS_OPTIM_RPROP_ONCE
namespace gradus::kernels {
struct RpropFactors {
  double sign, shrink, grow, least, most;
};
}  // namespace gradus::kernels
#endif

GRADUS_SIMD_BEGIN

template <class T>
void rprop(const RpropFactors& f, void* const* a, std::int64_t n) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto set = [&](double x) HWY_ATTR { return hn::Set(d, static_cast<T>(x)); };
  const V sign = set(f.sign), shrink = set(f.shrink), grow = set(f.grow), least = set(f.least),
          most = set(f.most);
  const auto one = [&](V w, V g, V* s) GRADUS_FORMULA {
    g = hn::Mul(g, sign);
    const V zero = hn::Zero(d), product = hn::Mul(g, s[0]);
    const auto turned = hn::Lt(product, zero);
    // A NaN stays one.
    V change = hn::IfThenElse(hn::Eq(product, zero), set(1.0), product);
    change = hn::IfThenElse(hn::Gt(product, zero), grow, change);
    change = hn::IfThenElse(turned, shrink, change);
    const V size = hn::Mul(s[1], change);
    s[1] = hn::IfThenElse(hn::IsNaN(size), size, hn::Min(hn::Max(size, least), most));
    s[0] = hn::IfThenElse(turned, zero, g);
    return hn::NegMulAdd(sign_of(d, s[0]), s[1], w);
  };
  fused_pass<2, T>(a, n, one);
}
GRADUS_FUSED(rprop, RpropFactors)

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {
GRADUS_FUSED_EXPORT(rprop)
}

namespace gradus::optim {

Rprop::Options Rprop::resolve(const Group& g, const Options& defaults) {
  return {.lr = g.lr.value_or(defaults.lr),
          .etas = g.etas.value_or(defaults.etas),
          .step_sizes = g.step_sizes.value_or(defaults.step_sizes),
          .maximize = g.maximize.value_or(defaults.maximize)};
}

std::vector<Optimizer::Option> Rprop::table(Options& o) {
  return {{"lr", &o.lr, Range::not_negative},
          {"etaminus", &o.etas[0], Range::positive},
          {"etaplus", &o.etas[1], Range::positive},
          {"step_size_min", &o.step_sizes[0], Range::not_negative},
          {"step_size_max", &o.step_sizes[1], Range::not_negative},
          {"maximize", &o.maximize}};
}

unsigned Rprop::slots(const Options&, const Tensor&) { return 3; }

void Rprop::check_options(const Options& o, const char* op, Location where) {
  if (!(o.etas[0] < 1.0 && o.etas[1] > 1.0)) {
    throw_error<ValueError>(where, op, "etas are {} and {}; the first must be < 1, the second > 1", o.etas[0],
                            o.etas[1]);
  }
  if (o.step_sizes[0] > o.step_sizes[1]) {
    throw_error<ValueError>(where, op, "step_sizes are {} and {}; the first must not be above the second",
                            o.step_sizes[0], o.step_sizes[1]);
  }
}

void Rprop::update(Location where) {
  fused_update(
      "Rprop::step", where, kernels::rprop_kernels(),
      [this](std::size_t g, const ParamState&, bool) {
        const Options& o = groups_[g];
        return kernels::RpropFactors{o.maximize ? -1.0 : 1.0, o.etas[0], o.etas[1], o.step_sizes[0],
                                     o.step_sizes[1]};
      },
      [this](std::size_t g, std::size_t slot) { return slot == 1 ? groups_[g].lr : 0.0; });
}

std::span<const char* const> Rprop::slot_names() const {
  static constexpr const char* kSlots[] = {"prev", "step_size"};
  return kSlots;
}

}  // namespace gradus::optim

#endif  // HWY_ONCE
