// Module: the base of layers and models. A model is a plain struct whose members are its parameters and
// sub-modules:
//   struct Mlp : nn::Module {
//     nn::Linear fc1{784, 256}, fc2{256, 10};
//     GRADUS_MEMBERS(fc1, fc2)
//     Tensor operator()(const Tensor& x) const { return fc2(relu(fc1(x))); }
//   };
// It is a value: copies are independent (tied parameters are not tied in a copy). Knows no optimizer.
// Computing with one model in several threads is fine while none of them changes it.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradus/base/unique_function.h"
#include "gradus/graph/named_tensor.h"
#include "gradus/nn/parameter.h"
#include "gradus/nn/visitor.h"

namespace gradus::nn {

class Module;

// Functions that see the calls of a module: its first input before, its first input and its (first) result
// after. Each may return a tensor that takes the place of the input or the result; an undefined Tensor keeps
// it.
using ForwardPreHook = UniqueFunction<Tensor(const Module& module, const Tensor& input)>;
using ForwardHook = UniqueFunction<Tensor(const Module& module, const Tensor& input, const Tensor& output)>;

// Which names had no partner when a state was loaded.
struct LoadedState {
  std::vector<std::string> missing_keys;     // of the model
  std::vector<std::string> unexpected_keys;  // of the state
};

class Module {
 public:
  virtual ~Module() = default;

  // Shows each member to the visitor; GRADUS_MEMBERS writes it.
  virtual void visit_members(MemberVisitor& visitor) = 0;

  // The parameters under their names, "fc1.weight", in the order of the members; a tied one under its first
  // name. A parameter that has no name() yet gets this one, for messages and drawings.
  NamedTensors named_parameters() const;
  std::vector<Tensor> parameters() const;
  // Those whose own name is or contains "bias", and the others: for groups of an optimizer.
  std::vector<Tensor> biases() const;
  std::vector<Tensor> weights() const;
  NamedTensors named_buffers() const;
  // The direct sub-modules; all modules with this one first, under the name "".
  std::vector<std::pair<std::string, Module*>> named_children();
  std::vector<std::pair<std::string, Module*>> named_modules();
  // Elements of all parameters.
  std::int64_t parameter_count() const;

  // Layers that behave differently in training ask training(); on by default.
  bool training() const { return training_; }
  void train(bool on = true);
  void eval() { train(false); }
  // Parameters collect a gradient, or are frozen.
  void requires_grad(bool on);
  void zero_grad();

  // Copies of parameters and buffers under their names; a tied one under each of its names.
  NamedTensors state_dict() const;
  // Copies values in, by name. Errors, with nothing changed: ValueError (names that are missing, unknown or
  // twice), ShapeError, DtypeError.
  void load_state_dict(const NamedTensors& state, Location where = Location::current());
  // With strict = false names may be missing or unknown: what the two have in common is copied, and the rest
  // is returned. Errors, with nothing changed: the others of above.
  LoadedState load_state_dict(const NamedTensors& state, bool strict, Location where = Location::current());

  // Hooks see calls through operator() of the layers of this library and of modules of yours that derive from
  // UnaryModule or use with_hooks(). They are called in the order in which they were added and belong to this
  // object: a copy has none. The id is for remove_hook(), which may be called from a hook too.
  int add_forward_pre_hook(ForwardPreHook hook);
  int add_forward_hook(ForwardHook hook);
  void remove_hook(int id);
  bool has_hooks() const { return hooks_.list != nullptr; }
  // What with_hooks() calls: the input, or what hooks put in its place; and the same of the result.
  Tensor before_forward(const Tensor& input) const;
  Tensor after_forward(const Tensor& input, const Tensor& output) const;

  // For printing: the name of the type, and what to write in its brackets.
  virtual std::string type_name() const;
  virtual std::string options_text() const { return {}; }

 protected:
  Module() = default;
  Module(const Module&) = default;
  Module(Module&&) = default;
  Module& operator=(const Module&) = default;
  Module& operator=(Module&&) = default;

 private:
  struct HookList;
  // Copied as no hooks; assigning keeps those that are here.
  struct Hooks {
    Hooks() = default;
    Hooks(const Hooks&) noexcept {}
    Hooks(Hooks&&) noexcept = default;
    // NOLINTNEXTLINE(bugprone-unhandled-self-assignment): nothing is assigned
    Hooks& operator=(const Hooks&) noexcept { return *this; }
    Hooks& operator=(Hooks&&) noexcept { return *this; }
    std::shared_ptr<HookList> list;
  };

  bool training_ = true;
  Hooks hooks_;
};

// As PyTorch prints modules:
//   Mlp(
//     (fc1): Linear(in_features=784, out_features=256, bias=True)
//   )
std::string to_string(const Module& module);
std::ostream& operator<<(std::ostream& out, const Module& module);

}  // namespace gradus::nn
