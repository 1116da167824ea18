// Lookahead. With fast weights w, which the inner optimizer steps, and slow weights s (at first w):
//   every k steps:  s = s + alpha (w - s);   w = s
// The inner optimizer's state stays as it is.
// Source: Zhang, Lucas, Hinton, Ba: "Lookahead optimizer: k steps forward, 1 step back", NeurIPS 2019,
// algorithm 1 with the defaults of its section 5. PyTorch has none.
#include "gradus/optim/lookahead.h"

#include <fmt/format.h>

#include "gradus/base/format.h"
#include "gradus/graph/state_entries.h"
#include "gradus/optim/weights.h"

namespace gradus::optim {

Lookahead::Lookahead(Optimizer& inner, const LookaheadOptions& options, Location where)
    : inner_(&inner), options_(options) {
  if (options.k < 1) throw_error<ValueError>(where, "Lookahead", "k is {}; it must be >= 1", options.k);
  if (!(options.alpha >= 0.0 && options.alpha <= 1.0)) {
    throw_error<ValueError>(where, "Lookahead", "alpha is {}; it must be >= 0 and <= 1", options.alpha);
  }
  take_new_groups();
}

void Lookahead::take_new_groups() {
  for (std::size_t g = slow_.size(); g < inner_->group_count(); ++g) {
    std::vector<Tensor> slow;
    for (const Tensor& p : inner_->params(g)) slow.push_back(p.clone_detached());
    slow_.push_back(std::move(slow));
  }
}

void Lookahead::step(Location where) {
  take_new_groups();
  inner_->step(where);
  if (++steps_ % options_.k != 0) return;
  const double alpha = options_.alpha;
  for (std::size_t g = 0; g < slow_.size(); ++g) {
    for (std::size_t i = 0; i < slow_[g].size(); ++i) {
      const Tensor& p = inner_->params(g)[i];
      if (!p.grad().defined()) continue;  // no gradient, no change
      change_by(slow_[g][i], p, "Lookahead::step", where,
                [=](double& slow, double w) { slow += alpha * (w - slow); });
      change_by(p, slow_[g][i], "Lookahead::step", where, [](double& w, double slow) { w = slow; });
    }
  }
}

NamedTensors Lookahead::state() const {
  NamedTensors out = {{"lookahead.step", state_scalar(steps_)}};
  for (std::size_t g = 0; g < slow_.size(); ++g) {
    for (std::size_t i = 0; i < slow_[g].size(); ++i) {
      out.push_back({fmt::format("lookahead.slow.{}", inner_->key_of(g, i)), slow_[g][i].clone_detached()});
    }
  }
  return out;
}

void Lookahead::load_state(const NamedTensors& state, Location where) {
  StateEntries entries(state, "Lookahead::load_state", where);
  const std::int64_t steps = entries.count("lookahead.step");
  std::vector<std::vector<Tensor>> slow(inner_->group_count());
  for (std::size_t g = 0; g < slow.size(); ++g) {
    for (std::size_t i = 0; i < inner_->params(g).size(); ++i) {
      const Tensor& p = inner_->params(g)[i];
      slow[g].push_back(
          entries.tensor(fmt::format("lookahead.slow.{}", inner_->key_of(g, i)), p.shape(), p.dtype()));
    }
  }
  entries.refuse_rest();
  steps_ = steps;
  slow_ = std::move(slow);
}

}  // namespace gradus::optim
