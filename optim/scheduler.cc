#include "gradus/optim/scheduler.h"

#include <fmt/format.h>

#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/state_entries.h"

namespace gradus::optim {
namespace {

// What a schedule's momentum is written to; null where the optimizer has neither.
const char* momentum_option(const Optimizer& o, std::size_t group) {
  if (o.option(group, "momentum").has_value()) return "momentum";
  return o.option(group, "beta1").has_value() ? "beta1" : nullptr;
}

}  // namespace

Scheduler::Scheduler(Optimizer& optimizer, Schedule schedule, Location where)
    : optimizer_(&optimizer), schedules_{std::move(schedule)}, one_for_all_(true) {
  apply(0, {}, "Scheduler", where);
}

Scheduler::Scheduler(Optimizer& optimizer, std::vector<Schedule> per_group, Location where)
    : optimizer_(&optimizer), schedules_(std::move(per_group)), one_for_all_(false) {
  apply(0, {}, "Scheduler", where);
}

// All values are computed and checked before the first one is written.
void Scheduler::apply(std::int64_t step, std::vector<double> base, const char* op, Location where) {
  const std::size_t groups = optimizer_->group_count();
  if (!one_for_all_ && schedules_.size() != groups) {
    throw_error<ValueError>(where, op, "{} schedules for {} groups; give one for all, or one a group",
                            schedules_.size(), groups);
  }
  for (std::size_t g = base.size(); g < groups; ++g) {
    const auto lr = optimizer_->option(g, "lr");
    if (!lr.has_value()) throw_error<ValueError>(where, op, "{} has no lr", optimizer_->name());
    base.push_back(*lr);
  }
  std::vector<double> rates;
  std::vector<std::optional<double>> momenta;
  for (std::size_t g = 0; g < groups; ++g) {
    const Schedule& s = schedules_[one_for_all_ ? 0 : g];
    rates.push_back(s.lr_at(step, base[g]));
    if (!(rates[g] >= 0.0) || std::isinf(rates[g])) {
      throw_error<ValueError>(where, op,
                              "the rate of group {} at step {} is {}; it must be a finite number >= 0", g,
                              step, rates[g]);
    }
    momenta.push_back(s.momentum_at(step));
    if (momenta[g].has_value() && momentum_option(*optimizer_, g) == nullptr) {
      throw_error<ValueError>(where, op,
                              "the schedule of group {} sets a momentum, which {} has not; pass "
                              "{{.cycle_momentum = false}} to the schedule",
                              g, optimizer_->name());
    }
  }
  for (std::size_t g = 0; g < groups; ++g) {
    if (momenta[g].has_value()) {
      optimizer_->set_option(g, momentum_option(*optimizer_, g), *momenta[g], where);
    }
    optimizer_->set_option(g, "lr", rates[g], where);
  }
  base_ = std::move(base);
  steps_ = step;
}

void Scheduler::step(Location where) { apply(steps_ + 1, base_, "Scheduler::step", where); }

NamedTensors Scheduler::state() const {
  NamedTensors out = {{"schedule.step", state_scalar(steps_)}};
  for (std::size_t g = 0; g < base_.size(); ++g)
    out.push_back({fmt::format("schedule.{}.base_lr", g), state_scalar(base_[g])});
  return out;
}

void Scheduler::load_state(const NamedTensors& state, Location where) {
  constexpr const char* kOp = "Scheduler::load_state";
  StateEntries entries(state, kOp, where);
  const std::int64_t steps = entries.count("schedule.step");
  std::vector<double> base;
  for (std::size_t g = 0; g < optimizer_->group_count(); ++g)
    base.push_back(entries.number<double>(fmt::format("schedule.{}.base_lr", g)));
  entries.refuse_rest();
  apply(steps, std::move(base), kOp, where);
}

ReduceLROnPlateau::ReduceLROnPlateau(Optimizer& optimizer, ReduceLROnPlateauOptions options, Location where)
    : optimizer_(&optimizer), options_(std::move(options)) {
  constexpr const char* kOp = "ReduceLROnPlateau";
  const ReduceLROnPlateauOptions& o = options_;
  const auto require = [&](bool holds, const char* what, double x, const char* domain) {
    if (!holds) throw_error<ValueError>(where, kOp, "{} is {}; it must be {}", what, x, domain);
  };
  require(o.factor >= 0.0 && o.factor < 1.0, "factor", o.factor, ">= 0 and < 1");
  require(o.patience >= 0, "patience", static_cast<double>(o.patience), ">= 0");
  require(o.cooldown >= 0, "cooldown", static_cast<double>(o.cooldown), ">= 0");
  require(o.threshold >= 0.0 && std::isfinite(o.threshold), "threshold", o.threshold, "a finite number >= 0");
  require(o.eps >= 0.0 && std::isfinite(o.eps), "eps", o.eps, "a finite number >= 0");
  for (const double lr : o.min_lr)
    require(lr >= 0.0 && std::isfinite(lr), "min_lr", lr, "a finite number >= 0");
  if (o.min_lr.size() != 1 && o.min_lr.size() != optimizer.group_count()) {
    throw_error<ValueError>(where, kOp,
                            "min_lr has {} numbers for {} groups; give one for all, or one a group",
                            o.min_lr.size(), optimizer.group_count());
  }
}

bool ReduceLROnPlateau::step(double metric, Location where) {
  const ReduceLROnPlateauOptions& o = options_;
  const std::size_t groups = optimizer_->group_count();
  if (o.min_lr.size() != 1 && o.min_lr.size() != groups) {
    throw_error<ValueError>(where, "ReduceLROnPlateau::step", "min_lr has {} numbers for {} groups",
                            o.min_lr.size(), groups);
  }
  const double way = o.mode == PlateauMode::min ? -1.0 : 1.0;
  // torch begins with an infinitely bad best: any number but the worst infinity is better.
  const double worst = -way * INFINITY;
  const double best = has_best_ ? best_ : worst;
  const double bound =
      o.threshold_mode == ThresholdMode::rel ? best * (1.0 + way * o.threshold) : best + way * o.threshold;
  const bool better = o.mode == PlateauMode::min ? metric < bound : metric > bound;
  ++steps_;
  if (better) {
    best_ = metric;
    has_best_ = true;
    bad_ = 0;
  } else {
    ++bad_;
  }
  if (cooldown_ > 0) {
    --cooldown_;
    bad_ = 0;
  }
  if (bad_ <= o.patience) return false;
  for (std::size_t g = 0; g < groups; ++g) {
    const double before = *optimizer_->option(g, "lr");
    const double after = std::max(before * o.factor, o.min_lr[o.min_lr.size() == 1 ? 0 : g]);
    if (before - after > o.eps) optimizer_->set_option(g, "lr", after, where);
  }
  cooldown_ = o.cooldown;
  bad_ = 0;
  return true;
}

NamedTensors ReduceLROnPlateau::state() const {
  return {{"plateau.step", state_scalar(steps_)},
          {"plateau.num_bad", state_scalar(bad_)},
          {"plateau.cooldown_counter", state_scalar(cooldown_)},
          {"plateau.has_best", state_scalar(std::int64_t{has_best_})},
          {"plateau.best", state_scalar(best_)}};
}

void ReduceLROnPlateau::load_state(const NamedTensors& state, Location where) {
  StateEntries entries(state, "ReduceLROnPlateau::load_state", where);
  const std::int64_t steps = entries.count("plateau.step");
  const std::int64_t bad = entries.count("plateau.num_bad");
  const std::int64_t cooldown = entries.count("plateau.cooldown_counter");
  const bool has_best = entries.count("plateau.has_best") != 0;
  const double best = entries.number<double>("plateau.best");
  entries.refuse_rest();
  steps_ = steps;
  bad_ = bad;
  cooldown_ = cooldown;
  has_best_ = has_best;
  best_ = best;
}

}  // namespace gradus::optim
