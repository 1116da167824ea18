// Rprop: a step size for each weight, of the gradient's sign alone, for full batches; the formula is in
// rprop.cc.
#pragma once

#include "gradus/optim/optimizer.h"

namespace gradus::optim {

struct RpropOptions {
  double lr = 1e-2;                                 // the first step of every weight
  std::array<double, 2> etas = {0.5, 1.2};          // a step shrinks and grows by these
  std::array<double, 2> step_sizes = {1e-6, 50.0};  // its smallest and largest
  bool maximize = false;
};

struct RpropGroup {
  std::vector<Tensor> params = {};
  std::optional<double> lr = {};
  std::optional<std::array<double, 2>> etas = {};
  std::optional<std::array<double, 2>> step_sizes = {};
  std::optional<bool> maximize = {};
};

class Rprop final : public GroupedOptimizer<Rprop, RpropOptions, RpropGroup> {
 public:
  using GroupedOptimizer::GroupedOptimizer;

 private:
  friend GroupedOptimizer;
  static constexpr const char* kName = "Rprop";
  static Options resolve(const Group& g, const Options& defaults);
  static std::vector<Option> table(Options& o);
  static unsigned slots(const Options& o, const Tensor& param);
  static void check_options(const Options& o, const char* op, Location where);

  void update(Location where) override;
  std::span<const char* const> slot_names() const override;
};

}  // namespace gradus::optim
