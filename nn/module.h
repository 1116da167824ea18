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
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradus/graph/named_tensor.h"
#include "gradus/nn/parameter.h"
#include "gradus/nn/visitor.h"

namespace gradus::nn {

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
  bool training_ = true;
};

// As PyTorch prints modules:
//   Mlp(
//     (fc1): Linear(in_features=784, out_features=256, bias=True)
//   )
std::string to_string(const Module& module);
std::ostream& operator<<(std::ostream& out, const Module& module);

}  // namespace gradus::nn
