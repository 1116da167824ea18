// AdamW. As adam.cc, but the decay l acts on the weight and not through the gradient:
//   w = w (1 - lr l), then Adam's step with l = 0
// Source: torch.optim.AdamW, "Algorithm" of its documentation (PyTorch 2), after Loshchilov, Hutter:
// "Decoupled weight decay regularization", ICLR 2019, algorithm 2.
#include "gradus/optim/adamw.h"

#include "gradus/optim/adam_update.h"

namespace gradus::optim {

AdamW::Options AdamW::resolve(const Group& g, const Options& defaults) { return resolve_adam(g, defaults); }

std::vector<Optimizer::Option> AdamW::table(Options& o) { return adam_table<Option>(o); }

unsigned AdamW::slots(const Options& o, const Tensor&) { return adam_slots(o.amsgrad); }

void AdamW::update(Location where) {
  fused_update("AdamW::step", where, adam_update_kernels(), [this](std::size_t g, const ParamState& s, bool) {
    const Options& o = groups_[g];
    return adam_factors({o.lr, o.betas[0], o.betas[1], o.eps, 1.0 - o.lr * o.weight_decay, 0.0, o.maximize},
                        s.steps + 1);
  });
}

std::span<const char* const> AdamW::slot_names() const { return kAdamSlots; }

}  // namespace gradus::optim
