// ModuleList: modules by number, ModuleDict: modules by name; of any types, as values. For modules of one
// type a std::vector member does the same and needs no get<T>(). Neither can be called: their owner does
// that.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradus/nn/any_module.h"

namespace gradus::nn {

class ModuleList : public Module {
 public:
  ModuleList() = default;
  template <std::derived_from<Module>... Modules>
  requires(sizeof...(Modules) > 0) explicit ModuleList(Modules... m) { (append(std::move(m)), ...); }
  ModuleList(const ModuleList&) = default;
  ModuleList(ModuleList&&) noexcept = default;
  ModuleList& operator=(const ModuleList& o);  // as Sequential's
  ModuleList& operator=(ModuleList&&) noexcept = default;

  template <std::derived_from<Module> M>
  ModuleList& append(M m) {
    modules_.emplace_back(std::move(m));
    return *this;
  }
  std::size_t size() const { return modules_.size(); }
  // A module as what it is, or to be called with one tensor. Errors: ValueError for an index out of range,
  // get() also for another type.
  template <std::derived_from<Module> M>
  M& get(std::size_t i, Location where = Location::current()) const {
    M* m = dynamic_cast<M*>(&at(i, where).module());
    if (m == nullptr) fail_type(i, where);
    return *m;
  }
  const AnyModule& operator[](std::size_t i) const { return at(i, Location::current()); }

  void visit_members(MemberVisitor& visitor) override;

 private:
  const AnyModule& at(std::size_t i, Location where) const;
  [[noreturn]] void fail_type(std::size_t i, Location where) const;

  std::vector<AnyModule> modules_;
};

class ModuleDict : public Module {
 public:
  ModuleDict() = default;
  ModuleDict(const ModuleDict&) = default;
  ModuleDict(ModuleDict&&) noexcept = default;
  ModuleDict& operator=(const ModuleDict& o);  // as Sequential's, by name
  ModuleDict& operator=(ModuleDict&&) noexcept = default;

  // Adds a module or replaces the one of that name. Errors: ValueError for a name that is empty or has a dot,
  // which separates names.
  template <std::derived_from<Module> M>
  ModuleDict& insert(std::string_view name, M m, Location where = Location::current()) {
    put(name, AnyModule(std::move(m)), where);
    return *this;
  }
  void erase(std::string_view name);
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  std::size_t size() const { return modules_.size(); }
  // In the order in which they were inserted.
  std::vector<std::string> keys() const;
  // As in ModuleList. Errors: ValueError for a name that is not there.
  template <std::derived_from<Module> M>
  M& get(std::string_view name, Location where = Location::current()) const {
    M* m = dynamic_cast<M*>(&at(name, where).module());
    if (m == nullptr) fail_type(name, where);
    return *m;
  }
  const AnyModule& operator[](std::string_view name) const { return at(name, Location::current()); }

  void visit_members(MemberVisitor& visitor) override;

 private:
  using Entry = std::pair<std::string, AnyModule>;
  const Entry* find(std::string_view name) const;
  const AnyModule& at(std::string_view name, Location where) const;
  void put(std::string_view name, AnyModule m, Location where);
  [[noreturn]] void fail_type(std::string_view name, Location where) const;

  std::vector<Entry> modules_;
};

}  // namespace gradus::nn
