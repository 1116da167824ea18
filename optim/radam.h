// RAdam: Adam whose first steps are plain momentum, until the second moment can be trusted; the formula is in
// radam.cc.
#pragma once

#include "gradus/optim/optimizer.h"

namespace gradus::optim {

struct RAdamOptions {
  double lr = 1e-3;
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0.0;
  bool decoupled_weight_decay = false;  // of the weight itself, as AdamW's; otherwise added to the gradient
  bool maximize = false;
};

struct RAdamGroup {
  std::vector<Tensor> params = {};
  std::optional<double> lr = {};
  std::optional<std::array<double, 2>> betas = {};
  std::optional<double> eps = {};
  std::optional<double> weight_decay = {};
  std::optional<bool> decoupled_weight_decay = {};
  std::optional<bool> maximize = {};
};

class RAdam final : public GroupedOptimizer<RAdam, RAdamOptions, RAdamGroup> {
 public:
  using GroupedOptimizer::GroupedOptimizer;

 private:
  friend GroupedOptimizer;
  static constexpr const char* kName = "RAdam";
  static Options resolve(const Group& g, const Options& defaults);
  static std::vector<Option> table(Options& o);
  static unsigned slots(const Options& o, const Tensor& param);

  void update(Location where) override;
  std::span<const char* const> slot_names() const override;
};

}  // namespace gradus::optim
