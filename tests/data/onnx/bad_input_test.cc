// What a model file may do wrong: each a status that names the file and the place, never a crash, never a
// large allocation first.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "gradus/ops/creation.h"
#include "models.h"

namespace gradus::onnx {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

namespace fs = std::filesystem;

struct Wrong {
  std::string what;
  std::string graph;
  std::string message;
};

class BadGraph : public ::testing::TestWithParam<Wrong> {};

TEST_P(BadGraph, IsAStatus) {
  EXPECT_EQ(error_of(graph_bytes(GetParam().graph)), "m.onnx: " + GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Graphs, BadGraph,
    ::testing::Values(
        Wrong{"cycle",
              R"(node { name: "a" op_type: "Relu" input: "y" output: "x" }
                 node { name: "b" op_type: "Relu" input: "x" output: "y" } output { name: "y" })",
              R"(node 0 "a" (Relu) reads, perhaps by way of others, its own output: the graph has a cycle)"},
        Wrong{"itself", R"(node { op_type: "Relu" input: "x" output: "x" })",
              "node 0 (Relu) reads, perhaps by way of others, its own output: the graph has a cycle"},
        Wrong{
            "undefined input", R"(node { op_type: "Relu" input: "nowhere" output: "x" })",
            R"(node 0 (Relu): input "nowhere" is neither an input or initializer of the graph nor an output of a node)"},
        Wrong{"undefined output", R"(output { name: "y" })", R"(output "y" is made by no node)"},
        Wrong{"two makers",
              R"(input { name: "x" type { tensor_type { elem_type: 1 } } }
                 node { op_type: "Relu" input: "x" output: "y" } node { op_type: "Abs" input: "x" output: "y" })",
              R"(node 1 (Abs): output "y": the name is taken)"},
        Wrong{
            "two initializers",
            R"(initializer { name: "w" data_type: 1 dims: 0 } initializer { name: "w" data_type: 1 dims: 0 })",
            R"(initializer "w": the name is taken)"},
        Wrong{"no name", "initializer { data_type: 1 dims: 0 }", "initializer has no name"},
        Wrong{"no operator", R"(node { output: "x" })", "node 0 has no operator"},
        Wrong{"too few inputs", R"(node { op_type: "Add" input: "x" output: "y" } input { name: "x" })",
              "node 0 (Add) has 1 inputs"},
        Wrong{"attribute twice",
              R"(input { name: "x" } node { op_type: "Elu" input: "x" output: "y"
                 attribute { name: "alpha" type: FLOAT f: 1 } attribute { name: "alpha" type: FLOAT f: 2 } })",
              R"(node 0 (Elu): attribute "alpha" is there twice)"}),
    [](const auto& info) { return fmt::format("Case{}", info.index); });

INSTANTIATE_TEST_SUITE_P(
    Tensors, BadGraph,
    ::testing::Values(
        Wrong{"negative size", R"(initializer { name: "w" data_type: 1 dims: 2 dims: -1 })",
              R"(initializer "w": dims [2, -1] have a negative size)"},
        Wrong{
            "more than memory",
            R"(initializer { name: "w" data_type: 1 dims: 4611686018427387904 dims: 4611686018427387904 })",
            R"(initializer "w": dims [4611686018427387904, 4611686018427387904] have more elements than any memory)"},
        Wrong{
            "overflow beside a zero",
            R"(initializer { name: "w" data_type: 1 dims: 0 dims: 4611686018427387904 dims: 4611686018427387904 })",
            R"(initializer "w": dims [0, 4611686018427387904, 4611686018427387904] have more elements than any memory)"},
        Wrong{"large but plausible",
              R"(initializer { name: "w" data_type: 1 dims: 1099511627776 raw_data: "abcd" })",
              R"(initializer "w": [1099511627776] of float need 4398046511104 bytes, raw_data has 4)"},
        Wrong{"raw_data short", R"(initializer { name: "w" data_type: 7 dims: 2 raw_data: "12345678" })",
              R"(initializer "w": [2] of int64 need 16 bytes, raw_data has 8)"},
        Wrong{"raw_data long", R"(initializer { name: "w" data_type: 2 dims: 2 raw_data: "123" })",
              R"(initializer "w": [2] of uint8 need 2 bytes, raw_data has 3)"},
        Wrong{"numbers missing", R"(initializer { name: "w" data_type: 1 dims: 3 float_data: 1 })",
              R"(initializer "w": [3] of float need 3 numbers, 1 are there)"},
        Wrong{"numbers of another type", R"(initializer { name: "w" data_type: 7 dims: 1 float_data: 1 })",
              R"(initializer "w": [1] of int64 need 1 numbers, 0 are there)"},
        Wrong{"no uint8", R"(initializer { name: "w" data_type: 2 dims: 1 int32_data: 256 })",
              R"(initializer "w": a value is no uint8)"},
        Wrong{"no int8", R"(initializer { name: "w" data_type: 3 dims: 1 int32_data: -129 })",
              R"(initializer "w": a value is no int8)"},
        Wrong{"no bool", R"(initializer { name: "w" data_type: 9 dims: 1 raw_data: "\002" })",
              R"(initializer "w": a value is no bool)"},
        Wrong{"no such type", R"(initializer { name: "w" data_type: 99 dims: 1 })",
              R"(initializer "w": 99 is no element type)"},
        Wrong{"strings", R"(initializer { name: "w" data_type: 8 dims: 1 string_data: "a" })",
              R"(initializer "w": gradus has no dtype for the element type string)"},
        Wrong{"nine axes",
              R"(initializer { name: "w" data_type: 1 dims: [1, 1, 1, 1, 1, 1, 1, 1, 1] float_data: 1 })",
              R"(initializer "w": 9 axes; at most 8 are supported)"},
        Wrong{
            "external without a folder",
            R"(initializer { name: "w" data_type: 1 dims: 1 data_location: EXTERNAL
                 external_data { key: "location" value: "w.bin" } })",
            R"(initializer "w": external data "w.bin" is asked for, but a model from memory has no folder)"},
        Wrong{"external offset",
              R"(initializer { name: "w" data_type: 1 dims: 1 data_location: EXTERNAL
                 external_data { key: "location" value: "w.bin" } external_data { key: "offset" value: "-1" } })",
              R"(initializer "w": the offset of its external data is "-1")"}),
    [](const auto& info) { return fmt::format("Case{}", info.index); });

TEST(BadModel, Headers) {
  EXPECT_THAT(error_of("this is no model"), StartsWith("m.onnx: no ONNX file, cut off after 16 bytes"));
  EXPECT_EQ(error_of(""), "m.onnx: it has no graph");
  EXPECT_EQ(error_of(model_bytes("ir_version: 8 graph { node { op_type: 'Abs' input: 'x' output: 'y' } "
                                 "input { name: 'x' } }")),
            "m.onnx: it does not say which operator set it uses");
  EXPECT_EQ(error_of(graph_bytes("", 18)), "m.onnx: operator set 18; gradus reads 1 to 17");
  EXPECT_EQ(error_of(graph_bytes("", -3)), "m.onnx: operator set -3 is none");
}

TEST(BadModel, DeepNestingIsRefused) {
  ::onnx::ModelProto model;
  ::onnx::GraphProto* g = model.mutable_graph();
  for (int i = 0; i < 300; ++i) {
    ::onnx::AttributeProto* a = g->add_node()->add_attribute();
    a->set_type(::onnx::AttributeProto::GRAPH);
    g = a->mutable_g();
  }
  EXPECT_THAT(error_of(model.SerializeAsString()), HasSubstr("or nested too deeply"));
}

TEST(BadModel, UnsupportedIsTyped) {
  const auto status = [](const std::string& bytes, const std::vector<Tensor>& inputs) {
    const auto model = parse_model(bytes, "m.onnx");
    EXPECT_TRUE(model.ok()) << model.status().message();
    return model->run(inputs).status();
  };
  const Tensor x = ones({2});
  EXPECT_EQ(status(node_bytes({.op = "NoSuchOperator"}), {x}),
            absl::UnimplementedError(
                "m.onnx: node 0 (NoSuchOperator): unsupported: operator NoSuchOperator (opset 17)"));
  EXPECT_EQ(status(node_bytes({.op = "Relu", .rest = "domain: 'com.example'"}), {x}),
            absl::UnimplementedError(
                "m.onnx: node 0 (com.example.Relu): unsupported: operator com.example.Relu (opset 0)"));
  EXPECT_EQ(status(node_bytes({.op = "Relu", .rest = "attribute { name: 'slope' type: FLOAT f: 2 }"}), {x}),
            absl::UnimplementedError(
                "m.onnx: node 0 (Relu): unsupported: attribute \"slope\" of operator Relu (opset 17)"));
  EXPECT_EQ(status(node_bytes({.op = "Identity", .input_types = {8}}), {x}),
            absl::UnimplementedError("m.onnx: input 0 \"x\": unsupported: inputs of the type string"));
}

TEST(BadModel, InputsAreChecked) {
  const std::string relu = node_bytes({.op = "Relu"});
  EXPECT_EQ(error_of(relu), "m.onnx: 0 inputs are given, the model has 1");
  EXPECT_EQ(error_of(relu, {ones({2}, DType::f64)}),
            "m.onnx: input 0 \"x\": [2] f64 is given, the model reads f32");
  EXPECT_EQ(error_of(relu, {Tensor()}), "m.onnx: input 0 \"x\": an empty handle");
}

struct WrongNode {
  NodeModel node;
  std::vector<Tensor> inputs;
  std::string message;
};

TEST(BadModel, OperandsAreChecked) {
  const Tensor x = ones({2, 3});
  const auto list = [](std::initializer_list<std::int64_t> v) {
    return tensor(std::vector<std::int64_t>(v));
  };
  const std::vector<WrongNode> all = {
      {{.op = "Add", .input_types = {1, 1}}, {x, ones({4})}, "add: "},
      {{.op = "Transpose", .rest = "attribute { name: 'perm' type: INTS ints: [0, 5] }"}, {x}, "permute: "},
      {{.op = "Softmax", .rest = "attribute { name: 'axis' type: INT i: 2 }"},
       {x},
       "axis 2 is out of range for 2 axes"},
      {{.op = "Softmax", .rest = "attribute { name: 'axis' type: FLOAT f: 2 }"},
       {x},
       "attribute \"axis\" is a number, not an integer"},
      {{.op = "Concat"}, {x}, "attribute \"axis\" is missing"},
      {{.op = "Reshape", .input_types = {1, 7}}, {x, list({-1, -1})}, "reshape: "},
      {{.op = "Reshape", .input_types = {1, 1}}, {x, ones({2})}, "input 1 [2] f32 must hold integers"},
      {{.op = "Reshape", .input_types = {1, 7}},
       {x, list({2, 3, 0})},
       "size 0 at axis 2 of [2, 3, 0] stands for a size of [2, 3], which has no such axis"},
      {{.op = "ConstantOfShape", .input_types = {7}},
       {list({1 << 20, 1 << 20})},
       "the shape [1048576, 1048576] has more than 1073741824 elements"},
      {{.op = "ConstantOfShape", .input_types = {7}}, {list({-4})}, "the shape [-4] has a negative size"},
      {{.op = "ConstantOfShape", .input_types = {7}},
       {list({INT64_MAX, INT64_MAX})},
       "the shape [9223372036854775807, 9223372036854775807] has more than 1073741824 elements"},
      {{.op = "Expand", .input_types = {1, 7}},
       {ones({1}), list({std::int64_t{1} << 40})},
       "the shape [1099511627776] has more than 1073741824 elements"},
      {{.op = "Tile", .input_types = {1, 7}},
       {x, list({INT64_MAX, 2})},
       "the shape [9223372036854775807, 6] has more than 1073741824 elements"},
      {{.op = "Gather", .input_types = {1, 7}},
       {x, list({2})},
       "index 2 is out of range for an axis of size 2"},
      {{.op = "GatherND", .input_types = {1, 7}},
       {x, list({0, -4})},
       "index -4 is out of range for an axis of size 3"},
      {{.op = "Div", .input_types = {7, 7}}, {list({1}), list({0})}, "an integer is divided by 0"},
      {{.op = "Range", .input_types = {7, 7, 7}},
       {full({}, 0, DType::i64), full({}, INT64_MAX, DType::i64), full({}, 1, DType::i64)},
       "has more than 1073741824 elements"},
      {{.op = "Slice", .input_types = {1, 7, 7, 7, 7}},
       {x, list({0}), list({1}), list({0}), list({0})},
       "the step of axis 0 is 0"},
      {{.op = "Cast", .rest = "attribute { name: 'to' type: INT i: 8 }"},
       {x},
       "unsupported: the element type string"},
      {{.op = "Cast", .rest = "attribute { name: 'to' type: INT i: 77 }"},
       {x},
       "attribute \"to\" names no element type"},
      {{.op = "Einsum", .rest = "attribute { name: 'equation' type: STRING s: 'ij->' }"},
       {ones({2})},
       "einsum: "},
  };
  for (const WrongNode& w : all) {
    const std::string message = error_of(node_bytes(w.node), w.inputs);
    EXPECT_THAT(message, StartsWith("m.onnx: node 0 (" + w.node.op + "): "));
    EXPECT_THAT(message, HasSubstr(w.message));
    EXPECT_THAT(message, ::testing::Not(HasSubstr(".cc:")))
        << "a place inside gradus says nothing to the user";
  }
}

// A model with a bit of everything, for the two tests below.
std::string good_model() {
  return graph_bytes(R"(
    input { name: "x" type { tensor_type { elem_type: 1 shape { dim { dim_value: 2 } dim { dim_param: "n" } } } } }
    initializer { name: "w" data_type: 1 dims: 3 dims: 2 float_data: [1, 2, 3, 4, 5, 6] }
    initializer { name: "shape" data_type: 7 dims: 2 int64_data: [1, -1] }
    node { op_type: "MatMul" input: "x" input: "w" output: "xw" }
    node { op_type: "Softmax" input: "xw" output: "p" attribute { name: "axis" type: INT i: 1 } }
    node { op_type: "Reshape" input: "p" input: "shape" output: "flat" }
    node { op_type: "Constant" output: "c" attribute { name: "value" type: TENSOR t { data_type: 1 float_data: 2 } } }
    node { op_type: "Mul" input: "flat" input: "c" output: "out" }
    output { name: "out" type { tensor_type { elem_type: 1 } } })");
}

TEST(BadModel, EveryPrefixIsReadOrRefused) {
  const std::string whole = good_model();
  ASSERT_EQ(error_of(whole, {ones({2, 3})}), "no error");
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const std::string message = error_of(whole.substr(0, n), {ones({2, 3})});
    EXPECT_THAT(message, StartsWith("m.onnx: ")) << n;
  }
}

TEST(BadModel, ChangedBytesDoNoHarm) {
  const std::string whole = good_model();
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = whole;
    for (int k = 0; k <= round % 3; ++k) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    const std::string message = error_of(bytes, {ones({2, 3})});
    if (message == "no error") continue;
    EXPECT_THAT(message, StartsWith("m.onnx: ")) << round;
  }
}

class ExternalData : public ::testing::Test {
 protected:
  ExternalData() : root_(fs::temp_directory_path() / ("gradus_onnx_" + std::to_string(getpid()))) {
    fs::create_directories(root_ / "model");
    std::ofstream(root_ / "model" / "w.bin", std::ios::binary).write("\0\0\0\0\0\0\200\077\0\0\0\100", 12);
    std::ofstream(root_ / "secret.bin") << "12345678";
    fs::create_symlink(root_ / "secret.bin", root_ / "model" / "link.bin");
  }
  ~ExternalData() override { fs::remove_all(root_); }

  absl::StatusOr<Model> load(const std::string& location, const std::string& more = "") {
    const std::string path = (root_ / "model" / "m.onnx").string();
    std::ofstream(path, std::ios::binary)
        << graph_bytes(fmt::format("initializer {{ name: 'w' data_type: 1 dims: 2 data_location: EXTERNAL "
                                   "external_data {{ key: 'location' value: "
                                   "'{}' }} {} }}",
                                   location, more));
    return load_model(path);
  }
  std::string error(const std::string& location, const std::string& more = "") {
    const auto m = load(location, more);
    return m.ok() ? "no error" : std::string(m.status().message());
  }

  fs::path root_;
};

TEST_F(ExternalData, IsReadBesideTheModel) {
  const auto m =
      load("w.bin", "external_data { key: 'offset' value: '4' } external_data { key: 'length' value: '8' }");
  ASSERT_TRUE(m.ok()) << m.status().message();
  EXPECT_EQ(m->initializers()[0].tensor.to_vector<float>(), (std::vector<float>{1, 2}));
}

TEST_F(ExternalData, OutsideIsRefused) {
  for (const std::string& place :
       {std::string("../secret.bin"), (root_ / "secret.bin").string(), std::string("a/../../secret.bin"),
        std::string("link.bin"), std::string("")}) {
    EXPECT_THAT(error(place),
                HasSubstr(fmt::format(
                    "initializer \"w\": external data \"{}\" lies outside the model's folder", place)));
  }
  EXPECT_THAT(error("none.bin"), HasSubstr("cannot be found"));
  EXPECT_THAT(error("."), HasSubstr("is no file"));
}

TEST_F(ExternalData, LengthsAreChecked) {
  EXPECT_THAT(error("w.bin", "external_data { key: 'offset' value: '5' }"),
              HasSubstr("external data \"w.bin\" has 12 bytes; 8 at offset 5 are asked for"));
  EXPECT_THAT(error("w.bin", "external_data { key: 'offset' value: '9000000000000000000' }"),
              HasSubstr("has 12 bytes; 8 at offset 9000000000000000000 are asked for"));
  EXPECT_THAT(error("w.bin", "external_data { key: 'length' value: '12' }"),
              HasSubstr("[2] of float need 8 bytes, its external data has 12"));
}

}  // namespace
}  // namespace gradus::onnx
