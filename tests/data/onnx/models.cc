#include "models.h"

#include <fmt/format.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

namespace gradus::onnx {

std::string model_bytes(const std::string& text) {
  ::onnx::ModelProto model;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &model)) << text;
  return model.SerializeAsString();
}

std::string graph_bytes(const std::string& graph, int opset) {
  return model_bytes(
      fmt::format("ir_version: 8 opset_import {{ version: {} }} graph {{ {} }}", opset, graph));
}

std::string node_bytes(const NodeModel& m) {
  constexpr const char* kNames[] = {"x", "y", "z", "u", "v", "w"};
  std::string inputs, reads;
  for (std::size_t i = 0; i < m.input_types.size(); ++i) {
    inputs += fmt::format("input {{ name: \"{}\" type {{ tensor_type {{ elem_type: {} }} }} }} ", kNames[i],
                          m.input_types[i]);
    reads += fmt::format("input: \"{}\" ", kNames[i]);
  }
  return graph_bytes(
      fmt::format("{}node {{ op_type: \"{}\" {} output: \"out\" {} }} output {{ name: \"out\" }} {}", inputs,
                  m.op, reads, m.rest, m.more),
      m.opset);
}

std::string error_of(const std::string& bytes, const std::vector<Tensor>& inputs) {
  const absl::StatusOr<Model> model = parse_model(bytes, "m.onnx");
  if (!model.ok()) return std::string(model.status().message());
  const auto outputs = model->run(inputs);
  return outputs.ok() ? "no error" : std::string(outputs.status().message());
}

Tensor result_of(const std::string& bytes, const std::vector<Tensor>& inputs) {
  const absl::StatusOr<Model> model = parse_model(bytes, "m.onnx");
  EXPECT_TRUE(model.ok()) << model.status().message();
  if (!model.ok()) return {};
  const auto outputs = model->run(inputs);
  EXPECT_TRUE(outputs.ok()) << outputs.status().message();
  return outputs.ok() && outputs->size() == 1 ? (*outputs)[0] : Tensor();
}

}  // namespace gradus::onnx
