// What all optimizers share: membership, the walk around a step, saving and loading.
#include "gradus/optim/optimizer.h"

#include <fmt/format.h>

#include <cmath>
#include <string_view>
#include <unordered_map>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/recording.h"
#include "gradus/graph/state_entries.h"

namespace gradus::optim {
namespace {

struct Place {
  std::size_t group, index;
};

std::string describe_place(Place p) { return fmt::format("group {} (index {})", p.group, p.index); }

}  // namespace

double Optimizer::Option::get() const {
  if (number != nullptr) return *number;
  if (choice != nullptr) return static_cast<double>(*choice);
  return integer != nullptr ? static_cast<double>(*integer) : (*flag ? 1.0 : 0.0);
}

void Optimizer::Option::set(double value) const {
  if (number != nullptr)
    *number = value;
  else if (integer != nullptr)
    *integer = static_cast<std::int64_t>(value);
  else if (choice != nullptr)
    *choice = static_cast<unsigned char>(value);
  else
    *flag = value != 0.0;
}

void Optimizer::Option::check(double value, const char* op, Location where) const {
  const auto require = [&](bool holds, const char* domain) {
    if (!holds || !std::isfinite(value)) {
      throw_error<ValueError>(where, op, "{} is {}; it must be {}", name, value, domain);
    }
  };
  if (flag != nullptr) return require(value == 0.0 || value == 1.0, "0 or 1");
  if (choice != nullptr) {
    return require(value >= 0.0 && value < choices && std::floor(value) == value,
                   fmt::format("a whole number below {}", choices).c_str());
  }
  switch (range) {
    case Range::finite:
      return require(true, "a finite number");
    case Range::not_negative:
      return require(value >= 0.0, "a finite number >= 0");
    case Range::positive:
      return require(value > 0.0, "a finite number > 0");
    case Range::below_one:
      return require(value >= 0.0 && value < 1.0, ">= 0 and < 1");
    case Range::above_one:
      return require(value > 1.0, "a finite number > 1");
    case Range::count:
      return require(value >= 0.0 && value <= 1e15 && std::floor(value) == value, "a whole number >= 0");
  }
}

void Optimizer::check_table(std::span<const Option> table, const char* op, Location where) {
  for (const Option& o : table) o.check(o.get(), op, where);
}

void Optimizer::check_groups(Location where) const {
  for (std::size_t g = 0; g < members_.size(); ++g) {
    // The table hands out pointers to write through, which this does not do.
    check_table(const_cast<Optimizer*>(this)->table_of(g), name(), where);
    check_together(g, where);
  }
}

Shape Optimizer::slot_shape(const Tensor& param, std::size_t) const { return param.shape(); }

std::optional<double> Optimizer::option(std::size_t group, std::string_view name) const {
  for (const Option& o : const_cast<Optimizer*>(this)->table_of(group)) {
    if (o.name == name) return o.get();
  }
  return std::nullopt;
}

void Optimizer::set_option(std::size_t group, std::string_view option, double value, Location where) {
  const std::string op = fmt::format("{}::set_option", name());
  for (const Option& o : table_of(group)) {
    if (o.name != option) continue;
    o.check(value, op.c_str(), where);
    const double before = o.get();
    o.set(value);
    try {
      check_together(group, where);
    } catch (...) {
      o.set(before);
      throw;
    }
    return;
  }
  throw_error<ValueError>(where, op, "there is no option \"{}\"", option);
}

void Optimizer::step(Location where) {
  check_groups(where);
  const NoGrad guard;
  update(where);
}

void Optimizer::zero_grad() {
  for (Members& m : members_) {
    for (Tensor& p : m.params) p.clear_grad();
  }
}

void Optimizer::update_touched_rows_only(const Tensor& param, bool on, Location where) {
  const std::string op = fmt::format("{}::update_touched_rows_only", name());
  if (!is_elementwise()) throw_error<ValueError>(where, op, "{} looks at a parameter as a whole", name());
  for (Members& m : members_) {
    for (std::size_t i = 0; i < m.params.size(); ++i) {
      if (!m.params[i].is(param)) continue;
      if (param.rank() == 0) throw_error<ValueError>(where, op, "{} has no rows", describe(param));
      m.touched_rows_only[i] = on;
      return;
    }
  }
  throw_error<ValueError>(where, op, "{} is no parameter of this optimizer",
                          param.defined() ? describe(param) : "an empty handle");
}

void Optimizer::add_members(std::vector<Tensor> params, const char* op, Location where) {
  std::unordered_map<const TensorImpl*, Place> places;
  for (std::size_t g = 0; g < members_.size(); ++g) {
    for (std::size_t i = 0; i < members_[g].params.size(); ++i)
      places.emplace(members_[g].params[i].impl(), Place{g, i});
  }
  const std::size_t group = members_.size();
  for (std::size_t i = 0; i < params.size(); ++i) {
    const Tensor& p = params[i];
    if (!p.defined()) {
      throw_error<ValueError>(where, op, "{} is an empty handle", describe_place({group, i}));
    }
    if (p.dtype() != DType::f32 && p.dtype() != DType::f64) {
      throw_error<DtypeError>(
          where, op, "only f32 and f64 parameters can be optimized: {}{}", describe(p),
          is_half(p.dtype()) ? "; a half rounds most updates away: keep the parameter in f32 and let the "
                               "model compute with astype(w, DType::bf16)"
                             : "");
    }
    if (!p.is_leaf()) {
      throw_error<GraphError>(where, op,
                              "{} was computed by an op; only leaves can be optimized: pass what it was "
                              "computed from, or its detach()",
                              describe(p));
    }
    const auto [it, is_new] = places.emplace(p.impl(), Place{group, i});
    if (!is_new) {
      throw_error<ValueError>(where, op, "parameter {} is there twice: in {} and in {}; list it once",
                              describe(p), describe_place(it->second), describe_place({group, i}));
    }
  }
  Members m;
  m.states.resize(params.size());
  m.touched_rows_only.resize(params.size());
  m.params = std::move(params);
  members_.push_back(std::move(m));
}

namespace {

// What to call each parameter in a state. A name that two of them have is of no use.
template <class Members>
std::vector<std::vector<std::string>> keys_of(const std::vector<Members>& groups) {
  std::unordered_map<std::string_view, int> uses;
  for (const Members& m : groups) {
    for (const Tensor& p : m.params) ++uses[p.name()];
  }
  std::vector<std::vector<std::string>> keys(groups.size());
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (std::size_t i = 0; i < groups[g].params.size(); ++i) {
      const std::string_view name = groups[g].params[i].name();
      keys[g].push_back(!name.empty() && uses[name] == 1 ? std::string(name) : fmt::format("{}.{}", g, i));
    }
  }
  return keys;
}

}  // namespace

std::string Optimizer::key_of(std::size_t group, std::size_t index) const {
  return keys_of(members_)[group][index];
}

NamedTensors Optimizer::state() const {
  NamedTensors out;
  const auto keys = keys_of(members_);
  for (std::size_t g = 0; g < members_.size(); ++g) {
    for (const Option& o : const_cast<Optimizer*>(this)->table_of(g))
      out.push_back({fmt::format("param_groups.{}.{}", g, o.name), state_scalar(o.get())});
  }
  for (std::size_t g = 0; g < members_.size(); ++g) {
    for (std::size_t i = 0; i < members_[g].states.size(); ++i) {
      const ParamState& s = members_[g].states[i];
      const std::string prefix = fmt::format("state.{}.", keys[g][i]);
      out.push_back({prefix + "step", state_scalar(s.steps)});
      if (s.steps == 0) continue;
      if (product_name() != nullptr) out.push_back({prefix + product_name(), state_scalar(s.product)});
      const unsigned used = slots_of(g, members_[g].params[i]);
      for (std::size_t k = 0; k < slot_names().size(); ++k) {
        if (s.slots[k].defined())
          out.push_back({prefix + slot_names()[k], s.slots[k].clone_detached()});
        else if ((used >> k & 1U) != 0)
          out.push_back({prefix + slot_names()[k], empty({0}, members_[g].params[i].dtype())});
      }
    }
  }
  save_more(out);
  return out;
}

void Optimizer::load_state(const NamedTensors& state, Location where) {
  const std::string op = fmt::format("{}::load_state", name());
  StateEntries entries(state, op.c_str(), where);
  const auto keys = keys_of(members_);

  // Which slots are needed depends on the options, so they come first.
  std::vector<double> before, after;
  for (std::size_t g = 0; g < members_.size(); ++g) {
    for (const Option& o : table_of(g)) {
      const std::string key = fmt::format("param_groups.{}.{}", g, o.name);
      before.push_back(o.get());
      after.push_back(entries.number<double>(key));
      o.check(after.back(), op.c_str(), where);
    }
  }
  const auto write = [this](const std::vector<double>& values) {
    std::size_t next = 0;
    for (std::size_t g = 0; g < members_.size(); ++g) {
      for (const Option& o : table_of(g)) o.set(values[next++]);
    }
  };

  std::vector<std::vector<ParamState>> states(members_.size());
  write(after);
  try {
    check_groups(where);
    for (std::size_t g = 0; g < members_.size(); ++g) {
      for (std::size_t i = 0; i < members_[g].params.size(); ++i) {
        states[g].push_back(read_state(entries, g, i, fmt::format("state.{}.", keys[g][i]), op, where));
      }
    }
    check_more(entries, op.c_str(), where);
    entries.refuse_rest("make the optimizer with the same groups");
  } catch (...) {
    write(before);
    throw;
  }
  for (std::size_t g = 0; g < members_.size(); ++g) members_[g].states = std::move(states[g]);
  load_more();
}

ParamState Optimizer::read_state(StateEntries& entries, std::size_t group, std::size_t index,
                                 const std::string& prefix, const std::string& op, Location where) const {
  const Tensor& p = members_[group].params[index];
  ParamState s;
  s.steps = entries.count(prefix + "step");
  if (s.steps == 0) return s;
  if (product_name() != nullptr) s.product = entries.number<double>(prefix + product_name());
  const unsigned used = slots_of(group, p);
  for (std::size_t k = 0; k < slot_names().size(); ++k) {
    const std::string slot = prefix + slot_names()[k];
    const Tensor* t = entries.find(slot);
    if (t == nullptr) {
      if ((used >> k & 1U) == 0) continue;
      throw_error<ValueError>(where, op, "the state lacks \"{}\" of parameter {}", slot, describe(p));
    }
    if (t->dtype() != p.dtype()) {
      throw_error<DtypeError>(where, op, "\"{}\" {} has another dtype than its parameter {}", slot,
                              describe(*t), describe(p));
    }
    const Shape shape = slot_shape(p, k);
    if (!(t->shape() == shape)) {
      if ((late_slots() >> k & 1U) != 0 && t->shape() == Shape{0}) continue;  // not made yet
      if (shape == p.shape()) {
        throw_error<ShapeError>(where, op, "\"{}\" {} has another shape than its parameter {}", slot,
                                describe(*t), describe(p));
      }
      throw_error<ShapeError>(
          where, op, "\"{}\" {} must have shape {}, for its parameter {}", slot, describe(*t),
          format_shape({shape.data(), static_cast<std::size_t>(shape.size())}), describe(p));
    }
    s.slots[k] = t->clone_detached();
    if (has_nan(s.slots[k])) {
      throw_error<ValueError>(where, op, "\"{}\" {} holds a NaN", slot, describe(*t));
    }
  }
  return s;
}

}  // namespace gradus::optim
