#include "gradus/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "gradus/base/format.h"

namespace gradus::optim {
namespace {

// A schedule from two functions: F(step, base_lr), and M(step) for one that cycles the momentum.
template <class F>
struct Rate final : Schedule::Rule {
  explicit Rate(F f) : rate(std::move(f)) {}
  double lr_at(std::int64_t step, double base_lr) const override { return rate(step, base_lr); }
  F rate;
};

template <class F, class M>
struct RateAndMomentum final : Schedule::Rule {
  RateAndMomentum(F f, M m) : rate(std::move(f)), momentum(std::move(m)) {}
  double lr_at(std::int64_t step, double base_lr) const override { return rate(step, base_lr); }
  std::optional<double> momentum_at(std::int64_t step) const override { return momentum(step); }
  F rate;
  M momentum;
};

template <class F>
Schedule of(F f) {
  return Schedule(std::make_shared<const Rate<F>>(std::move(f)));
}
template <class F, class M>
Schedule of(F f, M m) {
  return Schedule(std::make_shared<const RateAndMomentum<F, M>>(std::move(f), std::move(m)));
}

double number(std::int64_t n) { return static_cast<double>(n); }

void require_steps(std::int64_t n, const char* what, const char* op, Location where) {
  if (n < 1) throw_error<ValueError>(where, op, "{} is {}; it must be >= 1", what, n);
}

void require_rate(double x, const char* what, const char* op, Location where) {
  if (!(x >= 0.0) || std::isinf(x)) {
    throw_error<ValueError>(where, op, "{} is {}; it must be a finite number >= 0", what, x);
  }
}

void require_positive(double x, const char* what, const char* op, Location where) {
  if (!(x > 0.0) || std::isinf(x)) {
    throw_error<ValueError>(where, op, "{} is {}; it must be a finite number > 0", what, x);
  }
}

// From `from` to `to` as `part` goes from 0 to 1.
double anneal(Anneal how, double from, double to, double part) {
  if (how == Anneal::linear) return (to - from) * part + from;
  return to + (from - to) / 2.0 * (std::cos(std::numbers::pi * part) + 1.0);
}

}  // namespace

Schedule constant_lr(double factor, std::int64_t total_iters, Location where) {
  require_rate(factor, "factor", "constant_lr", where);
  require_steps(total_iters, "total_iters", "constant_lr", where);
  return of(
      [=](std::int64_t step, double base_lr) { return step < total_iters ? base_lr * factor : base_lr; });
}

Schedule linear_lr(const LinearLR& o, Location where) {
  require_rate(o.start_factor, "start_factor", "linear_lr", where);
  require_rate(o.end_factor, "end_factor", "linear_lr", where);
  require_steps(o.total_iters, "total_iters", "linear_lr", where);
  return of([o](std::int64_t step, double base_lr) {
    const double part = number(std::min(step, o.total_iters)) / number(o.total_iters);
    return base_lr * (o.start_factor + (o.end_factor - o.start_factor) * part);
  });
}

Schedule step_lr(std::int64_t step_size, double gamma, Location where) {
  require_steps(step_size, "step_size", "step_lr", where);
  require_rate(gamma, "gamma", "step_lr", where);
  return of(
      [=](std::int64_t step, double base_lr) { return base_lr * std::pow(gamma, number(step / step_size)); });
}

Schedule multi_step_lr(std::vector<std::int64_t> milestones, double gamma, Location where) {
  require_rate(gamma, "gamma", "multi_step_lr", where);
  if (!std::is_sorted(milestones.begin(), milestones.end())) {
    throw_error<ValueError>(where, "multi_step_lr", "the milestones must not fall");
  }
  return of([milestones = std::move(milestones), gamma](std::int64_t step, double base_lr) {
    const auto passed = std::upper_bound(milestones.begin(), milestones.end(), step) - milestones.begin();
    return base_lr * std::pow(gamma, number(passed));
  });
}

Schedule exponential_lr(double gamma, Location where) {
  require_rate(gamma, "gamma", "exponential_lr", where);
  return of([=](std::int64_t step, double base_lr) { return base_lr * std::pow(gamma, number(step)); });
}

Schedule polynomial_lr(std::int64_t total_iters, double power, Location where) {
  require_steps(total_iters, "total_iters", "polynomial_lr", where);
  require_rate(power, "power", "polynomial_lr", where);
  return of([=](std::int64_t step, double base_lr) {
    return base_lr * std::pow(1.0 - number(std::min(step, total_iters)) / number(total_iters), power);
  });
}

Schedule cosine_annealing_lr(std::int64_t t_max, double eta_min, Location where) {
  require_steps(t_max, "t_max", "cosine_annealing_lr", where);
  require_rate(eta_min, "eta_min", "cosine_annealing_lr", where);
  return of([=](std::int64_t step, double base_lr) {
    return anneal(Anneal::cos, base_lr, eta_min, number(step % (2 * t_max)) / number(t_max));
  });
}

Schedule cosine_annealing_warm_restarts(std::int64_t t_0, std::int64_t t_mult, double eta_min,
                                        Location where) {
  constexpr const char* kOp = "cosine_annealing_warm_restarts";
  require_steps(t_0, "t_0", kOp, where);
  require_steps(t_mult, "t_mult", kOp, where);
  require_rate(eta_min, "eta_min", kOp, where);
  return of([=](std::int64_t step, double base_lr) {
    std::int64_t length = t_0;
    if (t_mult == 1) {
      step %= length;
    } else {
      while (step >= length) {
        step -= length;
        // The length of a cycle no step reaches may be anything.
        length = length > INT64_MAX / t_mult ? INT64_MAX : length * t_mult;
      }
    }
    return anneal(Anneal::cos, base_lr, eta_min, number(step) / number(length));
  });
}

Schedule one_cycle_lr(double max_lr, std::int64_t total_steps, const OneCycleLR& o, Location where) {
  constexpr const char* kOp = "one_cycle_lr";
  require_rate(max_lr, "max_lr", kOp, where);
  require_steps(total_steps, "total_steps", kOp, where);
  require_positive(o.div_factor, "div_factor", kOp, where);
  require_positive(o.final_div_factor, "final_div_factor", kOp, where);
  require_rate(o.base_momentum, "base_momentum", kOp, where);
  require_rate(o.max_momentum, "max_momentum", kOp, where);
  if (!(o.pct_start >= 0.0 && o.pct_start <= 1.0)) {
    throw_error<ValueError>(where, kOp, "pct_start is {}; it must be >= 0 and <= 1", o.pct_start);
  }
  if (o.three_phase && o.pct_start > 0.5) {
    throw_error<ValueError>(where, kOp, "three phases need pct_start <= 0.5; it is {}", o.pct_start);
  }
  const double last = number(total_steps) - 1.0;
  struct Phase {
    double end, from_lr, to_lr, from_momentum, to_momentum;
  };
  const double first_lr = max_lr / o.div_factor, least = first_lr / o.final_div_factor;
  const double low = o.base_momentum, high = o.max_momentum;
  const double peak = o.pct_start * number(total_steps);
  std::vector<Phase> phases = {{peak - 1.0, first_lr, max_lr, high, low}};
  if (o.three_phase) {
    phases.push_back({2.0 * peak - 2.0, max_lr, first_lr, low, high});
    phases.push_back({last, first_lr, least, high, high});
  } else {
    phases.push_back({last, max_lr, least, low, high});
  }
  const auto at = [phases, last, how = o.anneal_strategy](std::int64_t step, bool momentum) {
    const double t = std::min(number(step), last);
    double begin = 0.0;
    std::size_t i = 0;
    for (; i + 1 < phases.size() && t > phases[i].end; ++i) begin = phases[i].end;
    const Phase& p = phases[i];
    const double part = p.end > begin ? (t - begin) / (p.end - begin) : 1.0;
    return momentum ? anneal(how, p.from_momentum, p.to_momentum, part)
                    : anneal(how, p.from_lr, p.to_lr, part);
  };
  const auto rate = [at](std::int64_t step, double) { return at(step, false); };
  if (!o.cycle_momentum) return of(rate);
  return of(rate, [at](std::int64_t step) { return at(step, true); });
}

Schedule lambda_lr(UniqueFunction<double(std::int64_t)> factor) {
  const auto shared = std::make_shared<UniqueFunction<double(std::int64_t)>>(std::move(factor));
  return of([shared](std::int64_t step, double base_lr) { return base_lr * (*shared)(step); });
}

Schedule sequential_lr(std::vector<Schedule> schedules, std::vector<std::int64_t> milestones,
                       Location where) {
  constexpr const char* kOp = "sequential_lr";
  if (schedules.empty() || milestones.size() + 1 != schedules.size()) {
    throw_error<ValueError>(where, kOp, "{} schedules need one milestone fewer; there are {}",
                            schedules.size(), milestones.size());
  }
  for (std::size_t i = 0; i < milestones.size(); ++i) {
    if (milestones[i] <= (i == 0 ? 0 : milestones[i - 1])) {
      throw_error<ValueError>(where, kOp, "milestone {} is {}; milestones must be > 0 and rise", i,
                              milestones[i]);
    }
  }
  struct Sequence {
    std::vector<Schedule> schedules;
    std::vector<std::int64_t> milestones;
    // The schedule of a step, which becomes a step of that schedule.
    const Schedule& at(std::int64_t& step) const {
      const auto i = static_cast<std::size_t>(std::upper_bound(milestones.begin(), milestones.end(), step) -
                                              milestones.begin());
      if (i > 0) step -= milestones[i - 1];
      return schedules[i];
    }
  };
  const auto all = std::make_shared<const Sequence>(Sequence{std::move(schedules), std::move(milestones)});
  return of([all](std::int64_t step, double base_lr) { return all->at(step).lr_at(step, base_lr); },
            [all](std::int64_t step) { return all->at(step).momentum_at(step); });
}

Schedule chained_lr(std::vector<Schedule> schedules, Location where) {
  if (schedules.empty()) throw_error<ValueError>(where, "chained_lr", "there is no schedule");
  const auto all = std::make_shared<const std::vector<Schedule>>(std::move(schedules));
  return of(
      [all](std::int64_t step, double base_lr) {
        for (const Schedule& s : *all) base_lr = s.lr_at(step, base_lr);
        return base_lr;
      },
      [all](std::int64_t step) {
        std::optional<double> momentum;
        for (const Schedule& s : *all) {
          if (const auto m = s.momentum_at(step)) momentum = m;
        }
        return momentum;
      });
}

Schedule warmup_lr(std::int64_t warmup_steps, const Schedule& after, double start_factor, Location where) {
  require_steps(warmup_steps, "warmup_steps", "warmup_lr", where);
  require_rate(start_factor, "start_factor", "warmup_lr", where);
  return of(
      [=](std::int64_t step, double base_lr) {
        if (step >= warmup_steps) return after.lr_at(step - warmup_steps, base_lr);
        const double part = number(step) / number(warmup_steps);
        return after.lr_at(0, base_lr) * (start_factor + (1.0 - start_factor) * part);
      },
      [=](std::int64_t step) { return after.momentum_at(std::max<std::int64_t>(step - warmup_steps, 0)); });
}

}  // namespace gradus::optim
