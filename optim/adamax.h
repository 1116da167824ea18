// Adamax: Adam with the largest gradient in place of the second moment; the formula is in adamax.cc.
#pragma once

#include "gradus/optim/optimizer.h"

namespace gradus::optim {

struct AdamaxOptions {
  double lr = 2e-3;
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0.0;  // added to the gradient
  bool maximize = false;
};

struct AdamaxGroup {
  std::vector<Tensor> params = {};
  std::optional<double> lr = {};
  std::optional<std::array<double, 2>> betas = {};
  std::optional<double> eps = {};
  std::optional<double> weight_decay = {};
  std::optional<bool> maximize = {};
};

class Adamax final : public GroupedOptimizer<Adamax, AdamaxOptions, AdamaxGroup> {
 public:
  using GroupedOptimizer::GroupedOptimizer;

 private:
  friend GroupedOptimizer;
  static constexpr const char* kName = "Adamax";
  static Options resolve(const Group& g, const Options& defaults);
  static std::vector<Option> table(Options& o);
  static unsigned slots(const Options& o, const Tensor& param);

  void update(Location where) override;
  std::span<const char* const> slot_names() const override;
};

}  // namespace gradus::optim
