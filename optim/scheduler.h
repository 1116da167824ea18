// Scheduler: writes the values of schedules into the groups of an optimizer. ReduceLROnPlateau: lowers the
// rate when a metric no longer improves. Both refer to the optimizer, which must outlive them.
#pragma once

#include <vector>

#include "gradus/graph/named_tensor.h"
#include "gradus/optim/optimizer.h"
#include "gradus/optim/schedule.h"

namespace gradus::optim {

// At once the groups have the values of step 0, and after n calls of step() those of step n, whatever the
// optimizer does: calling step() before the first step of the optimizer skips the values of step 0. Call it
// after each step of the optimizer (or after each epoch, where the schedule counts epochs).
class Scheduler {
 public:
  // One schedule for all groups, also those that are added later. A group's base_lr is the lr that it has
  // here (or when it is first seen). Errors: ValueError where a schedule sets a momentum and the optimizer
  // has none.
  Scheduler(Optimizer& optimizer, Schedule schedule, Location where = Location::current());
  // One schedule a group. Errors: also ValueError for another number of schedules than groups.
  Scheduler(Optimizer& optimizer, std::vector<Schedule> per_group, Location where = Location::current());

  // Errors, with nothing changed: ValueError for a rate that is negative or not finite.
  void step(Location where = Location::current());
  std::int64_t step_count() const { return steps_; }
  double base_lr(std::size_t group) const { return base_[group]; }

  // `schedule.step` and `schedule.<group>.base_lr`, to be kept beside the optimizer's state.
  NamedTensors state() const;
  // Goes on where state() was taken, and writes those rates. Errors, with nothing changed: ValueError,
  // ShapeError, DtypeError.
  void load_state(const NamedTensors& state, Location where = Location::current());

 private:
  void apply(std::int64_t step, std::vector<double> base, const char* op, Location where);

  Optimizer* optimizer_;
  std::vector<Schedule> schedules_;  // one for all, or one a group
  bool one_for_all_;
  std::vector<double> base_;
  std::int64_t steps_ = 0;
};

enum class PlateauMode : std::uint8_t { min, max };
enum class ThresholdMode : std::uint8_t { rel, abs };

struct ReduceLROnPlateauOptions {
  PlateauMode mode = PlateauMode::min;
  double factor = 0.1;
  std::int64_t patience = 10;
  double threshold = 1e-4;
  ThresholdMode threshold_mode = ThresholdMode::rel;
  std::int64_t cooldown = 0;
  std::vector<double> min_lr = {0.0};  // one for all, or one a group
  double eps = 1e-8;                   // a smaller change of the rate is not made
};

// After more than `patience` metrics in a row that were not better than the best one, every lr is multiplied
// by `factor`, and for `cooldown` metrics nothing is counted. A NaN is never better. Source:
// torch.optim.lr_scheduler.ReduceLROnPlateau (PyTorch 2).
class ReduceLROnPlateau {
 public:
  // Errors: ValueError.
  explicit ReduceLROnPlateau(Optimizer& optimizer, ReduceLROnPlateauOptions options = {},
                             Location where = Location::current());

  // True where the rates were lowered. Errors: ValueError where min_lr does not fit the number of groups.
  bool step(double metric, Location where = Location::current());

  // `plateau.best` and the counters, to be kept beside the optimizer's state, which holds the rates.
  NamedTensors state() const;
  // Errors, with nothing changed: ValueError, ShapeError, DtypeError.
  void load_state(const NamedTensors& state, Location where = Location::current());

 private:
  Optimizer* optimizer_;
  ReduceLROnPlateauOptions options_;
  std::int64_t steps_ = 0;  // with none there is no best yet
  double best_ = 0.0;
  bool has_best_ = false;
  std::int64_t bad_ = 0, cooldown_ = 0;
};

}  // namespace gradus::optim
