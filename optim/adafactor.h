// Adafactor: Adam's second moment as a product of a row and a column, so that a matrix of n weights keeps
// about 2 sqrt(n) numbers; the formula is in adafactor.cc.
#pragma once

#include "gradus/optim/optimizer.h"

namespace gradus::optim {

struct AdafactorOptions {
  double lr = 1e-2;
  double beta2_decay = -0.8;                // the second moment's decay at step t is 1 - t^beta2_decay
  std::array<double, 2> eps = {0.0, 1e-3};  // eps[0] 0: that of the dtype (torch: None)
  double d = 1.0;                           // what the root mean square of an update is clipped to
  double weight_decay = 0.0;                // times lr, taken off the weight itself
  bool maximize = false;
};

struct AdafactorGroup {
  std::vector<Tensor> params = {};
  std::optional<double> lr = {};
  std::optional<double> beta2_decay = {};
  std::optional<std::array<double, 2>> eps = {};
  std::optional<double> d = {};
  std::optional<double> weight_decay = {};
  std::optional<bool> maximize = {};
};

class Adafactor final : public GroupedOptimizer<Adafactor, AdafactorOptions, AdafactorGroup> {
 public:
  using GroupedOptimizer::GroupedOptimizer;

 private:
  friend GroupedOptimizer;
  static constexpr const char* kName = "Adafactor";
  static Options resolve(const Group& g, const Options& defaults);
  static std::vector<Option> table(Options& o);
  static unsigned slots(const Options& o, const Tensor& param);
  static void check_options(const Options& o, const char* op, Location where);

  bool is_elementwise() const override { return false; }
  void update(Location where) override;
  std::span<const char* const> slot_names() const override;
  Shape slot_shape(const Tensor& param, std::size_t slot) const override;
};

}  // namespace gradus::optim
