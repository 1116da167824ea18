// The optimizers and schedules that a command trains with, by name, with rates that suit small networks.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gradus/gradus.h"

namespace gradus::tools {

// What the user says about the optimizer; what is left out is the table's.
struct OptimizerOptions {
  std::string name = "adam";
  std::optional<double> lr = {};
  std::optional<double> momentum = {};
  std::optional<double> weight_decay = {};

  double rate() const;
  double decay() const;
  double momentum_or_default() const;
};

std::vector<std::string> optimizer_names();
// "0.05 for sgd, asgd; 0.001 for adam, ...", for --help.
std::string default_rates();

// What an optimizer lacks is refused, not ignored. Errors: UsageError.
void check_optimizer(const OptimizerOptions& options);

// Of all parameters. Errors: UsageError.
std::unique_ptr<optim::Optimizer> make_optimizer(const OptimizerOptions& options, const nn::Module& model);

std::vector<std::string> schedule_names();
// constant: lr. step: a tenth of it from half of the steps on, a hundredth in the last quarter. cosine: down
// to 0 along half a wave. one-cycle: up to lr and down again. warmup-cosine: up to lr over a twentieth of the
// steps, then as cosine. Errors: UsageError.
optim::Schedule make_schedule(const std::string& name, double lr, std::int64_t steps);

}  // namespace gradus::tools
