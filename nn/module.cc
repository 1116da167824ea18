// What can be done with any module, by visitors over its members. A const module is visited too: what is
// visited here for reading is not changed.
#include "gradus/nn/module.h"

#include <cxxabi.h>
#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <ostream>
#include <typeinfo>
#include <unordered_map>
#include <unordered_set>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/recording.h"

namespace gradus::nn {
namespace {

Module& unlock(const Module& m) { return const_cast<Module&>(m); }

std::string join_name(const std::string& prefix, std::string_view name) {
  return prefix.empty() ? std::string(name) : prefix + "." + std::string(name);
}

// Every tensor below a module, with its whole name. Undefined ones are not there.
template <class F>
class TensorWalk final : public MemberVisitor {
 public:
  TensorWalk(std::string prefix, F& f) : prefix_(std::move(prefix)), f_(f) {}

  void parameter(std::string_view name, Parameter& p) override {
    if (p.defined()) f_(join_name(prefix_, name), p, true);
  }
  void buffer(std::string_view name, Buffer& b) override {
    if (b.defined()) f_(join_name(prefix_, name), b, false);
  }
  void module(std::string_view name, Module& m) override {
    TensorWalk below(join_name(prefix_, name), f_);
    m.visit_members(below);
  }

 private:
  std::string prefix_;
  F& f_;
};

// f(name, tensor, is_parameter)
template <class F>
void for_each_tensor(const Module& m, F f) {
  TensorWalk<F> walk("", f);
  unlock(m).visit_members(walk);
}

class Children final : public MemberVisitor {
 public:
  void parameter(std::string_view, Parameter&) override {}
  void buffer(std::string_view, Buffer&) override {}
  void module(std::string_view name, Module& m) override { found.emplace_back(std::string(name), &m); }

  std::vector<std::pair<std::string, Module*>> found;
};

bool is_bias(std::string_view name) {
  return name.substr(name.rfind('.') + 1).find("bias") != std::string_view::npos;
}

std::string list_names(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 8;
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < kMost; ++i) {
    text += fmt::format("{}\"{}\"", i == 0 ? "" : ", ", names[i]);
  }
  if (names.size() > kMost) text += fmt::format(" and {} more", names.size() - kMost);
  return text;
}

void append(std::string& out, Module& m, int indent) {
  const auto children = m.named_children();
  out += m.type_name() + "(" + m.options_text();
  if (!children.empty()) {
    for (const auto& [name, child] : children) {
      out += fmt::format("\n{:{}}({}): ", "", indent + 2, name);
      append(out, *child, indent + 2);
    }
    out += fmt::format("\n{:{}}", "", indent);
  }
  out += ")";
}

}  // namespace

NamedTensors Module::named_parameters() const {
  NamedTensors out;
  std::unordered_set<const TensorImpl*> seen;
  for_each_tensor(*this, [&](std::string name, Tensor& t, bool is_parameter) {
    if (!is_parameter || !seen.insert(t.impl()).second) return;
    if (t.name().empty()) t.name(name);
    out.push_back({std::move(name), t});
  });
  return out;
}

std::vector<Tensor> Module::parameters() const {
  std::vector<Tensor> out;
  for (NamedTensor& p : named_parameters()) out.push_back(std::move(p.tensor));
  return out;
}

std::vector<Tensor> Module::biases() const {
  std::vector<Tensor> out;
  for (NamedTensor& p : named_parameters()) {
    if (is_bias(p.name)) out.push_back(std::move(p.tensor));
  }
  return out;
}

std::vector<Tensor> Module::weights() const {
  std::vector<Tensor> out;
  for (NamedTensor& p : named_parameters()) {
    if (!is_bias(p.name)) out.push_back(std::move(p.tensor));
  }
  return out;
}

NamedTensors Module::named_buffers() const {
  NamedTensors out;
  for_each_tensor(*this, [&](std::string name, Tensor& t, bool is_parameter) {
    if (!is_parameter) out.push_back({std::move(name), t});
  });
  return out;
}

std::vector<std::pair<std::string, Module*>> Module::named_children() {
  Children children;
  visit_members(children);
  return std::move(children.found);
}

std::vector<std::pair<std::string, Module*>> Module::named_modules() {
  std::vector<std::pair<std::string, Module*>> out = {{"", this}};
  for (auto& [name, child] : named_children()) {
    for (auto& [below, m] : child->named_modules()) {
      std::string full = name;
      if (!below.empty()) full.append(".").append(below);
      out.emplace_back(std::move(full), m);
    }
  }
  return out;
}

std::int64_t Module::parameter_count() const {
  std::int64_t n = 0;
  for (const NamedTensor& p : named_parameters()) n += p.tensor.numel();
  return n;
}

void Module::train(bool on) {
  training_ = on;
  for (auto& [name, child] : named_children()) child->train(on);
}

void Module::requires_grad(bool on) {
  for_each_tensor(*this, [&](const std::string&, Tensor& t, bool is_parameter) {
    if (is_parameter) t.requires_grad(on);
  });
}

void Module::zero_grad() {
  for_each_tensor(*this, [](const std::string&, Tensor& t, bool) { t.clear_grad(); });
}

NamedTensors Module::state_dict() const {
  NamedTensors out;
  for_each_tensor(*this, [&](std::string name, Tensor& t, bool) {
    out.push_back({std::move(name), t.clone_detached()});
  });
  return out;
}

void Module::load_state_dict(const NamedTensors& state, Location where) {
  load_state_dict(state, /*strict=*/true, where);
}

LoadedState Module::load_state_dict(const NamedTensors& state, bool strict, Location where) {
  constexpr const char* kOp = "load_state_dict";
  std::unordered_map<std::string, const Tensor*> by_name;
  for (const NamedTensor& e : state) {
    if (!e.tensor.defined()) throw_error<ValueError>(where, kOp, "\"{}\" is an empty handle", e.name);
    if (!by_name.emplace(e.name, &e.tensor).second) {
      throw_error<ValueError>(where, kOp, "the state holds \"{}\" twice", e.name);
    }
  }

  std::vector<std::pair<Tensor, Tensor>> copies;  // to, from
  LoadedState left;
  std::unordered_set<std::string> taken;
  for_each_tensor(*this, [&](const std::string& name, Tensor& t, bool) {
    const auto it = by_name.find(name);
    if (it == by_name.end()) {
      left.missing_keys.push_back(name);
      return;
    }
    taken.insert(name);
    const Tensor& from = *it->second;
    if (!(from.shape() == t.shape())) {
      throw_error<ShapeError>(where, kOp, "\"{}\" is {} in the state and {} in the model", name,
                              format_shape(from.shape()), format_shape(t.shape()));
    }
    if (from.dtype() != t.dtype()) {
      throw_error<DtypeError>(where, kOp,
                              "\"{}\" is {} in the state and {} in the model; convert it with astype()", name,
                              gradus::name(from.dtype()), gradus::name(t.dtype()));
    }
    copies.emplace_back(t, from);
  });
  for (const NamedTensor& e : state) {
    if (!taken.contains(e.name)) left.unexpected_keys.push_back(e.name);
  }
  if (strict && !(left.missing_keys.empty() && left.unexpected_keys.empty())) {
    std::string what;
    if (!left.missing_keys.empty()) what = "the state lacks " + list_names(left.missing_keys);
    if (!left.unexpected_keys.empty()) {
      what += (what.empty() ? "the state holds " : "; it holds ") + list_names(left.unexpected_keys) +
              ", of which the model knows nothing";
    }
    throw ValueError(format_message(where, kOp, what));
  }
  const NoGrad guard;
  for (auto& [to, from] : copies) to.copy_(from, where);
  return left;
}

// Lists are replaced, never changed, so that a hook may add and remove hooks while they run.
struct Module::HookList {
  struct Entry {
    int id;
    std::shared_ptr<const ForwardPreHook> before;
    std::shared_ptr<const ForwardHook> after;
  };
  int next = 0;
  std::vector<Entry> entries;
};

int Module::add_forward_pre_hook(ForwardPreHook hook) {
  auto list =
      hooks_.list == nullptr ? std::make_shared<HookList>() : std::make_shared<HookList>(*hooks_.list);
  list->entries.push_back({list->next, std::make_shared<const ForwardPreHook>(std::move(hook)), nullptr});
  hooks_.list = std::move(list);
  return hooks_.list->next++;
}

int Module::add_forward_hook(ForwardHook hook) {
  auto list =
      hooks_.list == nullptr ? std::make_shared<HookList>() : std::make_shared<HookList>(*hooks_.list);
  list->entries.push_back({list->next, nullptr, std::make_shared<const ForwardHook>(std::move(hook))});
  hooks_.list = std::move(list);
  return hooks_.list->next++;
}

void Module::remove_hook(int id) {
  if (hooks_.list == nullptr) return;
  auto list = std::make_shared<HookList>(*hooks_.list);
  std::erase_if(list->entries, [&](const HookList::Entry& e) { return e.id == id; });
  hooks_.list = std::move(list);
}

Tensor Module::before_forward(const Tensor& input) const {
  const std::shared_ptr<const HookList> list = hooks_.list;
  Tensor x = input;
  if (list == nullptr) return x;
  for (const HookList::Entry& e : list->entries) {
    if (e.before == nullptr) continue;
    Tensor replaced = (*e.before)(*this, x);
    if (replaced.defined()) x = std::move(replaced);
  }
  return x;
}

Tensor Module::after_forward(const Tensor& input, const Tensor& output) const {
  const std::shared_ptr<const HookList> list = hooks_.list;
  Tensor y = output;
  if (list == nullptr) return y;
  for (const HookList::Entry& e : list->entries) {
    if (e.after == nullptr) continue;
    Tensor replaced = (*e.after)(*this, input, y);
    if (replaced.defined()) y = std::move(replaced);
  }
  return y;
}

std::string Module::type_name() const {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(typeid(*this).name(), nullptr, nullptr, &status), std::free);
  if (status != 0) return "Module";
  const std::string_view full = text.get();
  // The part behind the last "::" that stands outside template arguments and parameter lists.
  std::size_t begin = 0;
  int depth = 0;
  for (std::size_t i = 0; i < full.size(); ++i) {
    if (full[i] == '<' || full[i] == '(')
      ++depth;
    else if (full[i] == '>' || full[i] == ')')
      --depth;
    else if (full[i] == ':' && depth == 0)
      begin = i + 1;
  }
  return std::string(full.substr(begin));
}

std::string to_string(const Module& module) {
  std::string out;
  append(out, unlock(module), 0);
  return out;
}

std::ostream& operator<<(std::ostream& out, const Module& module) { return out << to_string(module); }

}  // namespace gradus::nn
