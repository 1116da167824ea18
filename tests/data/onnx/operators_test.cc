// What ONNX's own cases leave open: operators without a case, older operator sets, and that the two ways by
// which some operators are computed agree, in values and gradients.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gradus/graph/backward.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/random.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"
#include "models.h"

namespace gradus::onnx {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;

Tensor random(const Shape& shape, std::uint64_t seed) {
  Generator g{seed};
  return uniform(shape, -1, 1, {.generator = &g});
}

Tensor list(std::initializer_list<std::int64_t> v) { return tensor(std::vector<std::int64_t>(v)); }

struct Results {
  std::vector<Tensor> outputs;
  std::vector<Tensor> gradients;  // of a weighted sum of all outputs, by the floating inputs
};

Results run_and_differentiate(const std::string& bytes, const std::vector<Tensor>& inputs) {
  Results r;
  const auto model = parse_model(bytes, "m.onnx");
  EXPECT_TRUE(model.ok()) << model.status().message();
  std::vector<Tensor> leaves;
  for (const Tensor& x : inputs) {
    Tensor leaf = x.clone_detached();
    if (is_floating(leaf.dtype())) leaf.requires_grad(true);
    leaves.push_back(leaf);
  }
  const auto outputs = model->run(leaves);
  EXPECT_TRUE(outputs.ok()) << outputs.status().message();
  if (!outputs.ok()) return r;
  r.outputs = *outputs;
  Tensor total = zeros({});
  for (std::size_t i = 0; i < r.outputs.size(); ++i) {
    total = total + sum(r.outputs[i] * random(r.outputs[i].shape(), 100 + i));
  }
  total.backward();
  for (const Tensor& leaf : leaves) {
    if (is_floating(leaf.dtype())) r.gradients.push_back(leaf.grad());
  }
  return r;
}

void expect_equal(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].defined(), b[i].defined()) << i;
    if (!a[i].defined()) continue;
    EXPECT_EQ(a[i].shape(), b[i].shape()) << i;
    EXPECT_THAT(a[i].to_vector<float>(), Pointwise(FloatNear(2e-5F), b[i].to_vector<float>())) << i;
  }
}

// A recurrent operator with all its usual inputs; `more`: further attributes.
std::string recurrent_bytes(const std::string& op, const std::string& direction, bool lengths, bool layout,
                            const std::string& more) {
  const bool lstm = op == "LSTM";
  std::string inputs, reads;
  for (const std::string name : {"x", "w", "r", "b", "l", "h", "c"}) {
    if (name == "c" && !lstm) continue;
    if (name == "l" && !lengths) {
      reads += "input: \"\" ";
      continue;
    }
    inputs += fmt::format("input {{ name: \"{}\" type {{ tensor_type {{ elem_type: {} }} }} }} ", name,
                          name == "l" ? 6 : 1);
    reads += fmt::format("input: \"{}\" ", name);
  }
  return graph_bytes(
      fmt::format("{} node {{ op_type: '{}' {} output: 'y' output: 'yh' {} attribute {{ name: 'direction' "
                  "type: STRING s: '{}' }} "
                  "attribute {{ name: 'hidden_size' type: INT i: 3 }} attribute {{ name: 'layout' type: INT "
                  "i: {} }} {} }} "
                  "output {{ name: 'y' }} output {{ name: 'yh' }} {}",
                  inputs, op, reads, lstm ? "output: 'yc'" : "", direction, layout ? 1 : 0, more,
                  lstm ? "output { name: 'yc' }" : ""));
}

class Recurrent : public ::testing::TestWithParam<std::tuple<const char*, const char*, bool, bool>> {};

// clip sends the operator the long way, step by step; so high it changes nothing.
TEST_P(Recurrent, TheFusedOpAgreesWithTheSteps) {
  const auto [op, direction, lengths, layout] = GetParam();
  const std::int64_t gates = op == std::string("LSTM") ? 4 : op == std::string("GRU") ? 3 : 1;
  const std::int64_t d = direction == std::string("bidirectional") ? 2 : 1;
  const std::int64_t times = 5, batch = 4, inputs = 2, hidden = 3;
  const Tensor x = random({times, batch, inputs}, 1), h = random({d, batch, hidden}, 2),
               c = random({d, batch, hidden}, 3);
  const auto placed = [&](const Tensor& t) { return layout ? contiguous(transpose(t, 0, 1)) : t; };
  std::vector<Tensor> all{placed(x), random({d, gates * hidden, inputs}, 4),
                          random({d, gates * hidden, hidden}, 5), random({d, 2 * gates * hidden}, 6)};
  if (lengths) all.push_back(astype(list({5, 0, 3, 1}), DType::i32));
  all.push_back(placed(h));
  if (gates == 4) all.push_back(placed(c));
  const std::string linear = gates == 3 ? "attribute { name: 'linear_before_reset' type: INT i: 1 }" : "";
  const Results fused = run_and_differentiate(recurrent_bytes(op, direction, lengths, layout, linear), all);
  const Results steps =
      run_and_differentiate(recurrent_bytes(op, direction, lengths, layout,
                                            linear + " attribute { name: 'clip' type: FLOAT f: 1e9 }"),
                            all);
  expect_equal(fused.outputs, steps.outputs);
  expect_equal(fused.gradients, steps.gradients);
}

INSTANTIATE_TEST_SUITE_P(All, Recurrent,
                         ::testing::Combine(::testing::Values("RNN", "GRU", "LSTM"),
                                            ::testing::Values("forward", "reverse", "bidirectional"),
                                            ::testing::Bool(), ::testing::Bool()));

TEST(OnnxOperators, NormsAgreeWithTheirDefinition) {
  const Tensor x = random({2, 3, 4}, 1), w = random({4}, 2), b = random({4}, 3);
  const std::string one =
      "input { name: 'x' type { tensor_type { elem_type: 1 } } } input { name: 'w' type { tensor_type "
      "{ elem_type: 1 } } } input { name: 'b' type { tensor_type { elem_type: 1 } } } output { name: 'y' } "
      "node { op_type: 'LayerNormalization' input: 'x' input: 'w' input: 'b' output: 'y' ";
  const Results fused = run_and_differentiate(graph_bytes(one + "}"), {x, w, b});
  // With the statistics asked for, the operator is put together from ops.
  const Results composed = run_and_differentiate(graph_bytes(one + "output: 'm' }"), {x, w, b});
  expect_equal(fused.outputs, composed.outputs);
  expect_equal(fused.gradients, composed.gradients);
}

TEST(OnnxOperators, LocalResponseNormOfEvenSize) {
  const Tensor x = tensor({{1, 2, 3}});
  const Tensor y = result_of(
      node_bytes(
          {.op = "LRN",
           .rest = "attribute { name: 'size' type: INT i: 2 } attribute { name: 'alpha' type: FLOAT f: 2 } "
                   "attribute { name: 'beta' type: FLOAT f: 1 }"}),
      {x});
  // Channel i and the one behind it: 1 / (1 + 1 + 4), 2 / (1 + 4 + 9), 3 / (1 + 9).
  EXPECT_THAT(y.to_vector<float>(),
              Pointwise(FloatNear(1e-6F), std::vector<float>{1.0F / 6, 1.0F / 7, 0.3F}));
}

TEST(OnnxOperators, LpPoolsAndNorms) {
  const Tensor x = tensor({{{3, -4, 0, 1}}});
  const Tensor pooled = result_of(node_bytes({.op = "LpPool",
                                              .rest = "attribute { name: 'kernel_shape' type: INTS ints: 2 } "
                                                      "attribute { name: 'strides' type: INTS ints: 2 }"}),
                                  {x});
  EXPECT_THAT(pooled.to_vector<float>(), ElementsAre(FloatNear(5, 1e-5F), FloatNear(1, 1e-5F)));
  EXPECT_NEAR(
      result_of(node_bytes({.op = "GlobalLpPool", .rest = "attribute { name: 'p' type: INT i: 1 }"}), {x})
          .item(),
      8, 1e-5);
  EXPECT_THAT(
      result_of(node_bytes({.op = "LpNormalization", .rest = "attribute { name: 'p' type: INT i: 1 }"}), {x})
          .to_vector<float>(),
      Pointwise(FloatNear(1e-6F), std::vector<float>{0.375F, -0.5F, 0, 0.125F}));
}

TEST(OnnxOperators, OlderSets) {
  const Tensor x = tensor({{1, 2, 3}, {4, 5, 6}});
  EXPECT_THAT(
      result_of(
          node_bytes({.op = "Slice",
                      .rest =
                          "attribute { name: 'starts' type: INTS ints: [0, -2] } attribute { name: 'ends' "
                          "type: INTS ints: [1, 1000] } attribute { name: 'axes' type: INTS ints: [0, 1] }",
                      .opset = 9}),
          {x})
          .to_vector<float>(),
      ElementsAre(2, 3));
  EXPECT_THAT(result_of(node_bytes({.op = "Tile", .input_types = {1, 7, 7}, .opset = 1}),
                        {x, full({}, 2, DType::i64), full({}, 1, DType::i64)})
                  .to_vector<float>(),
              ElementsAre(1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6));
  EXPECT_THAT(result_of(node_bytes({.op = "Reshape",
                                    .rest = "attribute { name: 'shape' type: INTS ints: [3, -1] }",
                                    .opset = 1}),
                        {x})
                  .shape(),
              (Shape{3, 2}));
  EXPECT_EQ(
      result_of(
          node_bytes({.op = "Cast", .rest = "attribute { name: 'to' type: STRING s: 'INT32' }", .opset = 1}),
          {x})
          .dtype(),
      DType::i32);
  EXPECT_THAT(
      result_of(node_bytes({.op = "TopK", .rest = "attribute { name: 'k' type: INT i: 1 }", .opset = 1}), {x})
          .to_vector<float>(),
      ElementsAre(3, 6));
  EXPECT_THAT(
      result_of(
          node_bytes(
              {.op = "Clip",
               .rest =
                   "attribute { name: 'min' type: FLOAT f: 2 } attribute { name: 'max' type: FLOAT f: 5 }",
               .opset = 6}),
          {x})
          .to_vector<float>(),
      ElementsAre(2, 2, 3, 4, 5, 5));
  // One softmax over all axes from `axis` on.
  const Tensor p = result_of(
      node_bytes({.op = "Softmax", .rest = "attribute { name: 'axis' type: INT i: 0 }", .opset = 11}),
      {zeros({2, 3})});
  EXPECT_THAT(p.to_vector<float>(), Pointwise(FloatNear(1e-6F), std::vector<float>(6, 1.0F / 6)));
}

TEST(OnnxOperators, SlicesBackwards) {
  const auto slice = [](std::int64_t start, std::int64_t end, std::int64_t step) {
    return result_of(node_bytes({.op = "Slice", .input_types = {1, 7, 7, 7, 7}}),
                     {tensor({0, 1, 2, 3, 4}), list({start}), list({end}), list({0}), list({step})})
        .to_vector<float>();
  };
  EXPECT_THAT(slice(-1, INT64_MIN, -1), ElementsAre(4, 3, 2, 1, 0));
  EXPECT_THAT(slice(INT64_MAX, 0, -2), ElementsAre(4, 2));
  EXPECT_THAT(slice(3, 3, -1), ElementsAre());
  EXPECT_THAT(slice(4, -6, -3), ElementsAre(4, 1));
  EXPECT_THAT(slice(4, -6, INT64_MIN), ElementsAre(4));
  EXPECT_THAT(slice(1, INT64_MAX, INT64_MAX), ElementsAre(1));
  EXPECT_THAT(slice(-100, 100, 2), ElementsAre(0, 2, 4));
}

TEST(OnnxOperators, HalvesAreComputedIn) {
  const std::string twice = node_bytes({.op = "Add", .input_types = {10, 10}});
  const Tensor x = astype(tensor({1, 2049, 65504}), DType::f16);
  const Tensor y = result_of(twice, {x, x});
  EXPECT_EQ(y.dtype(), DType::f16);
  EXPECT_THAT(astype(y, DType::f32).to_vector<float>(), ElementsAre(2, 4096, INFINITY));
}

TEST(OnnxOperators, LargeUnsignedNumbers) {
  const Tensor x = list({5, INT64_MAX});
  EXPECT_THAT(
      result_of(
          node_bytes({.op = "Cast", .input_types = {13}, .rest = "attribute { name: 'to' type: INT i: 11 }"}),
          {x})
          .to_vector<double>(),
      ElementsAre(5, 9223372036854775807.0));
  EXPECT_EQ(
      error_of(node_bytes(
          {.op = "Identity",
           .input_types = {13},
           .more = "initializer { name: 'w' data_type: 13 dims: 1 uint64_data: 9223372036854775808 }"})),
      "m.onnx: initializer \"w\": a value is no uint64 below 2^63");
}

TEST(OnnxOperators, TransposedConvolutionsOfAGivenSize) {
  const auto run = [](const std::string& more) {
    return result_of(node_bytes({.op = "ConvTranspose",
                                 .input_types = {1, 1, 1},
                                 .rest = "attribute { name: 'strides' type: INTS ints: 2 } " + more}),
                     {tensor({{{1, 2}}}), tensor({{{1, 10, 100}}}), tensor({0.5})})
        .to_vector<float>();
  };
  EXPECT_THAT(run(""), ElementsAre(1.5, 10.5, 102.5, 20.5, 200.5));
  EXPECT_THAT(run("attribute { name: 'output_shape' type: INTS ints: 4 }"),
              ElementsAre(10.5, 102.5, 20.5, 200.5));
  EXPECT_THAT(run("attribute { name: 'output_shape' type: INTS ints: 7 }"),
              ElementsAre(1.5, 10.5, 102.5, 20.5, 200.5, 0.5, 0.5));
  EXPECT_THAT(run("attribute { name: 'auto_pad' type: STRING s: 'SAME_UPPER' }"),
              ElementsAre(1.5, 10.5, 102.5, 20.5));
  EXPECT_THAT(run("attribute { name: 'pads' type: INTS ints: [1, 2] }"), ElementsAre(10.5, 102.5));
}

}  // namespace
}  // namespace gradus::onnx
