// Adadelta: steps in the units of the weights themselves; the formula is in adadelta.cc.
#pragma once

#include "gradus/optim/optimizer.h"

namespace gradus::optim {

struct AdadeltaOptions {
  double lr = 1.0;
  double rho = 0.9;
  double eps = 1e-6;
  double weight_decay = 0.0;  // added to the gradient
  bool maximize = false;
};

struct AdadeltaGroup {
  std::vector<Tensor> params = {};
  std::optional<double> lr = {};
  std::optional<double> rho = {};
  std::optional<double> eps = {};
  std::optional<double> weight_decay = {};
  std::optional<bool> maximize = {};
};

class Adadelta final : public GroupedOptimizer<Adadelta, AdadeltaOptions, AdadeltaGroup> {
 public:
  using GroupedOptimizer::GroupedOptimizer;

 private:
  friend GroupedOptimizer;
  static constexpr const char* kName = "Adadelta";
  static Options resolve(const Group& g, const Options& defaults);
  static std::vector<Option> table(Options& o);
  static unsigned slots(const Options& o, const Tensor& param);

  void update(Location where) override;
  std::span<const char* const> slot_names() const override;
};

}  // namespace gradus::optim
