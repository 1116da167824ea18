// A model as plain data: what load.cc takes out of the file, checked, and run.cc runs. Nothing of protobuf is
// seen here, so the operators compile without it. Internal to data/format/onnx.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/data/format/onnx/element_type.h"
#include "gradus/data/format/onnx/model.h"

namespace gradus::onnx {

// A tensor with the type that the format gives it, which may be narrower than its dtype.
struct Value {
  Tensor tensor;  // undefined: an optional input or output that is not there
  ElementType type = ElementType::undefined;
};

enum class AttributeKind : std::uint8_t { whole, real, text, tensor, wholes, reals, texts, other };

struct Attribute {
  std::string name;
  AttributeKind kind = AttributeKind::other;  // other: subgraphs, sparse tensors, types and the like
  std::int64_t whole = 0;
  double real = 0;
  std::string text;
  Value tensor;
  std::vector<std::int64_t> wholes;
  std::vector<double> reals;
  std::vector<std::string> texts;
};

struct Operator;

struct Node {
  std::string op;
  std::string domain;  // "" for the format's own operators
  std::string name;
  std::int64_t opset = 0;    // of its domain; 0: the file does not say
  int number = 0;            // its place in the file
  std::vector<int> inputs;   // slots; -1: left out
  std::vector<int> outputs;  // slots; -1: not wanted
  std::vector<int> last_of;  // slots that no later node and no output reads
  std::vector<Attribute> attributes;
  const Operator* conversion = nullptr;  // nullptr: unsupported
  std::string unsupported;               // why, where something else than the operator's name is the reason
};

// Every name of a value has a slot.
struct Graph {
  std::string file;  // for messages
  std::string producer;
  std::int64_t ir_version = 0;
  int opset = 0;
  bool is_f64 = false;  // see Model::to_f64()
  std::vector<std::string> slot_names;
  std::vector<Node> nodes;  // each behind those whose outputs it reads
  std::vector<Port> inputs;
  std::vector<ElementType> input_types;
  std::vector<int> input_slots;
  std::vector<Port> outputs;
  std::vector<int> output_slots;
  std::vector<NamedTensor> initializers;
  std::vector<Value> constants;     // the initializers with their types
  std::vector<int> constant_slots;  // one an initializer
  std::vector<bool> is_statistic;   // one an initializer: only read as a running mean or variance
  std::vector<OperatorCount> operators;
};

// Reads and checks everything that can be checked without computing. `folder` is where external data lies.
absl::StatusOr<Graph> load_graph(std::string_view content, std::string_view file, const std::string& folder);

// "node 3 "conv1" (Conv)"
std::string describe(const Node& node);

}  // namespace gradus::onnx
