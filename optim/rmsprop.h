// RMSprop, plain or centered, with momentum; the formula is in rmsprop.cc.
#pragma once

#include "gradus/optim/optimizer.h"

namespace gradus::optim {

struct RMSpropOptions {
  double lr = 1e-2;
  double alpha = 0.99;
  double eps = 1e-8;
  double weight_decay = 0.0;  // added to the gradient
  double momentum = 0.0;
  bool centered = false;  // divide by the deviation of the gradient, not by its size
  bool maximize = false;
};

struct RMSpropGroup {
  std::vector<Tensor> params = {};
  std::optional<double> lr = {};
  std::optional<double> alpha = {};
  std::optional<double> eps = {};
  std::optional<double> weight_decay = {};
  std::optional<double> momentum = {};
  std::optional<bool> centered = {};
  std::optional<bool> maximize = {};
};

class RMSprop final : public GroupedOptimizer<RMSprop, RMSpropOptions, RMSpropGroup> {
 public:
  using GroupedOptimizer::GroupedOptimizer;

 private:
  friend GroupedOptimizer;
  static constexpr const char* kName = "RMSprop";
  static Options resolve(const Group& g, const Options& defaults);
  static std::vector<Option> table(Options& o);
  static unsigned slots(const Options& o, const Tensor& param);

  void update(Location where) override;
  std::span<const char* const> slot_names() const override;
  unsigned late_slots() const override { return 6; }
};

}  // namespace gradus::optim
