#include "gradus/tools/optimizers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>

#include "gradus/tools/command.h"

namespace gradus::tools {
namespace {

struct Rates {
  double lr, momentum, weight_decay;
};
using OptimizerPtr = std::unique_ptr<optim::Optimizer>;

template <class Optimizer>
OptimizerPtr make(const nn::Module& model, const Rates& r) {
  typename Optimizer::Options options{.lr = r.lr};
  if constexpr (requires { options.momentum; }) options.momentum = r.momentum;
  if constexpr (requires { options.weight_decay; }) options.weight_decay = r.weight_decay;
  return std::make_unique<Optimizer>(model.parameters(), options);
}

// Muon for matrices, AdamW for all else; scaled so that one rate suits both.
OptimizerPtr make_muon(const nn::Module& model, const Rates& r) {
  optim::MuonGroup matrices, others{.use_muon = false};
  for (const Tensor& p : model.parameters()) (p.rank() == 2 ? matrices : others).params.push_back(p);
  return std::make_unique<optim::Muon>(std::vector{std::move(matrices), std::move(others)},
                                       optim::MuonOptions{.lr = r.lr,
                                                          .weight_decay = r.weight_decay,
                                                          .momentum = r.momentum,
                                                          .adjust_lr_fn = optim::AdjustLr::match_rms_adamw});
}

struct Choice {
  const char* name;
  Rates defaults;
  bool has_momentum, has_decay;
  OptimizerPtr (*make)(const nn::Module&, const Rates&);
};

// The rates are those of PyTorch's classes where these do for networks of a few layers and batches of 64.
constexpr Choice kOptimizers[] = {
    {"sgd", {0.05, 0, 0}, true, true, make<optim::SGD>},
    {"adam", {1e-3, 0, 0}, false, true, make<optim::Adam>},
    {"adamw", {1e-3, 0, 0.01}, false, true, make<optim::AdamW>},
    {"adamax", {2e-3, 0, 0}, false, true, make<optim::Adamax>},
    {"nadam", {1e-3, 0, 0}, false, true, make<optim::NAdam>},
    {"radam", {1e-3, 0, 0}, false, true, make<optim::RAdam>},
    {"adagrad", {0.01, 0, 0}, false, true, make<optim::Adagrad>},
    {"adadelta", {1, 0, 0}, false, true, make<optim::Adadelta>},
    {"rmsprop", {1e-3, 0, 0}, true, true, make<optim::RMSprop>},
    {"rprop", {1e-3, 0, 0}, false, false, make<optim::Rprop>},
    {"asgd", {0.05, 0, 0}, false, true, make<optim::ASGD>},
    {"lion", {1e-4, 0, 0}, false, true, make<optim::Lion>},
    {"adafactor", {0.01, 0, 0}, false, true, make<optim::Adafactor>},
    {"muon", {1e-3, 0.95, 0.01}, true, true, make_muon},
};

const Choice& choice(const std::string& name) {
  const auto* found = std::ranges::find_if(kOptimizers, [&](const Choice& c) { return name == c.name; });
  if (found == std::end(kOptimizers)) throw UsageError(unknown_name("optimizer", name, optimizer_names()));
  return *found;
}

std::vector<std::string> names_with(bool Choice::*has) {
  std::vector<std::string> names;
  for (const Choice& c : kOptimizers) {
    if (c.*has) names.emplace_back(c.name);
  }
  return names;
}

optim::Schedule constant(double, std::int64_t) { return optim::constant_lr(1.0, 1); }
optim::Schedule step(double, std::int64_t steps) {
  const std::int64_t half = steps / 2, last_quarter = std::max(half + 1, steps - steps / 4);
  return optim::multi_step_lr({half, last_quarter});
}
optim::Schedule cosine(double, std::int64_t steps) { return optim::cosine_annealing_lr(steps); }
optim::Schedule one_cycle(double lr, std::int64_t steps) {
  return optim::one_cycle_lr(lr, steps, {.cycle_momentum = false});
}
optim::Schedule warmup_cosine(double, std::int64_t steps) {
  const std::int64_t warmup = std::max<std::int64_t>(1, steps / 20);
  return optim::warmup_lr(warmup, optim::cosine_annealing_lr(std::max<std::int64_t>(1, steps - warmup)));
}

struct ScheduleChoice {
  const char* name;
  optim::Schedule (*make)(double lr, std::int64_t steps);
};
constexpr ScheduleChoice kSchedules[] = {
    {"constant", constant},           {"step", step}, {"cosine", cosine}, {"one-cycle", one_cycle},
    {"warmup-cosine", warmup_cosine},
};

}  // namespace

double OptimizerOptions::rate() const { return lr.value_or(choice(name).defaults.lr); }
double OptimizerOptions::decay() const { return weight_decay.value_or(choice(name).defaults.weight_decay); }
double OptimizerOptions::momentum_or_default() const {
  return momentum.value_or(choice(name).defaults.momentum);
}

std::vector<std::string> optimizer_names() {
  std::vector<std::string> names;
  for (const Choice& c : kOptimizers) names.emplace_back(c.name);
  return names;
}

std::string default_rates() {
  std::vector<double> rates;
  std::string text;
  for (const Choice& c : kOptimizers) {
    if (std::ranges::find(rates, c.defaults.lr) != rates.end()) continue;
    rates.push_back(c.defaults.lr);
    std::vector<std::string_view> names;
    for (const Choice& other : kOptimizers) {
      if (other.defaults.lr == c.defaults.lr) names.emplace_back(other.name);
    }
    text += fmt::format("{}{} for {}", text.empty() ? "" : "; ", c.defaults.lr, fmt::join(names, ", "));
  }
  return text;
}

void check_optimizer(const OptimizerOptions& o) {
  const Choice& c = choice(o.name);
  if (o.momentum.has_value() && !c.has_momentum) {
    throw UsageError(fmt::format("--momentum is an option of --optimizer {}; {} has none",
                                 fmt::join(names_with(&Choice::has_momentum), ", "), o.name));
  }
  if (o.weight_decay.has_value() && !c.has_decay) {
    throw UsageError(fmt::format("--weight-decay is an option of --optimizer {}; {} has none",
                                 fmt::join(names_with(&Choice::has_decay), ", "), o.name));
  }
}

std::unique_ptr<optim::Optimizer> make_optimizer(const OptimizerOptions& o, const nn::Module& model) {
  check_optimizer(o);
  return choice(o.name).make(model, {o.rate(), o.momentum_or_default(), o.decay()});
}

std::vector<std::string> schedule_names() {
  std::vector<std::string> names;
  for (const ScheduleChoice& s : kSchedules) names.emplace_back(s.name);
  return names;
}

optim::Schedule make_schedule(const std::string& name, double lr, std::int64_t steps) {
  for (const ScheduleChoice& s : kSchedules) {
    if (name == s.name) return s.make(lr, steps);
  }
  throw UsageError(unknown_name("schedule", name, schedule_names()));
}

}  // namespace gradus::tools
