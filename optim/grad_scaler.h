// GradScaler: loss scaling for training in halves. The loss is multiplied by a factor so that small gradients
// do not vanish in f16; before the step gradients are divided by it again, and a step whose gradients
// overflowed is left out. The factor grows while all is well and falls after an overflow. Source:
// torch.amp.GradScaler (PyTorch 2); Micikevicius et al.: "Mixed precision training", ICLR 2018.
#pragma once

#include <vector>

#include "gradus/graph/named_tensor.h"
#include "gradus/optim/optimizer.h"

namespace gradus::optim {

struct GradScalerOptions {
  double init_scale = 65536.0;
  double growth_factor = 2.0;
  double backoff_factor = 0.5;
  std::int64_t growth_interval = 2000;  // updates without overflow after which the factor grows
  bool enabled = true;                  // otherwise scale() and step() pass everything through
};

// scaler.scale(loss).backward();  scaler.unscale_(opt);  clip_grad_norm_(...);  scaler.step(opt);
// scaler.update();
class GradScaler {
 public:
  // Errors: ValueError for a number outside its domain.
  explicit GradScaler(const GradScalerOptions& options = {}, Location where = Location::current());

  // loss times the factor; recorded.
  Tensor scale(const Tensor& loss, Location where = Location::current()) const;
  // Divides the gradients by the factor, to be clipped or looked at before step(). False where one of them is
  // not finite. Errors: ValueError for the same optimizer twice before update().
  bool unscale_(Optimizer& optimizer, Location where = Location::current());
  // Steps the optimizer, after unscale_ where that was not called, unless a gradient is not finite: then
  // nothing changes. True where it stepped. Errors: ValueError for a second time before update().
  bool step(Optimizer& optimizer, Location where = Location::current());
  // Once an iteration, after the last step(): adapts the factor.
  void update();

  double get_scale() const { return options_.enabled ? scale_ : 1.0; }
  std::int64_t growth_tracker() const { return tracker_; }

  // `scaler.scale` and `scaler.growth_tracker`.
  NamedTensors state() const;
  // Errors, with nothing changed: ValueError, ShapeError, DtypeError.
  void load_state(const NamedTensors& state, Location where = Location::current());

 private:
  struct Seen {
    const Optimizer* optimizer;
    bool finite;
    bool stepped;
  };

  GradScalerOptions options_;
  double scale_;
  std::int64_t tracker_ = 0;
  std::vector<Seen> seen_;  // since the last update()
};

}  // namespace gradus::optim
