// MemberVisitor: how a module shows its members, one by one and by name. Everything that works on modules in
// general (parameters, saving, printing, train and eval) is a visitor; a module only lists its members, once,
// with GRADUS_MEMBERS.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "gradus/nn/parameter.h"

namespace gradus::nn {

class Module;

class MemberVisitor {
 public:
  virtual ~MemberVisitor() = default;
  virtual void parameter(std::string_view name, Parameter& p) = 0;
  virtual void buffer(std::string_view name, Buffer& b) = 0;
  virtual void module(std::string_view name, Module& m) = 0;

  // `names` is the text of the list of members: "fc1, fc2".
  template <class... Members>
  void members([[maybe_unused]] std::string_view names, Members&... members) {
    (member(std::string(next_name(names)), members), ...);
  }

  // Parameter, Buffer, module; optional, unique_ptr, vector and array of them.
  template <class T>
  void member(const std::string& name, T& m) {
    if constexpr (std::is_base_of_v<Parameter, T>) {
      parameter(name, m);
    } else if constexpr (std::is_base_of_v<Buffer, T>) {
      buffer(name, m);
    } else if constexpr (std::is_base_of_v<Module, T>) {
      module(name, m);
    } else {
      compound(name, m);
    }
  }

 private:
  template <class T>
  void compound(const std::string& name, std::optional<T>& m) {
    if (m.has_value()) member(name, *m);
  }
  template <class T, class D>
  void compound(const std::string& name, std::unique_ptr<T, D>& m) {
    if (m != nullptr) member(name, *m);
  }
  template <class T, class A>
  void compound(const std::string& name, std::vector<T, A>& m) {
    for (std::size_t i = 0; i < m.size(); ++i) member(name + "." + std::to_string(i), m[i]);
  }
  template <class T, std::size_t n>
  void compound(const std::string& name, std::array<T, n>& m) {
    for (std::size_t i = 0; i < n; ++i) member(name + "." + std::to_string(i), m[i]);
  }
  template <class T>
  void compound(const std::string&, T&) {
    static_assert(
        sizeof(T) == 0,
        "GRADUS_MEMBERS takes nn::Parameter, nn::Buffer, modules, and optional, unique_ptr, vector and "
        "array of these");
  }

  // Takes the first name off a list.
  static std::string_view next_name(std::string_view& names) {
    constexpr std::string_view kBlank = " \t\n";
    const std::size_t begin = names.find_first_not_of(kBlank);
    const std::size_t comma = names.find(',', begin);
    std::string_view name = names.substr(begin, comma - begin);
    names = comma == std::string_view::npos ? std::string_view() : names.substr(comma + 1);
    return name.substr(0, name.find_last_not_of(kBlank) + 1);
  }
};

}  // namespace gradus::nn

// Lists the members of a module that hold parameters: GRADUS_MEMBERS(fc1, fc2). Its names are those of files.
// A module without any writes GRADUS_MEMBERS(). One without this line does not compile.
#define GRADUS_MEMBERS(...)                                                  \
  void visit_members(::gradus::nn::MemberVisitor& gradus_visitor) override { \
    gradus_visitor.members(#__VA_ARGS__ __VA_OPT__(, ) __VA_ARGS__);         \
  }
