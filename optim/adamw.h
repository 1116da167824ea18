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

class AdamW final : public GroupedOptimizer<AdamWOptions> {
 public:
  using Options = AdamWOptions;
  // What a group leaves out comes from the defaults.
  struct Group {
    std::vector<Tensor> params = {};
    std::optional<double> lr = {};
    std::optional<std::array<double, 2>> betas = {};
    std::optional<double> eps = {};
    std::optional<double> weight_decay = {};
    std::optional<bool> amsgrad = {};
    std::optional<bool> maximize = {};
  };

  // Errors: ValueError for an option outside its domain and for a parameter given twice, DtypeError,
  // GraphError for a parameter that is no leaf.
  explicit AdamW(std::vector<Tensor> params, const Options& options = {},
                 Location where = Location::current());
  explicit AdamW(std::vector<Group> groups, const Options& defaults = {},
                 Location where = Location::current());
  void add_group(Group group, Location where = Location::current());

  const char* name() const override { return "AdamW"; }

 private:
  void check_options(const Options& o, const char* op, Location where) const override;
  void update(Location where) override;
  std::vector<Option> options(std::size_t group) override;
  std::span<const char* const> slot_names() const override;
};

}  // namespace gradus::optim
