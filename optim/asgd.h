// Averaged stochastic gradient descent; the average of a weight is slot 0 of state_of(). The formula is in
// asgd.cc.
#pragma once

#include "gradus/optim/optimizer.h"

namespace gradus::optim {

struct ASGDOptions {
  double lr = 1e-2;
  double lambd = 1e-4;
  double alpha = 0.75;
  double t0 = 1e6;            // where averaging begins
  double weight_decay = 0.0;  // added to the gradient
  bool maximize = false;
};

struct ASGDGroup {
  std::vector<Tensor> params = {};
  std::optional<double> lr = {};
  std::optional<double> lambd = {};
  std::optional<double> alpha = {};
  std::optional<double> t0 = {};
  std::optional<double> weight_decay = {};
  std::optional<bool> maximize = {};
};

class ASGD final : public GroupedOptimizer<ASGD, ASGDOptions, ASGDGroup> {
 public:
  using GroupedOptimizer::GroupedOptimizer;

 private:
  friend GroupedOptimizer;
  static constexpr const char* kName = "ASGD";
  static Options resolve(const Group& g, const Options& defaults);
  static std::vector<Option> table(Options& o);
  static unsigned slots(const Options& o, const Tensor& param);

  void update(Location where) override;
  std::span<const char* const> slot_names() const override;
};

}  // namespace gradus::optim
