// The table that gives each op of gradus its form in a file. Internal to data/format/onnx.
#pragma once

#include <span>
#include <string_view>

namespace gradus::onnx {

class Emit;

struct OpWriter {
  const char* op;  // OpDef's name
  void (*write)(Emit&);
  bool moves = false;  // it computes nothing and takes all dtypes as they are
};

// nullptr for an op without counterpart.
const OpWriter* find_writer(std::string_view op);
// Why it has none.
const char* why_not_written(std::string_view op);

// One list a file of writers/.
std::span<const OpWriter> activation_writers();
std::span<const OpWriter> arithmetic_writers();
std::span<const OpWriter> attention_writers();
std::span<const OpWriter> compare_writers();
std::span<const OpWriter> convolution_writers();
std::span<const OpWriter> gamma_writers();
std::span<const OpWriter> index_writers();
std::span<const OpWriter> join_writers();
std::span<const OpWriter> loss_writers();
std::span<const OpWriter> math_writers();
std::span<const OpWriter> norm_writers();
std::span<const OpWriter> order_writers();
std::span<const OpWriter> pool_writers();
std::span<const OpWriter> product_writers();
std::span<const OpWriter> recurrent_writers();
std::span<const OpWriter> reduction_writers();
std::span<const OpWriter> scan_writers();
std::span<const OpWriter> view_writers();

}  // namespace gradus::onnx
