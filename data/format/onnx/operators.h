// The table that gives each operator of the format its conversion. Internal to data/format/onnx.
#pragma once

#include <climits>
#include <span>
#include <string_view>

namespace gradus::onnx {

class Call;

inline constexpr int kAnyNumber = INT_MAX;

struct Operator {
  const char* name;
  void (*run)(Call&);
  int min_inputs;
  int max_inputs;
};

// nullptr for an operator without conversion.
const Operator* find_operator(std::string_view name);

// One list a file of operators/.
std::span<const Operator> arithmetic_operators();
std::span<const Operator> unary_operators();
std::span<const Operator> logic_operators();
std::span<const Operator> activation_operators();
std::span<const Operator> reduction_operators();
std::span<const Operator> order_operators();
std::span<const Operator> constant_operators();
std::span<const Operator> cast_operators();
std::span<const Operator> shape_operators();
std::span<const Operator> join_operators();
std::span<const Operator> slice_operators();
std::span<const Operator> gather_operators();
std::span<const Operator> scatter_operators();
std::span<const Operator> select_operators();
std::span<const Operator> product_operators();
std::span<const Operator> convolution_operators();
std::span<const Operator> pool_operators();
std::span<const Operator> norm_operators();
std::span<const Operator> loss_operators();
std::span<const Operator> random_operators();
std::span<const Operator> recurrent_operators();
std::span<const Operator> signal_operators();
std::span<const Operator> resize_operators();
std::span<const Operator> detection_operators();
std::span<const Operator> text_operators();

}  // namespace gradus::onnx
