// AdamW: Adam with weight decay decoupled from the gradient; the formula is in adamw.cc.
#pragma once

#include "gradus/optim/optimizer.h"

namespace gradus::optim {

struct AdamWOptions {
  double lr = 1e-3;
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 1e-2;  // times lr, taken off the weight itself
  bool amsgrad = false;
  bool maximize = false;
};

struct AdamWGroup {
  std::vector<Tensor> params = {};
  std::optional<double> lr = {};
  std::optional<std::array<double, 2>> betas = {};
  std::optional<double> eps = {};
  std::optional<double> weight_decay = {};
  std::optional<bool> amsgrad = {};
  std::optional<bool> maximize = {};
};

class AdamW final : public GroupedOptimizer<AdamW, AdamWOptions, AdamWGroup> {
 public:
  using GroupedOptimizer::GroupedOptimizer;

 private:
  friend GroupedOptimizer;
  static constexpr const char* kName = "AdamW";
  static Options resolve(const Group& g, const Options& defaults);
  static std::vector<Option> table(Options& o);
  static unsigned slots(const Options& o, const Tensor& param);

  void update(Location where) override;
  std::span<const char* const> slot_names() const override;
  unsigned late_slots() const override { return 4; }
};

}  // namespace gradus::optim
