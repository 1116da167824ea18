// Models written as protobuf text, for the tests of the reader.
#pragma once

#include <string>
#include <string_view>

#include "gradus/data/format/onnx/model.h"

namespace gradus::onnx {

// The bytes of the file that says what the text says.
std::string model_bytes(const std::string& text);

// Operator set `opset`, then the fields of the graph.
std::string graph_bytes(const std::string& graph, int opset = 17);

// One node of operator `op` with inputs "x", "y", ... of the given types and one output "out"; `rest`: fields
// of the node, `more`: fields of the graph.
struct NodeModel {
  std::string op;
  std::vector<int> input_types = {1};
  std::string rest = "";
  std::string more = "";
  int opset = 17;
};
std::string node_bytes(const NodeModel& m);

// The message of what cannot be read or, if it can, of what cannot be run on `inputs`.
std::string error_of(const std::string& bytes, const std::vector<Tensor>& inputs = {});

// The only output of a run. Fails the test where there is none.
Tensor result_of(const std::string& bytes, const std::vector<Tensor>& inputs);

}  // namespace gradus::onnx
