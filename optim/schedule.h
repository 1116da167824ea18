// Schedules of the learning rate. A Schedule is a pure function of the step, in closed form: lr_at(step,
// base_lr) does not depend on what was asked before, so nothing drifts and nothing is lost on a restart. A
// Scheduler (scheduler.h) writes its values into the groups of an optimizer. Step 0 is the first step of the
// optimizer. Formulas and defaults are those of torch.optim.lr_scheduler (PyTorch 2) in closed form.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "gradus/base/location.h"
#include "gradus/base/unique_function.h"

namespace gradus::optim {

class Schedule {
 public:
  struct Rule {
    virtual ~Rule() = default;
    virtual double lr_at(std::int64_t step, double base_lr) const = 0;
    virtual std::optional<double> momentum_at(std::int64_t) const { return std::nullopt; }
  };

  explicit Schedule(std::shared_ptr<const Rule> rule) : rule_(std::move(rule)) {}

  // step >= 0; `base_lr` is the group's own rate, which most schedules scale.
  double lr_at(std::int64_t step, double base_lr = 1.0) const { return rule_->lr_at(step, base_lr); }
  // What the momentum (or beta1) should be; nothing where the schedule leaves it alone.
  std::optional<double> momentum_at(std::int64_t step) const { return rule_->momentum_at(step); }

 private:
  std::shared_ptr<const Rule> rule_;
};

// All errors here: ValueError for numbers that make no schedule.

// base_lr * factor for total_iters steps, then base_lr.
Schedule constant_lr(double factor = 1.0 / 3.0, std::int64_t total_iters = 5,
                     Location where = Location::current());

struct LinearLR {
  double start_factor = 1.0 / 3.0;
  double end_factor = 1.0;
  std::int64_t total_iters = 5;
};
// base_lr * (start_factor + (end_factor - start_factor) * min(step, total_iters) / total_iters).
Schedule linear_lr(const LinearLR& options = {}, Location where = Location::current());

// base_lr * gamma^floor(step / step_size).
Schedule step_lr(std::int64_t step_size, double gamma = 0.1, Location where = Location::current());
// base_lr * gamma^(number of milestones <= step).
Schedule multi_step_lr(std::vector<std::int64_t> milestones, double gamma = 0.1,
                       Location where = Location::current());
// base_lr * gamma^step.
Schedule exponential_lr(double gamma, Location where = Location::current());
// base_lr * (1 - min(step, total_iters) / total_iters)^power.
Schedule polynomial_lr(std::int64_t total_iters = 5, double power = 1.0,
                       Location where = Location::current());
// eta_min + (base_lr - eta_min) (1 + cos(pi step / t_max)) / 2, which rises again behind t_max.
Schedule cosine_annealing_lr(std::int64_t t_max, double eta_min = 0.0, Location where = Location::current());
// The same from base_lr to eta_min over t_0 steps, then over t_0 t_mult, t_0 t_mult^2, ...
Schedule cosine_annealing_warm_restarts(std::int64_t t_0, std::int64_t t_mult = 1, double eta_min = 0.0,
                                        Location where = Location::current());

enum class Anneal : std::uint8_t { cos, linear };
struct OneCycleLR {
  double pct_start = 0.3;
  Anneal anneal_strategy = Anneal::cos;
  bool cycle_momentum = true;
  double base_momentum = 0.85;
  double max_momentum = 0.95;
  double div_factor = 25.0;
  double final_div_factor = 1e4;
  bool three_phase = false;
};
// From max_lr / div_factor up to max_lr over pct_start of the steps, then down to
// max_lr / div_factor / final_div_factor; the momentum goes the other way. Does not look at base_lr. Behind
// the last step the last values stay (torch raises). Source: Smith, Topin: "Super-convergence", arXiv
// 1708.07120.
Schedule one_cycle_lr(double max_lr, std::int64_t total_steps, const OneCycleLR& options = {},
                      Location where = Location::current());

// base_lr * factor(step); the function must be pure, since lr_at is.
Schedule lambda_lr(UniqueFunction<double(std::int64_t)> factor);

// The schedules one after the other: schedules[i + 1] begins, with its step 0, at milestones[i].
Schedule sequential_lr(std::vector<Schedule> schedules, std::vector<std::int64_t> milestones,
                       Location where = Location::current());
// All at once: each takes what the one before gives as its base_lr. For schedules that scale base_lr, the
// product of their factors, as torch's ChainedScheduler.
Schedule chained_lr(std::vector<Schedule> schedules, Location where = Location::current());
// `warmup_steps` steps that rise linearly from start_factor times the first value of `after` to it, then
// `after` from its step 0.
Schedule warmup_lr(std::int64_t warmup_steps, const Schedule& after, double start_factor = 1e-3,
                   Location where = Location::current());

}  // namespace gradus::optim
