// Call: one node as its conversion sees it: inputs, attributes, outputs. A conversion reads what it needs,
// applies gradus ops and sets the outputs; what it does not read is not ignored in silence: an attribute that
// nobody asked for is reported as unsupported. Errors are exceptions here, which run.cc turns into a status.
// Internal to data/format/onnx.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/data/format/onnx/graph.h"

namespace gradus::onnx {

// A use of an operator that is right but not covered.
class Unsupported : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A use of an operator that is wrong.
class BadNode : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Call {
 public:
  Call(const Graph& graph, const Node& node, std::vector<Value> inputs);

  int opset() const { return graph_.opset; }
  // The type that the file means by `type`: double for float where the model was made one of doubles.
  ElementType meant(ElementType type) const {
    return graph_.is_f64 && type == ElementType::f32 ? ElementType::f64 : type;
  }

  // --- inputs ---
  int inputs() const { return static_cast<int>(inputs_.size()); }
  bool has(int i) const { return i < inputs() && inputs_[static_cast<std::size_t>(i)].tensor.defined(); }
  // Errors: BadNode where it was left out.
  const Tensor& in(int i) const { return value(i).tensor; }
  ElementType type(int i) const { return value(i).type; }
  std::vector<Tensor> all_inputs() const;
  // The whole numbers of an integer tensor; its only one. Errors: BadNode.
  std::vector<std::int64_t> wholes_in(int i) const;
  std::int64_t whole_in(int i) const;
  double real_in(int i) const;

  // --- attributes ---
  // Errors: BadNode for an attribute of another type, and without it where no default is given.
  std::int64_t whole(std::string_view name) const;
  std::int64_t whole(std::string_view name, std::int64_t otherwise) const;
  bool flag(std::string_view name, bool otherwise = false) const {
    return whole(name, otherwise ? 1 : 0) != 0;
  }
  double real(std::string_view name, double otherwise) const;
  std::string text(std::string_view name, std::string_view otherwise) const;
  std::optional<std::vector<std::int64_t>> wholes(std::string_view name) const;
  std::optional<std::vector<double>> reals(std::string_view name) const;
  std::optional<std::vector<std::string>> texts(std::string_view name) const;
  const Value* tensor(std::string_view name) const;
  bool has_attribute(std::string_view name) const { return find(name) != nullptr; }
  // Says that the attribute has no influence here.
  void ignore(std::string_view name) const { find(name); }
  // An axis from -rank .. rank-1 as 0 .. rank-1. Errors: BadNode.
  std::int64_t axis(std::int64_t axis, std::int64_t rank) const;

  // --- outputs ---
  int outputs() const { return static_cast<int>(node_.outputs.size()); }
  bool wants(int i) const { return i < outputs() && node_.outputs[static_cast<std::size_t>(i)] >= 0; }
  // With the type of the input whose dtype it has (Add of two uint16 gives uint16), otherwise that of its
  // dtype.
  void set(int i, Tensor t);
  void set(int i, Tensor t, ElementType type);
  const std::vector<Value>& results() const { return results_; }

  // The first attribute that nobody read, or nullptr.
  const Attribute* unread() const;

  // A shape that a file asks for. Errors: BadNode for negative sizes and more than kMaxElements.
  Shape made_up_shape(std::span<const std::int64_t> dims) const;

  template <class... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> text, Args&&... args) const {
    throw BadNode(fmt::format(text, std::forward<Args>(args)...));
  }
  template <class... Args>
  [[noreturn]] void unsupported(fmt::format_string<Args...> text, Args&&... args) const {
    throw Unsupported(fmt::format(text, std::forward<Args>(args)...));
  }

 private:
  const Value& value(int i) const;
  const Attribute* find(std::string_view name) const;
  const Attribute* find(std::string_view name, AttributeKind kind) const;

  const Graph& graph_;
  const Node& node_;
  std::vector<Value> inputs_;
  std::vector<Value> results_;
  mutable std::uint64_t read_ = 0;  // attributes that were asked for
};

// A shape that numbers in a file ask for is refused above this: 4 GiB of f32.
inline constexpr std::int64_t kMaxElements = std::int64_t{1} << 30;

// The shape to which both broadcast. Errors: BadNode.
Shape broadcast_shapes(const Call& c, const Shape& a, const Shape& b);

// Copies of the elements as i64, whatever integer or bool dtype they have.
std::vector<std::int64_t> whole_numbers(const Tensor& t);

}  // namespace gradus::onnx
