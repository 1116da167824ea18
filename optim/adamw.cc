// AdamW. As adam.cc, but the decay l acts on the weight and not through the gradient:
//   w = w (1 - lr l), then Adam's step with l = 0
// Source: torch.optim.AdamW, "Algorithm" of its documentation (PyTorch 2), after Loshchilov, Hutter:
// "Decoupled weight decay regularization", ICLR 2019, algorithm 2.
#include "gradus/optim/adamw.h"

#include "gradus/optim/adam_update.h"

namespace gradus::optim {

AdamW::Options AdamW::resolve(const Group& g, const Options& defaults) {
  return {.lr = g.lr.value_or(defaults.lr),
          .betas = g.betas.value_or(defaults.betas),
          .eps = g.eps.value_or(defaults.eps),
          .weight_decay = g.weight_decay.value_or(defaults.weight_decay),
          .amsgrad = g.amsgrad.value_or(defaults.amsgrad),
          .maximize = g.maximize.value_or(defaults.maximize)};
}

std::vector<Optimizer::Option> AdamW::table(Options& o) {
  return {{"lr", &o.lr, Range::not_negative},
          {"beta1", &o.betas[0], Range::below_one},
          {"beta2", &o.betas[1], Range::below_one},
          {"eps", &o.eps, Range::not_negative},
          {"weight_decay", &o.weight_decay, Range::not_negative},
          {"amsgrad", &o.amsgrad},
          {"maximize", &o.maximize}};
}

unsigned AdamW::slots(const Options& o, const Tensor&) { return o.amsgrad ? 7 : 3; }

void AdamW::update(Location where) {
  fused_update("AdamW::step", where, adam_update_kernels(), [this](std::size_t g, const ParamState& s, bool) {
    const Options& o = groups_[g];
    return adam_factors({o.lr, o.betas[0], o.betas[1], o.eps, 1.0 - o.lr * o.weight_decay, 0.0, o.maximize},
                        s.steps + 1);
  });
}

std::span<const char* const> AdamW::slot_names() const { return kAdamSlots; }

}  // namespace gradus::optim
