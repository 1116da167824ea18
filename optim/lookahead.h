// Lookahead: a wrapper around any optimizer. Every k steps, slow weights go a part of the way to where the
// inner optimizer went, and training continues from there; the formula is in lookahead.cc.
#pragma once

#include "gradus/optim/optimizer.h"

namespace gradus::optim {

struct LookaheadOptions {
  std::int64_t k = 5;
  double alpha = 0.5;
};

class Lookahead {
 public:
  // Refers to the inner optimizer, whose groups, zero_grad() and state() stay its own; the present weights
  // are the first slow ones. Errors: ValueError for k < 1 and for alpha outside [0, 1].
  explicit Lookahead(Optimizer& inner, const LookaheadOptions& options = {},
                     Location where = Location::current());

  // A step of the inner optimizer, and after every k-th one the slow weights'. Errors: the inner one's.
  void step(Location where = Location::current());
  std::span<const Tensor> slow(std::size_t group) const { return slow_[group]; }

  // `lookahead.step` and `lookahead.slow.<parameter>`, to be kept beside the inner optimizer's state.
  NamedTensors state() const;
  // Errors, with nothing changed: ValueError, ShapeError, DtypeError.
  void load_state(const NamedTensors& state, Location where = Location::current());

 private:
  void take_new_groups();

  Optimizer* inner_;
  LookaheadOptions options_;
  std::int64_t steps_ = 0;
  std::vector<std::vector<Tensor>> slow_;
};

}  // namespace gradus::optim
