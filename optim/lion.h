// Lion: steps of the sign of a momentum, one moment of state; the formula is in lion.cc.
#pragma once

#include "gradus/optim/optimizer.h"

namespace gradus::optim {

struct LionOptions {
  double lr = 1e-4;
  std::array<double, 2> betas = {0.9, 0.99};
  double weight_decay = 0.0;  // times lr, taken off the weight itself
  bool maximize = false;
};

struct LionGroup {
  std::vector<Tensor> params = {};
  std::optional<double> lr = {};
  std::optional<std::array<double, 2>> betas = {};
  std::optional<double> weight_decay = {};
  std::optional<bool> maximize = {};
};

class Lion final : public GroupedOptimizer<Lion, LionOptions, LionGroup> {
 public:
  using GroupedOptimizer::GroupedOptimizer;

 private:
  friend GroupedOptimizer;
  static constexpr const char* kName = "Lion";
  static Options resolve(const Group& g, const Options& defaults);
  static std::vector<Option> table(Options& o);
  static unsigned slots(const Options& o, const Tensor& param);

  void update(Location where) override;
  std::span<const char* const> slot_names() const override;
};

}  // namespace gradus::optim
