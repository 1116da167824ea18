// SAM: sharpness-aware minimisation, a wrapper around any optimizer that steps with the gradient at the worst
// point nearby; the formula is in sam.cc. Two gradients a step.
#pragma once

#include "gradus/base/function_ref.h"
#include "gradus/optim/clip.h"
#include "gradus/optim/optimizer.h"

namespace gradus::optim {

struct SAMOptions {
  double rho = 0.05;      // how far the worst point is looked for
  bool adaptive = false;  // ASAM: distances in units of the weights
};

class SAM {
 public:
  // Refers to the inner optimizer. Errors: ValueError for a rho that is negative or not finite.
  explicit SAM(Optimizer& inner, const SAMOptions& options = {}, Location where = Location::current());

  // With gradients at the weights: moves to the worst point nearby. Where a gradient is not finite, nothing
  // moves; the report says whose. Errors: ValueError for a second time before second_step().
  ClipReport first_step(Location where = Location::current());
  // With gradients at the worst point (after zero_grad, forward and backward): goes back, exactly, and lets
  // the inner optimizer step. Errors: ValueError without first_step(), and the inner one's.
  void second_step(Location where = Location::current());
  // Both: `closure` clears the gradients, computes the loss and walks backward. Returns the first loss.
  double step(FunctionRef<Tensor()> closure, Location where = Location::current());

 private:
  struct Moved {
    Tensor param, weights;
  };

  Optimizer* inner_;
  SAMOptions options_;
  std::vector<Moved> moved_;  // what second_step() puts back
  bool climbed_ = false;
};

}  // namespace gradus::optim
