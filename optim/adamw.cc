// AdamW. As adam.cc, but the decay l acts on the weight and not through the gradient:
//   w = w (1 - lr l), then Adam's step with l = 0
// Source: torch.optim.AdamW, "Algorithm" of its documentation (PyTorch 2), after Loshchilov, Hutter:
// "Decoupled weight decay regularization", ICLR 2019, algorithm 2.
#include "gradus/optim/adamw.h"

#include "gradus/optim/adam_update.h"

namespace gradus::optim {

AdamW::AdamW(std::vector<Tensor> params, const Options& options, Location where) : GroupedOptimizer(options) {
  check_options(options, "AdamW", where);
  add_group({.params = std::move(params)}, where);
}

AdamW::AdamW(std::vector<Group> groups, const Options& defaults, Location where)
    : GroupedOptimizer(defaults) {
  check_options(defaults, "AdamW", where);
  for (Group& g : groups) add_group(std::move(g), where);
}

void AdamW::add_group(Group g, Location where) {
  const Options o{.lr = g.lr.value_or(defaults_.lr),
                  .betas = g.betas.value_or(defaults_.betas),
                  .eps = g.eps.value_or(defaults_.eps),
                  .weight_decay = g.weight_decay.value_or(defaults_.weight_decay),
                  .amsgrad = g.amsgrad.value_or(defaults_.amsgrad),
                  .maximize = g.maximize.value_or(defaults_.maximize)};
  add_resolved(std::move(g.params), o, "AdamW", where);
}

void AdamW::check_options(const Options& o, const char* op, Location where) const {
  check_adam(o.lr, o.betas, o.eps, o.weight_decay, op, where);
}

void AdamW::update(Location where) {
  for (std::size_t g = 0; g < members_.size(); ++g) {
    const Options& o = groups_[g];
    adam_update(
        {o.lr, o.betas[0], o.betas[1], o.eps, 1.0 - o.lr * o.weight_decay, 0.0, o.amsgrad, o.maximize},
        members_[g].params, members_[g].states, "AdamW::step", where);
  }
}

std::vector<Optimizer::Option> AdamW::options(std::size_t group) {
  Options& o = groups_[group];
  return {{"lr", &o.lr, nullptr},
          {"beta1", &o.betas[0], nullptr},
          {"beta2", &o.betas[1], nullptr},
          {"eps", &o.eps, nullptr},
          {"weight_decay", &o.weight_decay, nullptr},
          {"amsgrad", nullptr, &o.amsgrad},
          {"maximize", nullptr, &o.maximize}};
}

std::span<const char* const> AdamW::slot_names() const { return kAdamSlots; }

}  // namespace gradus::optim
