// Optimizer: parameters in groups, and what each parameter carries from step to step. Hyper-parameters belong
// to a group: what a group leaves out is taken from the defaults when the group is added, once, and from then
// on opt.groups()[i] holds plain values to read and write between steps. One optimizer, one file beside this.
// Knows nothing of modules. An optimizer may be used by one thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gradus/base/location.h"
#include "gradus/graph/named_tensor.h"
#include "gradus/graph/tensor.h"

namespace gradus::optim {

inline constexpr int kMaxSlots = 3;

// What one parameter carries between steps. A parameter that never had a gradient carries nothing.
struct ParamState {
  std::int64_t steps = 0;
  std::array<Tensor, kMaxSlots> slots;  // moments and the like; undefined until a step needs them
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // Changes every parameter that has a gradient; one without (undefined, which is another thing than zero)
  // stays as it is, and so does its state. Errors, with nothing changed: ValueError for a hyper-parameter
  // outside its domain.
  void step(Location where = Location::current());
  // Makes all gradients undefined.
  void zero_grad();

  std::size_t group_count() const { return members_.size(); }
  // The parameters of a group, in the order given.
  std::span<const Tensor> params(std::size_t group) const { return members_[group].params; }
  const ParamState& state_of(std::size_t group, std::size_t index) const {
    return members_[group].states[index];
  }

  // Everything but the parameters, as copies: `param_groups.<i>.<option>` and `state.<parameter>.<slot>`.
  // A parameter is called by its name(), or by `<group>.<index>` where it has none of its own.
  NamedTensors state() const;
  // Replaces the whole state by one that state() gave. Errors, with nothing changed: ValueError (a name that
  // is missing or unknown, a hyper-parameter outside its domain), ShapeError, DtypeError.
  void load_state(const NamedTensors& state, Location where = Location::current());

  // "AdamW", for messages.
  virtual const char* name() const = 0;

 protected:
  struct Members {
    std::vector<Tensor> params;
    std::vector<ParamState> states;
  };
  // One hyper-parameter of a group by name; exactly one of the pointers is set.
  struct Option {
    const char* name;
    double* number;
    bool* flag;
  };

  Optimizer() = default;
  Optimizer(Optimizer&&) = default;
  Optimizer& operator=(Optimizer&&) = default;

  // Adds the parameters of a group. Errors, with nothing changed: ValueError (an empty handle, a parameter
  // that is here already), DtypeError, GraphError (not a leaf).
  void add_members(std::vector<Tensor> params, const char* op, Location where);

  virtual void update(Location where) = 0;
  virtual void check(Location where) const = 0;  // of all groups' hyper-parameters
  virtual std::vector<Option> options(std::size_t group) = 0;
  virtual std::span<const char* const> slot_names() const = 0;

  std::vector<Members> members_;
};

// An optimizer whose groups' hyper-parameters are an `Options`, a plain struct.
template <class Options>
class GroupedOptimizer : public Optimizer {
 public:
  // One entry a group; valid until a group is added.
  std::span<Options> groups() { return groups_; }
  std::span<const Options> groups() const { return groups_; }
  const Options& defaults() const { return defaults_; }

 protected:
  explicit GroupedOptimizer(const Options& defaults) : defaults_(defaults) {}

  void add_resolved(std::vector<Tensor> params, const Options& options, const char* op, Location where) {
    check_options(options, op, where);
    groups_.reserve(groups_.size() + 1);
    add_members(std::move(params), op, where);
    groups_.push_back(options);
  }
  // Throws a ValueError that says `op` and what is wrong.
  virtual void check_options(const Options& options, const char* op, Location where) const = 0;
  void check(Location where) const override {
    for (const Options& o : groups_) check_options(o, name(), where);
  }

  std::vector<Options> groups_;
  Options defaults_;
};

}  // namespace gradus::optim
