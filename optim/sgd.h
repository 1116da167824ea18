// Stochastic gradient descent with momentum, Nesterov momentum and weight decay; the formula is in sgd.cc.
#pragma once

#include "gradus/optim/optimizer.h"

namespace gradus::optim {

struct SGDOptions {
  double lr = 1e-3;
  double momentum = 0.0;
  double dampening = 0.0;
  double weight_decay = 0.0;
  bool nesterov = false;  // needs momentum > 0 and dampening = 0
  bool maximize = false;
};

class SGD final : public GroupedOptimizer<SGDOptions> {
 public:
  using Options = SGDOptions;
  // What a group leaves out comes from the defaults.
  struct Group {
    std::vector<Tensor> params = {};
    std::optional<double> lr = {};
    std::optional<double> momentum = {};
    std::optional<double> dampening = {};
    std::optional<double> weight_decay = {};
    std::optional<bool> nesterov = {};
    std::optional<bool> maximize = {};
  };

  // Errors: ValueError for an option outside its domain and for a parameter given twice, DtypeError,
  // GraphError for a parameter that is no leaf.
  explicit SGD(std::vector<Tensor> params, const Options& options = {}, Location where = Location::current());
  explicit SGD(std::vector<Group> groups, const Options& defaults = {}, Location where = Location::current());
  void add_group(Group group, Location where = Location::current());

  const char* name() const override { return "SGD"; }

 private:
  void check_options(const Options& o, const char* op, Location where) const override;
  void update(Location where) override;
  std::vector<Option> options(std::size_t group) override;
  std::span<const char* const> slot_names() const override;
};

}  // namespace gradus::optim
