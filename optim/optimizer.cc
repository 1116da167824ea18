// What all optimizers share: membership, the walk around a step, saving and loading.
#include "gradus/optim/optimizer.h"

#include <fmt/format.h>

#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/recording.h"
#include "gradus/optim/flat_update.h"

namespace gradus::optim {
namespace {

struct Place {
  std::size_t group, index;
};

std::string describe_place(Place p) { return fmt::format("group {} (index {})", p.group, p.index); }

Tensor scalar(double x) {
  Tensor t = empty({}, DType::f64);
  *static_cast<double*>(t.impl()->data) = x;
  return t;
}

Tensor scalar(std::int64_t x) {
  Tensor t = empty({}, DType::i64);
  *static_cast<std::int64_t*>(t.impl()->data) = x;
  return t;
}

// The entries of a state by name; what was taken is remembered, so that the rest can be refused.
class Entries {
 public:
  Entries(const NamedTensors& state, const char* op, Location where) : op_(op), where_(where) {
    for (const NamedTensor& e : state) {
      if (!e.tensor.defined()) throw_error<ValueError>(where, op, "\"{}\" is an empty handle", e.name);
      if (!by_name_.emplace(e.name, &e.tensor).second) {
        throw_error<ValueError>(where, op, "the state holds \"{}\" twice", e.name);
      }
    }
  }

  const Tensor* find(const std::string& name) {
    const auto it = by_name_.find(name);
    if (it == by_name_.end()) return nullptr;
    taken_.insert(it->first);
    return it->second;
  }

  // A scalar of the given dtype.
  template <class T>
  T number(const std::string& name) {
    const Tensor* t = find(name);
    if (t == nullptr) throw_error<ValueError>(where_, op_, "the state lacks \"{}\"", name);
    if (t->numel() != 1) {
      throw_error<ShapeError>(where_, op_, "\"{}\" is {}; it must be one number", name, describe(*t));
    }
    if (t->dtype() != dtype_of<T>) {
      throw_error<DtypeError>(where_, op_, "\"{}\" is {}; it must be {}", name, describe(*t),
                              gradus::name(dtype_of<T>));
    }
    return t->item<T>();
  }

  void refuse_rest() const {
    for (const auto& [name, tensor] : by_name_) {
      if (!taken_.contains(name)) {
        throw_error<ValueError>(where_, op_,
                                "the state holds \"{}\", which belongs to no parameter or option here; the "
                                "optimizer must be made with the same groups",
                                name);
      }
    }
  }

 private:
  const char* op_;
  Location where_;
  std::unordered_map<std::string, const Tensor*> by_name_;
  std::unordered_set<std::string> taken_;
};

}  // namespace

void Optimizer::step(Location where) {
  check(where);
  const NoGrad guard;
  update(where);
}

void Optimizer::zero_grad() {
  for (Members& m : members_) {
    for (Tensor& p : m.params) p.clear_grad();
  }
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

NamedTensors Optimizer::state() const {
  NamedTensors out;
  const auto keys = keys_of(members_);
  for (std::size_t g = 0; g < members_.size(); ++g) {
    // options() hands out pointers to write through, which this does not do.
    for (const Option& o : const_cast<Optimizer*>(this)->options(g)) {
      const double value = o.number != nullptr ? *o.number : (*o.flag ? 1.0 : 0.0);
      out.push_back({fmt::format("param_groups.{}.{}", g, o.name), scalar(value)});
    }
  }
  for (std::size_t g = 0; g < members_.size(); ++g) {
    for (std::size_t i = 0; i < members_[g].states.size(); ++i) {
      const ParamState& s = members_[g].states[i];
      if (s.steps == 0) continue;
      out.push_back({fmt::format("state.{}.step", keys[g][i]), scalar(s.steps)});
      for (std::size_t k = 0; k < slot_names().size(); ++k) {
        if (!s.slots[k].defined()) continue;
        out.push_back({fmt::format("state.{}.{}", keys[g][i], slot_names()[k]), s.slots[k].clone_detached()});
      }
    }
  }
  return out;
}

void Optimizer::load_state(const NamedTensors& state, Location where) {
  const std::string op = fmt::format("{}::load_state", name());
  Entries entries(state, op.c_str(), where);
  const auto keys = keys_of(members_);

  std::vector<std::vector<ParamState>> states(members_.size());
  for (std::size_t g = 0; g < members_.size(); ++g) {
    for (std::size_t i = 0; i < members_[g].params.size(); ++i) {
      const Tensor& p = members_[g].params[i];
      ParamState s;
      const std::string step = fmt::format("state.{}.step", keys[g][i]);
      if (entries.find(step) != nullptr) {
        s.steps = entries.number<std::int64_t>(step);
        if (s.steps < 1) {
          throw_error<ValueError>(where, op, "\"{}\" is {}; a step count that is kept is >= 1", step,
                                  s.steps);
        }
        for (std::size_t k = 0; k < slot_names().size(); ++k) {
          const std::string slot = fmt::format("state.{}.{}", keys[g][i], slot_names()[k]);
          const Tensor* t = entries.find(slot);
          if (t == nullptr) continue;  // made by the step that first needs it
          if (!(t->shape() == p.shape())) {
            throw_error<ShapeError>(where, op, "\"{}\" {} has another shape than its parameter {}", slot,
                                    describe(*t), describe(p));
          }
          if (t->dtype() != p.dtype()) {
            throw_error<DtypeError>(where, op, "\"{}\" {} has another dtype than its parameter {}", slot,
                                    describe(*t), describe(p));
          }
          s.slots[k] = t->clone_detached();
        }
      }
      states[g].push_back(std::move(s));
    }
  }

  std::vector<double> before;
  std::vector<double> after;
  for (std::size_t g = 0; g < members_.size(); ++g) {
    for (const Option& o : options(g)) {
      before.push_back(o.number != nullptr ? *o.number : (*o.flag ? 1.0 : 0.0));
      after.push_back(entries.number<double>(fmt::format("param_groups.{}.{}", g, o.name)));
    }
  }
  entries.refuse_rest();

  const auto write = [this](const std::vector<double>& values) {
    std::size_t next = 0;
    for (std::size_t g = 0; g < members_.size(); ++g) {
      for (const Option& o : options(g)) {
        if (o.number != nullptr)
          *o.number = values[next++];
        else
          *o.flag = values[next++] != 0.0;
      }
    }
  };
  write(after);
  try {
    check(where);
  } catch (...) {
    write(before);
    throw;
  }
  for (std::size_t g = 0; g < members_.size(); ++g) members_[g].states = std::move(states[g]);
}

}  // namespace gradus::optim
