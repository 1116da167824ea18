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
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "gradus/base/location.h"
#include "gradus/graph/named_tensor.h"
#include "gradus/graph/tensor.h"

namespace gradus {
class StateEntries;
}

namespace gradus::optim {

inline constexpr int kMaxSlots = 3;

// What one parameter carries between steps. A parameter that never had a gradient carries nothing.
struct ParamState {
  std::int64_t steps = 0;
  std::array<Tensor, kMaxSlots> slots;  // moments and the like; undefined until a step needs them
  double product = 1.0;                 // a running product, of an optimizer that keeps one
};

class FusedStep;
struct FusedKernels;

// The domain of a hyper-parameter; every one is finite.
enum class Range : std::uint8_t { finite, not_negative, positive, below_one, above_one, count };

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
  // For tables of which a step touches few rows, such as the weight of an embedding: from now on rows (of the
  // first axis) whose gradient is all 0 are left alone, their state too, without decay or momentum; the step
  // counts for the whole parameter, as in torch.optim.SparseAdam. Not part of the state. Errors: ValueError
  // for what is no parameter here, for a scalar, and where the step is not elementwise (Adafactor, Muon,
  // LBFGS).
  void update_touched_rows_only(const Tensor& param, bool on = true, Location where = Location::current());

  // What a parameter is called in the state: its name(), or `<group>.<index>` where it has none of its own.
  std::string key_of(std::size_t group, std::size_t index) const;

  // A hyper-parameter by its name in the state ("lr", "beta1"; a flag is 0 or 1), for schedules and others
  // that serve any optimizer; nothing where this optimizer has none of that name.
  std::optional<double> option(std::size_t group, std::string_view name) const;
  // Errors: ValueError for a name that is unknown or a value outside its domain, with nothing changed.
  void set_option(std::size_t group, std::string_view name, double value,
                  Location where = Location::current());

  // Everything but the parameters, as copies: `param_groups.<i>.<option>`, `state.<parameter>.step` and
  // `state.<parameter>.<slot>`. A slot that its parameter's steps have not needed yet has shape [0].
  NamedTensors state() const;
  // Replaces the whole state by one that state() gave. Errors, with nothing changed: ValueError (a name that
  // is missing or unknown, a hyper-parameter outside its domain, a negative step, a NaN), ShapeError,
  // DtypeError.
  void load_state(const NamedTensors& state, Location where = Location::current());

  // "AdamW", for messages.
  virtual const char* name() const = 0;

 protected:
  struct Members {
    std::vector<Tensor> params;
    std::vector<ParamState> states;
    std::vector<bool> touched_rows_only;
  };
  // One hyper-parameter of a group by name.
  struct Option {
    Option(const char* n, double* p, Range r) : name(n), number(p), range(r) {}
    Option(const char* n, bool* p) : name(n), flag(p) {}
    Option(const char* n, std::int64_t* p) : name(n), integer(p), range(Range::count) {}
    // One of an enumeration's values 0 to count - 1, whose type is std::uint8_t underneath.
    template <class E>
    requires std::is_same_v<std::underlying_type_t<E>, std::uint8_t> Option(const char* n, E* p, int count)
        : name(n), choice(reinterpret_cast<unsigned char*>(p)), choices(count) {}

    double get() const;
    void set(double value) const;
    // Errors: ValueError.
    void check(double value, const char* op, Location where) const;

    const char* name;
    double* number = nullptr;  // exactly one of the pointers is set
    bool* flag = nullptr;
    std::int64_t* integer = nullptr;
    unsigned char* choice = nullptr;
    int choices = 0;
    Range range = Range::finite;
  };

  Optimizer() = default;
  Optimizer(Optimizer&&) = default;
  Optimizer& operator=(Optimizer&&) = default;

  // Adds the parameters of a group. Errors, with nothing changed: ValueError (an empty handle, a parameter
  // that is here already), DtypeError, GraphError (not a leaf).
  void add_members(std::vector<Tensor> params, const char* op, Location where);
  static void check_table(std::span<const Option> table, const char* op, Location where);
  // Of all groups' hyper-parameters. Errors: ValueError.
  void check_groups(Location where) const;

  virtual void update(Location where) = 0;
  virtual std::vector<Option> table_of(std::size_t group) = 0;
  // What the domains of single options do not say. Errors: ValueError.
  virtual void check_together(std::size_t group, Location where) const = 0;
  virtual std::span<const char* const> slot_names() const = 0;
  // Bit k: the steps of this parameter, under its group's options, use slot k.
  virtual unsigned slots_of(std::size_t group, const Tensor& param) const = 0;
  // Those among them that a change of options may call for after some steps; only they may be missing then.
  virtual unsigned late_slots() const { return 0; }
  virtual Shape slot_shape(const Tensor& param, std::size_t slot) const;
  virtual bool is_elementwise() const { return true; }
  virtual const char* product_name() const { return nullptr; }
  // State of the optimizer as a whole, for those that have it: appended to state(). check_more reads
  // and validates what save_more wrote and changes nothing that a step sees; load_more then takes it over.
  virtual void save_more(NamedTensors&) const {}
  virtual void check_more(StateEntries&, const char*, Location) {}
  virtual void load_more() {}

  // An update() by one pass over the memory of all; defined in fused_step.h.
  template <class MakeFactors>
  void fused_update(const char* writer, Location where, const FusedKernels& kernels,
                    const MakeFactors& make_factors);
  template <class MakeFactors, class Initial>
  void fused_update(const char* writer, Location where, const FusedKernels& kernels,
                    const MakeFactors& make_factors, const Initial& initial);
  // A part of it, for an optimizer whose groups differ.
  template <class MakeFactors, class Initial>
  void fuse_group(FusedStep& fused, std::size_t group, const FusedKernels& kernels,
                  const MakeFactors& make_factors, const Initial& initial);

  std::vector<Members> members_;

 private:
  ParamState read_state(StateEntries& entries, std::size_t group, std::size_t index,
                        const std::string& prefix, const std::string& op, Location where) const;
};

// An optimizer whose groups' hyper-parameters are an `O`, a plain struct; a `G` is a group as the user gives
// it: `params`, and each option as an optional. Derived has
//   static constexpr const char* kName;                    "AdamW"
//   static O resolve(const G&, const O& defaults);         what the group says, or the defaults
//   static std::vector<Option> table(O&);                  the options by name, with their domains
//   static unsigned slots(const O&, const Tensor&);        which of slot_names() the steps use
//   static void check_options(const O&, const char* op, Location);                 may be left out
//   static void check_member(const O&, const Tensor&, const char* op, Location);   of a parameter; the same
template <class Derived, class O, class G>
class GroupedOptimizer : public Optimizer {
 public:
  using Options = O;
  // What a group leaves out comes from the defaults.
  using Group = G;

  // Errors: ValueError for an option outside its domain and for a parameter given twice, DtypeError,
  // GraphError for a parameter that is no leaf.
  explicit GroupedOptimizer(std::vector<Tensor> params,  // NOLINT(performance-unnecessary-value-param): moved
                            const O& options = {}, Location where = Location::current())
      : defaults_(options) {
    check_one(defaults_, Derived::kName, where);
    G all;
    all.params = std::move(params);
    add_group(std::move(all), where);
  }
  explicit GroupedOptimizer(std::vector<G> groups, const O& defaults = {},
                            Location where = Location::current())
      : defaults_(defaults) {
    check_one(defaults_, Derived::kName, where);
    for (G& g : groups) add_group(std::move(g), where);
  }

  void add_group(G group, Location where = Location::current()) {
    O o = Derived::resolve(group, defaults_);
    check_one(o, Derived::kName, where);
    for (const Tensor& p : group.params) Derived::check_member(o, p, Derived::kName, where);
    groups_.reserve(groups_.size() + 1);
    add_members(std::move(group.params), Derived::kName, where);
    groups_.push_back(o);
  }

  // One entry a group; valid until a group is added.
  std::span<O> groups() { return groups_; }
  std::span<const O> groups() const { return groups_; }
  const O& defaults() const { return defaults_; }

  const char* name() const override { return Derived::kName; }

 protected:
  static void check_options(const O&, const char*, Location) {}
  static void check_member(const O&, const Tensor&, const char*, Location) {}

  std::vector<Option> table_of(std::size_t group) override { return Derived::table(groups_[group]); }
  void check_together(std::size_t group, Location where) const override {
    Derived::check_options(groups_[group], Derived::kName, where);
    for (const Tensor& p : members_[group].params)
      Derived::check_member(groups_[group], p, Derived::kName, where);
  }
  unsigned slots_of(std::size_t group, const Tensor& param) const override {
    return Derived::slots(groups_[group], param);
  }

  std::vector<O> groups_;
  O defaults_;

 private:
  static void check_one(O& o, const char* op, Location where) {
    check_table(Derived::table(o), op, where);
    Derived::check_options(o, op, where);
  }
};

}  // namespace gradus::optim
