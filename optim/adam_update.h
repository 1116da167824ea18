// What Adam and its relatives share: the factors of a step and the kernel that takes them. Internal to
// optim/; defined in adam.cc.
#pragma once

#include "gradus/optim/fused_step.h"

namespace gradus::kernels {

struct AdamFactors {
  double sign, decay, keep;
  double new1;         // 1 - b1
  double beta2, new2;  // b2, 1 - b2
  double root_scale;   // 1 / sqrt(1 - b2^t)
  double eps;
  double step;  // lr / (1 - b1^t)
};

}  // namespace gradus::kernels

namespace gradus::optim {

inline constexpr const char* kAdamSlots[] = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"};

// The options of Adam and AdamW have the same names and domains; only what weight_decay does differs.
template <class Options, class Group>
Options resolve_adam(const Group& g, const Options& defaults) {
  return {.lr = g.lr.value_or(defaults.lr),
          .betas = g.betas.value_or(defaults.betas),
          .eps = g.eps.value_or(defaults.eps),
          .weight_decay = g.weight_decay.value_or(defaults.weight_decay),
          .amsgrad = g.amsgrad.value_or(defaults.amsgrad),
          .maximize = g.maximize.value_or(defaults.maximize)};
}

template <class Option, class Options>
std::vector<Option> adam_table(Options& o) {
  return {{"lr", &o.lr, Range::not_negative},
          {"beta1", &o.betas[0], Range::below_one},
          {"beta2", &o.betas[1], Range::below_one},
          {"eps", &o.eps, Range::not_negative},
          {"weight_decay", &o.weight_decay, Range::not_negative},
          {"amsgrad", &o.amsgrad},
          {"maximize", &o.maximize}};
}

inline unsigned adam_slots(bool amsgrad) { return amsgrad ? 7 : 3; }

// The hyper-parameters of a group; `keep` scales the weight before the step, `decay` times the weight is
// added to the gradient.
struct AdamSettings {
  double lr;
  double beta1, beta2;
  double eps;
  double keep;
  double decay;
  bool maximize;
};

// Of step t = 1, 2, ... of a parameter. The kernel's slots are those of kAdamSlots; the third one, where it
// is there, is AMSGrad's.
kernels::AdamFactors adam_factors(const AdamSettings& settings, std::int64_t step);
FusedKernels adam_update_kernels();

}  // namespace gradus::optim
