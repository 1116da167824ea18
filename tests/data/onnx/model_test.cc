// Models that are right: what they compute, that gradients flow, and that they can be trained further. The
// operators themselves are tested by ONNX's own cases (tests/tools/onnx_test.cc).
#include "gradus/data/format/onnx/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "gradus/graph/backward.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/reduction.h"
#include "gradus/optim/sgd.h"
#include "models.h"

namespace gradus::onnx {
namespace {

using ::testing::ElementsAre;

constexpr const char* kMlp = R"(
  input { name: "x" type { tensor_type { elem_type: 1 shape { dim { dim_param: "batch" } dim { dim_value: 2 } } } } }
  initializer { name: "w" data_type: 1 dims: 2 dims: 2 float_data: [1, -2, 0.5, 3] }
  initializer { name: "b" data_type: 1 dims: 2 float_data: [0.25, -1] }
  initializer { name: "axes" data_type: 7 dims: 1 int64_data: 1 }
  node { name: "fc" op_type: "Gemm" input: "x" input: "w" input: "b" output: "h"
         attribute { name: "transB" type: INT i: 1 } }
  node { op_type: "Relu" input: "h" output: "a" }
  node { op_type: "ReduceSum" input: "a" input: "axes" output: "y" attribute { name: "keepdims" type: INT i: 0 } }
  output { name: "y" type { tensor_type { elem_type: 1 } } })";

Model mlp() {
  auto m = parse_model(graph_bytes(kMlp), "mlp.onnx");
  EXPECT_TRUE(m.ok()) << m.status().message();
  return *std::move(m);
}

TEST(OnnxModel, TellsWhatItHolds) {
  const Model m = mlp();
  ASSERT_EQ(m.inputs().size(), 1U);
  EXPECT_EQ(m.inputs()[0].name, "x");
  EXPECT_EQ(m.inputs()[0].type, "float");
  EXPECT_THAT(m.inputs()[0].dims, ElementsAre("batch", "2"));
  EXPECT_EQ(m.outputs()[0].name, "y");
  EXPECT_FALSE(m.outputs()[0].has_shape);
  EXPECT_EQ(m.opset(), 17);
  EXPECT_EQ(m.initializers().size(), 3U);
  ASSERT_EQ(m.parameters().size(), 2U);
  EXPECT_EQ(m.parameters()[0].name, "w");
  EXPECT_EQ(m.parameters()[0].tensor.name(), "w");
  std::vector<std::string> names;
  for (const OperatorCount& o : m.operators()) {
    EXPECT_EQ(o.count, 1);
    EXPECT_TRUE(o.supported);
    names.push_back(o.name);
  }
  EXPECT_THAT(names, ElementsAre("Gemm", "ReduceSum", "Relu"));
}

TEST(OnnxModel, RunsAndDifferentiates) {
  Model m = mlp();
  m.requires_grad(true);
  const Tensor x = tensor({{1, 2}, {-1, 3}});
  const auto y = m.run(std::vector<Tensor>{x});
  ASSERT_TRUE(y.ok()) << y.status().message();
  // h = x w^T + b = [[-2.75, 5.5], [-6.75, 7.5]]
  EXPECT_THAT((*y)[0].to_vector<float>(), ElementsAre(5.5F, 7.5F));
  sum((*y)[0]).backward();
  // Only the second column of h is above 0.
  EXPECT_THAT(m.parameters()[0].tensor.grad().to_vector<float>(), ElementsAre(0, 0, 0, 5));
  EXPECT_THAT(m.parameters()[1].tensor.grad().to_vector<float>(), ElementsAre(0, 2));
}

TEST(OnnxModel, NothingIsRecordedWithoutNeed) {
  const Model m = mlp();
  const auto y = m.run(std::vector<Tensor>{ones({1, 2})});
  ASSERT_TRUE(y.ok());
  EXPECT_FALSE((*y)[0].requires_grad());
}

TEST(OnnxModel, CanBeTrainedFurther) {
  Model m = mlp();
  m.requires_grad(true);
  std::vector<Tensor> parameters;
  for (const NamedTensor& p : m.parameters()) parameters.push_back(p.tensor);
  optim::SGD opt(parameters, {.lr = 0.02});
  const Tensor x = tensor({{1, 2}, {-1, 3}, {2, 2}, {0.5, -1}});
  const Tensor target = tensor({1, 2, 3, 0.5});
  double first = 0, last = 0;
  for (int step = 0; step < 100; ++step) {
    const auto y = m.run(std::vector<Tensor>{x});
    ASSERT_TRUE(y.ok()) << y.status().message();
    const Tensor loss = mean(square((*y)[0] - target));
    (step == 0 ? first : last) = loss.item();
    opt.zero_grad();
    loss.backward();
    opt.step();
  }
  EXPECT_GT(first, 10);
  EXPECT_LT(last, 0.1 * first);
}

TEST(OnnxModel, NodesMayBeOutOfOrder) {
  const std::string bytes = graph_bytes(R"(
    input { name: "x" type { tensor_type { elem_type: 1 } } }
    node { op_type: "Exp" input: "h" output: "y" } node { op_type: "Neg" input: "x" output: "h" } output { name: "y" })");
  EXPECT_THAT(result_of(bytes, {tensor({0, 1})}).to_vector<float>(),
              ElementsAre(1, ::testing::FloatEq(std::exp(-1.0F))));
}

TEST(OnnxModel, InitializersMayBeInputsToo) {
  const std::string bytes = model_bytes(R"(ir_version: 3 opset_import { version: 6 } graph {
    input { name: "x" type { tensor_type { elem_type: 1 } } } input { name: "w" type { tensor_type { elem_type: 1 } } }
    initializer { name: "w" data_type: 1 dims: 1 float_data: 3 }
    node { op_type: "Mul" input: "x" input: "w" output: "y" } output { name: "y" } })");
  EXPECT_THAT(result_of(bytes, {tensor({2})}).to_vector<float>(), ElementsAre(6));
}

TEST(OnnxModel, AnOutputMayBeAnInputAndAConstant) {
  const auto m = parse_model(graph_bytes(R"(input { name: "x" type { tensor_type { elem_type: 1 } } }
    initializer { name: "w" data_type: 1 dims: 1 float_data: 3 } output { name: "w" } output { name: "x" })"),
                             "m.onnx");
  ASSERT_TRUE(m.ok());
  const auto y = m->run(std::vector<Tensor>{tensor({2})});
  ASSERT_TRUE(y.ok());
  EXPECT_EQ((*y)[0].item(), 3);
  EXPECT_EQ((*y)[1].item(), 2);
}

TEST(OnnxModel, OldBroadcastingHasAnAxis) {
  const auto add = [](const std::string& attributes) {
    return node_bytes({.op = "Add",
                       .input_types = {1, 1},
                       .rest = "attribute { name: 'broadcast' type: INT i: 1 } " + attributes,
                       .opset = 6});
  };
  const Tensor x = zeros({2, 3, 2}), y = tensor({1, 2, 3}), z = tensor({1, 2});
  EXPECT_THAT(result_of(add("attribute { name: 'axis' type: INT i: 1 }"), {x, y}).to_vector<float>(),
              ElementsAre(1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3));
  EXPECT_THAT(result_of(add("attribute { name: 'axis' type: INT i: 0 }"), {x, z}).to_vector<float>(),
              ElementsAre(1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2));
  EXPECT_THAT(result_of(add(""), {x, z}).to_vector<float>(), ElementsAre(1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2));
}

TEST(OnnxModel, SmallIntegersWrapAround) {
  const auto run = [](int type, DType dtype, std::int64_t a, std::int64_t b) {
    return result_of(node_bytes({.op = "Add", .input_types = {type, type}}),
                     {full({}, a, dtype), full({}, b, dtype)})
        .item<std::int64_t>();
  };
  EXPECT_EQ(run(3, DType::i8, 127, 1), -128);
  EXPECT_EQ(run(4, DType::u16, 65535, 2), 1);
  EXPECT_EQ(run(5, DType::i16, -32768, -1), 32767);
  EXPECT_EQ(run(12, DType::u32, 4294967295, 1), 0);
  EXPECT_EQ(run(6, DType::i32, 127, 1), 128);
}

TEST(OnnxModel, IntegersDivideTowardsZero) {
  const auto list = [](std::initializer_list<std::int64_t> v) {
    return tensor(std::vector<std::int64_t>(v));
  };
  EXPECT_THAT(result_of(node_bytes({.op = "Div", .input_types = {7, 7}}),
                        {list({7, -7, 7, INT64_MIN}), list({2, 2, -2, -1})})
                  .to_vector<std::int64_t>(),
              ElementsAre(3, -3, -3, INT64_MIN));
}

TEST(OnnxModel, RunningStatisticsAreNoParameters) {
  const auto m = parse_model(graph_bytes(R"(
    input { name: "x" type { tensor_type { elem_type: 1 } } }
    initializer { name: "scale" data_type: 1 dims: 1 float_data: 2 } initializer { name: "bias" data_type: 1 dims: 1 float_data: 1 }
    initializer { name: "mean" data_type: 1 dims: 1 float_data: 3 } initializer { name: "var" data_type: 1 dims: 1 float_data: 4 }
    node { op_type: "BatchNormalization" input: "x" input: "scale" input: "bias" input: "mean" input: "var" output: "y"
           attribute { name: "epsilon" type: FLOAT f: 0 } }
    output { name: "y" })"),
                             "m.onnx");
  ASSERT_TRUE(m.ok());
  ASSERT_EQ(m->parameters().size(), 2U);
  EXPECT_EQ(m->parameters()[1].name, "bias");
  const auto y = m->run(std::vector<Tensor>{tensor({{{3, 5}}})});
  ASSERT_TRUE(y.ok()) << y.status().message();
  EXPECT_THAT((*y)[0].to_vector<float>(), ElementsAre(1, 3));
}

TEST(OnnxModel, GradientsOfScatteredProducts) {
  const std::string bytes = node_bytes({.op = "ScatterND",
                                        .input_types = {1, 7, 1},
                                        .rest = "attribute { name: 'reduction' type: STRING s: 'mul' }"});
  Tensor x = tensor({2, 3}), u = tensor({5, 7, 11});
  x.requires_grad(true);
  u.requires_grad(true);
  const Tensor y = result_of(bytes, {x, tensor(std::vector<std::int64_t>{1, 0, 1}, {3, 1}), u});
  EXPECT_THAT(y.to_vector<float>(), ElementsAre(14, 3 * 5 * 11));
  sum(y).backward();
  EXPECT_THAT(x.grad().to_vector<float>(), ElementsAre(7, 55));
  EXPECT_THAT(u.grad().to_vector<float>(), ElementsAre(33, 2, 15));
}

}  // namespace
}  // namespace gradus::onnx
