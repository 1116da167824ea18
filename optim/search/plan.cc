// Grid, random search and Hyperband, and what all plans share. Sources: J. Bergstra, Y. Bengio: "Random
// search for hyper-parameter optimization", JMLR 13, 2012; hyperband.h.
#include "gradus/optim/search/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "gradus/base/error.h"

namespace gradus::optim::search {
namespace {

void check_trials(const char* what, std::int64_t trials) {
  if (trials < 1) throw ValueError(fmt::format("{}: {} trials; there must be one at least", what, trials));
}

class Grid : public Plan {
 public:
  Grid(const Space& space, std::int64_t trials) : axes_(grid_axes(space, trials)) {}
  std::int64_t trials() const override { return grid_size(axes_); }
  std::int64_t needs(std::int64_t) const override { return 0; }
  Trial trial(std::int64_t number, std::span<const Tried>) const override {
    return {grid_point(axes_, number)};
  }

 private:
  std::vector<std::vector<double>> axes_;
};

class Random : public Plan {
 public:
  Random(Space space, std::int64_t trials, std::uint64_t seed)
      : space_(std::move(space)), trials_(trials), seed_(seed) {}
  std::int64_t trials() const override { return trials_; }
  std::int64_t needs(std::int64_t) const override { return 0; }
  Trial trial(std::int64_t number, std::span<const Tried>) const override {
    return {random_point(space_, seed_, static_cast<std::uint64_t>(number))};
  }

 private:
  Space space_;
  std::int64_t trials_;
  std::uint64_t seed_;
};

class Hyperband : public Plan {
 public:
  Hyperband(Space space, const HyperbandOptions& options, std::uint64_t seed)
      : space_(std::move(space)), seed_(seed) {
    for (const Bracket& bracket : hyperband_brackets(options.max_resource, options.eta)) {
      for (std::size_t i = 0; i < bracket.size(); ++i) {
        rungs_.push_back({.rung = bracket[i],
                          .begin = pass_,
                          .before = i == 0 ? 0 : bracket[i - 1].configurations,
                          .drawn = draws_});
        pass_ += bracket[i].configurations;
      }
      draws_ += bracket[0].configurations;
    }
    trials_ = options.trials == 0 ? pass_ : options.trials;
  }
  std::int64_t trials() const override { return trials_; }
  std::int64_t resource(std::int64_t number) const override { return place(number).rung.resource; }
  std::int64_t needs(std::int64_t number) const override {
    const Place& p = place(number);
    return p.before == 0 ? 0 : number - number % pass_ + p.begin;
  }
  Trial trial(std::int64_t number, std::span<const Tried> earlier) const override {
    const Place& p = place(number);
    const std::int64_t turn = number / pass_, i = number % pass_ - p.begin;
    if (p.before == 0) {
      const std::int64_t draw = turn * draws_ + p.drawn + i;
      return {random_point(space_, seed_, static_cast<std::uint64_t>(draw)), p.rung.resource};
    }
    const auto first = static_cast<std::size_t>(turn * pass_ + p.begin - p.before);
    const auto rung_before = earlier.subspan(first, static_cast<std::size_t>(p.before));
    std::vector<double> losses;
    for (const Tried& t : rung_before) losses.push_back(t.loss);
    const std::size_t kept = least(losses, i + 1).back();
    return {rung_before[kept].point, p.rung.resource};
  }

 private:
  struct Place {
    Rung rung;
    std::int64_t begin;   // the number of its first trial in a pass
    std::int64_t before;  // the trials of the rung before, which end where this one begins; 0: the first rung
    std::int64_t drawn;   // configurations that brackets before this one draw
  };
  const Place& place(std::int64_t number) const {
    const auto above = std::ranges::upper_bound(rungs_, number % pass_, {}, &Place::begin);
    return *(above - 1);
  }

  Space space_;
  std::uint64_t seed_;
  std::vector<Place> rungs_;
  std::int64_t pass_ = 0, draws_ = 0, trials_ = 0;
};

}  // namespace

std::unique_ptr<Plan> grid_search(const Space& space, std::int64_t trials) {
  check_trials("grid_search", trials);
  return std::make_unique<Grid>(space, trials);
}

std::unique_ptr<Plan> random_search(const Space& space, std::int64_t trials, std::uint64_t seed) {
  check_trials("random_search", trials);
  return std::make_unique<Random>(space, trials, seed);
}

std::unique_ptr<Plan> hyperband_search(const Space& space, const HyperbandOptions& options,
                                       std::uint64_t seed) {
  if (options.trials != 0) check_trials("hyperband_search", options.trials);
  return std::make_unique<Hyperband>(space, options, seed);
}

std::vector<Tried> search(const Plan& plan, FunctionRef<double(std::int64_t number, const Trial&)> loss) {
  std::vector<Tried> tried;
  for (std::int64_t i = 0; i < plan.trials(); ++i) {
    const Trial trial = plan.trial(i, tried);
    tried.push_back({trial.point, loss(i, trial)});
  }
  return tried;
}

}  // namespace gradus::optim::search
