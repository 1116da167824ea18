// One step of the family of Adam on one parameter, fused. Internal to optim/; defined in adam.cc.
#pragma once

#include "gradus/optim/optimizer.h"

namespace gradus::kernels {

struct AdamFactors {
  double sign, decay, keep;
  double new1;         // 1 - b1
  double beta2, new2;  // b2, 1 - b2
  double root_scale;   // 1 / sqrt(1 - b2^t)
  double eps;
  double step;  // lr / (1 - b1^t)
};

template <class T>
struct AdamArrays {
  T* w;
  const T* g;
  T* m;
  T* v;
  T* most;  // AMSGrad's largest v, or null
};

}  // namespace gradus::kernels

namespace gradus::optim {

inline constexpr const char* kAdamSlots[] = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"};

// The hyper-parameters of a group; `keep` scales the weight before the step, `decay` times the weight is
// added to the gradient.
struct AdamSettings {
  double lr;
  double beta1, beta2;
  double eps;
  double keep;
  double decay;
  bool amsgrad;
  bool maximize;
};

// Steps every parameter that has a gradient; `writer` is a string literal.
void adam_update(const AdamSettings& settings, std::span<const Tensor> params, std::span<ParamState> states,
                 const char* writer, Location where);

// Shared by the options of Adam and AdamW. Errors: ValueError.
void check_adam(double lr, const std::array<double, 2>& betas, double eps, double weight_decay,
                const char* op, Location where);

}  // namespace gradus::optim
