// Adam, optionally in its AMSGrad variant; the formula is in adam.cc.
#pragma once

#include "gradus/optim/optimizer.h"

namespace gradus::optim {

struct AdamOptions {
  double lr = 1e-3;
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0.0;  // added to the gradient
  bool amsgrad = false;
  bool maximize = false;
};

class Adam final : public GroupedOptimizer<AdamOptions> {
 public:
  using Options = AdamOptions;
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
  explicit Adam(std::vector<Tensor> params, const Options& options = {},
                Location where = Location::current());
  explicit Adam(std::vector<Group> groups, const Options& defaults = {},
                Location where = Location::current());
  void add_group(Group group, Location where = Location::current());

  const char* name() const override { return "Adam"; }

 private:
  void check_options(const Options& o, const char* op, Location where) const override;
  void update(Location where) override;
  std::vector<Option> options(std::size_t group) override;
  std::span<const char* const> slot_names() const override;
};

}  // namespace gradus::optim
