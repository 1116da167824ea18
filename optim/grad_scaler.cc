#include "gradus/optim/grad_scaler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gradus/base/format.h"
#include "gradus/graph/state_entries.h"
#include "gradus/ops/elementwise.h"
#include "gradus/optim/clip.h"
#include "gradus/optim/scale_gradients.h"

namespace gradus::optim {

GradScaler::GradScaler(const GradScalerOptions& o, Location where) : options_(o), scale_(o.init_scale) {
  const auto require = [&](bool holds, const char* what, double x, const char* domain) {
    if (!holds || !std::isfinite(x)) {
      throw_error<ValueError>(where, "GradScaler", "{} is {}; it must be {}", what, x, domain);
    }
  };
  require(o.init_scale > 0.0, "init_scale", o.init_scale, "a finite number > 0");
  require(o.growth_factor > 1.0, "growth_factor", o.growth_factor, "a finite number > 1");
  require(o.backoff_factor > 0.0 && o.backoff_factor < 1.0, "backoff_factor", o.backoff_factor,
          "> 0 and < 1");
  require(o.growth_interval >= 1, "growth_interval", static_cast<double>(o.growth_interval), ">= 1");
}

Tensor GradScaler::scale(const Tensor& loss, Location where) const {
  if (!options_.enabled) return loss;
  return mul({loss, where}, scale_);
}

bool GradScaler::unscale_(Optimizer& optimizer, Location where) {
  if (!options_.enabled) return true;
  const auto same = [&](const Seen& s) { return s.optimizer == &optimizer; };
  if (std::any_of(seen_.begin(), seen_.end(), same)) {
    throw_error<ValueError>(where, "GradScaler::unscale_",
                            "the gradients of this {} were unscaled already since the last update()",
                            optimizer.name());
  }
  bool finite = true;
  for (std::size_t g = 0; g < optimizer.group_count(); ++g) {
    finite = finite && grad_norm(optimizer.params(g), std::numeric_limits<double>::infinity(), where).finite;
  }
  if (finite) {
    for (std::size_t g = 0; g < optimizer.group_count(); ++g)
      scale_gradients(optimizer.params(g), 1.0 / scale_, "GradScaler::unscale_", where);
  }
  seen_.push_back({&optimizer, finite, false});
  return finite;
}

bool GradScaler::step(Optimizer& optimizer, Location where) {
  if (!options_.enabled) {
    optimizer.step(where);
    return true;
  }
  const auto same = [&](const Seen& s) { return s.optimizer == &optimizer; };
  auto seen = std::find_if(seen_.begin(), seen_.end(), same);
  if (seen == seen_.end()) {
    unscale_(optimizer, where);
    seen = std::prev(seen_.end());
  }
  if (seen->stepped) {
    throw_error<ValueError>(where, "GradScaler::step", "this {} was stepped already since the last update()",
                            optimizer.name());
  }
  if (seen->finite) optimizer.step(where);
  seen->stepped = true;
  return seen->finite;
}

void GradScaler::update() {
  if (!options_.enabled) return;
  const bool overflow = std::any_of(seen_.begin(), seen_.end(), [](const Seen& s) { return !s.finite; });
  if (overflow) {
    // A factor of 0 could not be undone.
    scale_ = std::max(scale_ * options_.backoff_factor, std::numeric_limits<double>::min());
    tracker_ = 0;
  } else if (++tracker_ >= options_.growth_interval) {
    // The loss is mostly f32: there a factor beyond its range is no number.
    const double grown = scale_ * options_.growth_factor;
    if (grown <= static_cast<double>(std::numeric_limits<float>::max())) scale_ = grown;
    tracker_ = 0;
  }
  seen_.clear();
}

NamedTensors GradScaler::state() const {
  return {{"scaler.scale", state_scalar(scale_)}, {"scaler.growth_tracker", state_scalar(tracker_)}};
}

void GradScaler::load_state(const NamedTensors& state, Location where) {
  constexpr const char* kOp = "GradScaler::load_state";
  StateEntries entries(state, kOp, where);
  const double scale = entries.number<double>("scaler.scale");
  const std::int64_t tracker = entries.count("scaler.growth_tracker");
  entries.refuse_rest();
  if (!(scale > 0.0)) throw_error<ValueError>(where, kOp, "\"scaler.scale\" is {}; it must be > 0", scale);
  scale_ = scale;
  tracker_ = tracker;
  seen_.clear();
}

}  // namespace gradus::optim
