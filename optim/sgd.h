// Stochastic gradient descent with momentum, Nesterov momentum and weight decay; the formula is in sgd.cc.
#pragma once

#include "gradus/optim/optimizer.h"

namespace gradus::optim {

struct SGDOptions {
  double lr = 1e-3;
  double momentum = 0.0;
  double dampening = 0.0;
  double weight_decay = 0.0;
  bool nesterov = false;  // needs momentum > 0 and dampening = 0
  bool maximize = false;
};

struct SGDGroup {
  std::vector<Tensor> params = {};
  std::optional<double> lr = {};
  std::optional<double> momentum = {};
  std::optional<double> dampening = {};
  std::optional<double> weight_decay = {};
  std::optional<bool> nesterov = {};
  std::optional<bool> maximize = {};
};

class SGD final : public GroupedOptimizer<SGD, SGDOptions, SGDGroup> {
 public:
  using GroupedOptimizer::GroupedOptimizer;

 private:
  friend GroupedOptimizer;
  static constexpr const char* kName = "SGD";
  static Options resolve(const Group& g, const Options& defaults);
  static std::vector<Option> table(Options& o);
  static unsigned slots(const Options& o, const Tensor& param);
  static void check_options(const Options& o, const char* op, Location where);

  void update(Location where) override;
  std::span<const char* const> slot_names() const override;
  unsigned late_slots() const override { return 1; }
};

}  // namespace gradus::optim
