#include "gradus/nn/module_list.h"

#include <algorithm>

#include "gradus/base/format.h"

namespace gradus::nn {

ModuleList& ModuleList::operator=(const ModuleList& o) {
  if (this == &o) return *this;
  Module::operator=(o);
  for (std::size_t i = 0; i < o.modules_.size(); ++i) {
    if (i == modules_.size())
      modules_.push_back(o.modules_[i]);
    else
      modules_[i] = o.modules_[i];
  }
  modules_.erase(modules_.begin() + static_cast<std::ptrdiff_t>(o.modules_.size()), modules_.end());
  return *this;
}

void ModuleList::visit_members(MemberVisitor& visitor) {
  for (std::size_t i = 0; i < modules_.size(); ++i) visitor.module(std::to_string(i), modules_[i].module());
}

const AnyModule& ModuleList::at(std::size_t i, Location where) const {
  if (i >= modules_.size())
    throw_error<ValueError>(where, "ModuleList", "module {} of {}", i, modules_.size());
  return modules_[i];
}

void ModuleList::fail_type(std::size_t i, Location where) const {
  throw_error<ValueError>(where, "ModuleList", "module {} is a {}, which is not what was asked for", i,
                          modules_[i].module().type_name());
}

ModuleDict& ModuleDict::operator=(const ModuleDict& o) {
  if (this == &o) return *this;
  Module::operator=(o);
  std::vector<Entry> next;
  for (const Entry& e : o.modules_) {
    const auto old = std::find_if(modules_.begin(), modules_.end(),
                                  [&](const Entry& own) { return own.first == e.first; });
    if (old == modules_.end()) {
      next.push_back(e);
    } else {
      old->second = e.second;
      next.push_back(std::move(*old));
      modules_.erase(old);
    }
  }
  modules_ = std::move(next);
  return *this;
}

void ModuleDict::erase(std::string_view name) {
  std::erase_if(modules_, [&](const Entry& e) { return e.first == name; });
}

std::vector<std::string> ModuleDict::keys() const {
  std::vector<std::string> names;
  for (const Entry& e : modules_) names.push_back(e.first);
  return names;
}

void ModuleDict::visit_members(MemberVisitor& visitor) {
  for (auto& [name, m] : modules_) visitor.module(name, m.module());
}

const ModuleDict::Entry* ModuleDict::find(std::string_view name) const {
  for (const Entry& e : modules_) {
    if (e.first == name) return &e;
  }
  return nullptr;
}

const AnyModule& ModuleDict::at(std::string_view name, Location where) const {
  const Entry* e = find(name);
  if (e == nullptr) throw_error<ValueError>(where, "ModuleDict", "there is no module \"{}\"", name);
  return e->second;
}

void ModuleDict::put(std::string_view name, AnyModule m, Location where) {
  if (name.empty() || name.find('.') != std::string_view::npos) {
    throw_error<ValueError>(where, "ModuleDict", "\"{}\" is no name; it must not be empty and have no dot",
                            name);
  }
  for (Entry& e : modules_) {
    if (e.first != name) continue;
    e.second = std::move(m);
    return;
  }
  modules_.emplace_back(std::string(name), std::move(m));
}

void ModuleDict::fail_type(std::string_view name, Location where) const {
  throw_error<ValueError>(where, "ModuleDict", "\"{}\" is a {}, which is not what was asked for", name,
                          at(name, where).module().type_name());
}

}  // namespace gradus::nn
