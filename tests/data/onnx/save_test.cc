// What save() makes of a trace: names, constants, order, views and copies; what it refuses; models that are
// read back, run and trained further.
#include "gradus/data/format/onnx/save.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "gradus/data/format/onnx/model.h"
#include "gradus/graph/custom.h"
#include "gradus/graph/recording.h"
#include "gradus/nn/nn.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/attention.h"
#include "gradus/ops/conv.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/join.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/loss.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/pool.h"
#include "gradus/ops/random.h"
#include "gradus/ops/recurrent.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/resample.h"
#include "gradus/ops/sort.h"
#include "gradus/ops/view.h"
#include "gradus/optim/sgd.h"
#include "written.h"

namespace gradus::onnx {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

::onnx::ModelProto parsed(const std::string& bytes) {
  ::onnx::ModelProto m;
  EXPECT_TRUE(m.ParseFromString(bytes));
  return m;
}

std::vector<std::string> operators(const std::string& bytes) {
  std::vector<std::string> all;
  const auto m = parsed(bytes);
  for (const auto& n : m.graph().node()) all.push_back(n.op_type());
  return all;
}

std::vector<std::string> initializers(const std::string& bytes) {
  std::vector<std::string> all;
  const auto m = parsed(bytes);
  for (const auto& t : m.graph().initializer()) all.push_back(t.name());
  return all;
}

// The bytes; fails the test where there are none.
std::string written(const absl::StatusOr<std::string>& bytes) {
  EXPECT_TRUE(bytes.ok()) << bytes.status().message();
  return bytes.ok() ? *bytes : "";
}

std::string error(const absl::StatusOr<std::string>& bytes) {
  EXPECT_FALSE(bytes.ok());
  return std::string(bytes.status().message());
}

// Writes y as computed under a trace from the inputs, and compares what the model read back gives.
void expect_same(const Trace& trace, const NamedTensors& outputs, const NamedTensors& inputs,
                 const std::string& name, const SaveOptions& more = {}) {
  SaveOptions options = more;
  options.inputs = inputs;
  const std::string bytes = written(serialize(trace, outputs, options));
  EXPECT_EQ(objections(bytes), "");
  std::vector<Tensor> given, expected;
  for (const NamedTensor& t : inputs) given.push_back(t.tensor);
  for (const NamedTensor& t : outputs) expected.push_back(t.tensor);
  EXPECT_EQ(run_and_compare(bytes, given, expected), "");
  keep_case(name, bytes, given, expected);
}

TEST(OnnxSave, AModelWithItsParameters) {
  manual_seed(1);
  const nn::Linear fc1(3, 4), fc2(4, 2);
  const Tensor x = uniform({5, 3}, -1, 1);
  Trace trace;
  const Tensor y = fc2(relu(fc1(x)));
  NamedTensors names;
  for (const auto* fc : {&fc1, &fc2}) {
    for (NamedTensor& p : fc->named_parameters()) {
      names.push_back({(fc == &fc1 ? "fc1." : "fc2.") + p.name, p.tensor});
    }
  }
  const std::string bytes =
      written(serialize(trace, {{"logits", y}}, {.inputs = {{"x", x}}, .initializers = names}));
  EXPECT_EQ(objections(bytes), "");
  EXPECT_THAT(operators(bytes), ElementsAre("Gemm", "Relu", "Gemm"));
  EXPECT_THAT(initializers(bytes), ElementsAre("fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"));
  const auto m = parsed(bytes);
  EXPECT_EQ(m.graph().input(0).name(), "x");
  EXPECT_EQ(m.graph().input(0).type().tensor_type().shape().dim(0).dim_value(), 5);
  EXPECT_EQ(m.graph().output(0).name(), "logits");
  EXPECT_EQ(m.opset_import(0).version(), 17);
  EXPECT_EQ(m.ir_version(), 8);
  EXPECT_EQ(m.producer_name(), "gradus");
  EXPECT_THAT(m.graph().node(0).doc_string(), HasSubstr("linear save_test.cc:"));
  EXPECT_EQ(run_and_compare(bytes, {x}, {y}), "");
}

TEST(OnnxSave, TheFileIsTrainedFurther) {
  const nn::Linear fc(2, 1);
  const Tensor x = uniform({4, 2}, -1, 1);
  Trace trace;
  const Tensor y = fc(x) * 2.0;
  const std::string bytes = written(serialize(trace, {{"y", y}}, {.inputs = {{"x", x}}}));
  trace.stop();
  auto model = parse_model(bytes, "written.onnx");
  ASSERT_TRUE(model.ok());
  // The factor 2 is a constant, no parameter.
  EXPECT_EQ(model->parameters().size(), 2U);
  model->requires_grad(true);
  std::vector<Tensor> parameters;
  for (const NamedTensor& p : model->parameters()) parameters.push_back(p.tensor);
  optim::SGD opt(parameters, {.lr = 0.1});
  const Tensor target = zeros({4, 1});
  double first = 0, last = 0;
  for (int step = 0; step < 5; ++step) {
    const Tensor inputs[] = {x};
    const Tensor loss = mse_loss(model->run(inputs)->at(0), target);
    last = loss.item();
    if (step == 0) first = last;
    opt.zero_grad();
    loss.backward();
    opt.step();
  }
  EXPECT_LT(last, 0.7 * first);
}

TEST(OnnxSave, NoRecordingIsNeeded) {
  const Tensor x = uniform({3}, -1, 1);
  const NoGrad no_grad;
  Trace trace;
  const Tensor y = exp(x) + astype(gt(x, 0), DType::f32);
  expect_same(trace, {{"y", y}}, {{"x", x}}, "no_recording");
}

TEST(OnnxSave, OnlyWhatOutputsNeed) {
  const Tensor x = uniform({3}, -1, 1);
  Trace trace;
  const Tensor unused = linalg::inv(reshape(x, {3, 1}) * reshape(x, {1, 3}) + eye(3));
  const Tensor y = exp(x);
  EXPECT_THAT(operators(written(serialize(trace, {{"y", y}}, {.inputs = {{"x", x}}}))), ElementsAre("Exp"));
}

TEST(OnnxSave, NamesAreKeptAndUnique) {
  const Tensor x = ones({2}).name("x");
  const Tensor w = ones({2}).name("w"), other = full({2}, 3.0).name("w");
  Trace trace;
  const Tensor h = (x * w).name("h");
  const Tensor again = (h * other).name("h");
  const Tensor y = exp(again).name("y");
  const std::string bytes = written(serialize(trace, {{"", y}}, {.inputs = {{"", x}}}));
  const auto m = parsed(bytes);
  EXPECT_EQ(m.graph().input(0).name(), "x");
  EXPECT_EQ(m.graph().output(0).name(), "y");
  EXPECT_THAT(initializers(bytes), ElementsAre("w", "w_1"));
  EXPECT_EQ(m.graph().node(0).output(0), "h");
  EXPECT_EQ(m.graph().node(1).output(0), "h_1");
}

TEST(OnnxSave, OutputsThatAreInputsOrTheSame) {
  const Tensor x = uniform({2, 3}, -1, 1);
  Trace trace;
  const Tensor y = exp(x);
  const Tensor same = reshape(y, {2, 3}), detached = y.detach(), copy = y.clone_detached();
  expect_same(trace, {{"y", y}, {"x_again", x}, {"same", same}, {"detached", detached}, {"copy", copy}},
              {{"x", x}}, "outputs_twice");
}

TEST(OnnxSave, DetachedAndCopiedTensorsAreWhatTheyWere) {
  const Tensor x = uniform({4}, -1, 1).requires_grad(true);
  Trace trace;
  Tensor held = zeros({4});
  held.copy_(exp(x));
  const Tensor y = sin(held) + x.detach() * exp(x).detach() + exp(x).clone_detached();
  expect_same(trace, {{"y", y}}, {{"x", x}}, "detached");
}

TEST(OnnxSave, ACustomOpIsItsForward) {
  const Tensor x = uniform({4}, -1, 1).requires_grad(true);
  Trace trace;
  const Tensor y = custom(
      "twice", {x}, [](const CustomInputs& in) { return in[0] * 2.0; },
      [](const CustomInputs&, const Tensor& g, CustomGrads& out) { out[0] = g * 2.0; });
  expect_same(trace, {{"y", y + 1.0}}, {{"x", x}}, "custom");
}

TEST(OnnxSave, TemporariesKeepTheirMemory) {
  // Large enough to be lent to a result where no trace holds them.
  const Tensor x = uniform({64, 64}, 0.1, 1);
  Trace trace;
  const Tensor y = log(exp(uniform({64, 64}, 0.5, 1) * x) + 1.0);
  expect_same(trace, {{"y", y}}, {{"x", x}}, "temporaries");
}

TEST(OnnxSave, AnInteriorTensorAsInput) {
  const Tensor x = uniform({4}, -1, 1);
  Trace trace;
  const Tensor h = exp(x), y = sin(h);
  expect_same(trace, {{"y", y}}, {{"h", h}}, "interior");
}

TEST(OnnxSave, StridedConstants) {
  const Tensor table = uniform({6, 4}, -1, 1);
  const Tensor x = uniform({4, 3}, -1, 1), w = slice(transpose(table, 0, 1), 1, 0, 6, 2);
  Trace trace;
  expect_same(trace, {{"y", x * w}}, {{"x", x}}, "strided");
}

TEST(OnnxSave, IndicesOfMaxPool) {
  for (const bool batched : {true, false}) {
    const Tensor x = batched ? uniform({2, 3, 5, 6}, -1, 1) : uniform({3, 5, 6}, -1, 1);
    Trace trace;
    const auto [values, indices] = max_pool2d_with_indices(x, {3, 2}, {.stride = 2, .padding = {1, 0}});
    const auto adaptive = adaptive_max_pool2d_with_indices(slice(x, -2, 0, 4), {2, 3});
    expect_same(trace,
                {{"values", values},
                 {"indices", indices},
                 {"adaptive", adaptive.indices},
                 {"back", max_unpool2d(values, indices, {3, 2}, {.stride = 2, .padding = {1, 0}})}},
                {{"x", x}}, batched ? "indices_batched" : "indices");
  }
}

Tensor parameter(const Shape& shape, std::string_view name) {
  return uniform(shape, -0.5, 0.5).requires_grad(true).name(name);
}

TEST(OnnxSave, ConvolutionalNetwork) {
  manual_seed(2);
  const Tensor w1 = parameter({8, 3, 3, 3}, "conv1.weight"), w2 = parameter({8, 8, 3, 3}, "conv2.weight"),
               b1 = parameter({8}, "conv1.bias"), gamma = parameter({8}, "norm.weight"),
               beta = parameter({8}, "norm.bias"), mean = zeros({8}), var = ones({8}),
               w3 = parameter({5, 8}, "fc.weight");
  const auto net = [&](const Tensor& x, bool training) {
    const Tensor h = conv2d(x, w1, b1, {.padding = 1});
    const Tensor n = batch_norm(h, mean, var, {.weight = gamma, .bias = beta, .training = training});
    const Tensor c = leaky_relu(conv2d(max_pool2d(relu(n), 2), w2, {.stride = 2}));
    return linear(flatten(adaptive_avg_pool2d(c, {1, 1}), 1), w3);
  };
  const Tensor x = uniform({2, 3, 12, 12}, -1, 1);
  net(x, true);  // moves the running statistics
  Trace trace;
  const Tensor y = net(x, false);
  const SaveOptions options{.inputs = {{"x", x}},
                            .initializers = {{"norm.running_mean", mean}, {"norm.running_var", var}}};
  const std::string bytes = written(serialize(trace, {{"y", y}}, options));
  EXPECT_THAT(operators(bytes), ElementsAre("Conv", "BatchNormalization", "Relu", "MaxPool", "Conv",
                                            "LeakyRelu", "AveragePool", "Constant", "Reshape", "Gemm"));
  EXPECT_THAT(initializers(bytes),
              ElementsAre("conv1.weight", "conv1.bias", "norm.weight", "norm.bias", "norm.running_mean",
                          "norm.running_var", "conv2.weight", "fc.weight"));
  expect_same(trace, {{"y", y}}, {{"x", x}}, "network", options);
}

TEST(OnnxSave, BatchNormInTraining) {
  const Tensor x = uniform({4, 3, 5}, -1, 1), mean = zeros({3}), var = ones({3});
  Trace trace;
  expect_same(trace, {{"y", batch_norm(x, mean, var, {.training = true})}}, {{"x", x}},
              "batch_norm_training");
}

TEST(OnnxSave, AttentionBlock) {
  manual_seed(3);
  const Tensor x = uniform({2, 6, 8}, -1, 1), w = uniform({24, 8}, -1, 1), b = uniform({24}, -1, 1);
  Trace trace;
  const auto parts = chunk(linear(layer_norm(x, {8}), w, b), 3, -1);
  const auto heads = [](const Tensor& t) { return transpose(reshape(t, {2, 6, 2, 4}), 1, 2); };
  const Tensor a =
      scaled_dot_product_attention(heads(parts[0]), heads(parts[1]), heads(parts[2]), {.is_causal = true});
  const Tensor y = x + reshape(transpose(a, 1, 2), {2, 6, 8});
  expect_same(trace, {{"y", y}}, {{"x", x}}, "attention_block");
}

TEST(OnnxSave, RecurrentLayers) {
  manual_seed(4);
  const auto weights = [](std::int64_t gates, std::int64_t inputs) {
    return RecurrentWeights{uniform({4 * gates, inputs}, -1, 1), uniform({4 * gates, 4}, -1, 1),
                            uniform({4 * gates}, -1, 1), uniform({4 * gates}, -1, 1)};
  };
  const Tensor x = uniform({5, 2, 3}, -1, 1), h0 = uniform({1, 2, 4}, -1, 1);
  const std::vector<RecurrentWeights> two_layers{weights(4, 3), weights(4, 3), weights(4, 8), weights(4, 8)};
  const std::vector<RecurrentWeights> gates{weights(3, 3)}, plain{weights(1, 3)};
  Trace trace;
  const LstmResult r = lstm(x, two_layers, {.bidirectional = true});
  const NamedTensors outputs{{"output", r.output},
                             {"h_n", r.h_n},
                             {"c_n", r.c_n},
                             {"gru", gru(x, gates, {.h0 = h0}).output},
                             {"rnn", rnn(x, plain).h_n}};
  const std::string bytes = written(serialize(trace, outputs, {.inputs = {{"x", x}}}));
  const auto ops = operators(bytes);
  EXPECT_EQ(std::count(ops.begin(), ops.end(), "LSTM"), 4);
  EXPECT_EQ(std::count(ops.begin(), ops.end(), "GRU"), 1);
  EXPECT_EQ(std::count(ops.begin(), ops.end(), "RNN"), 1);
  expect_same(trace, outputs, {{"x", x}}, "recurrent");
}

TEST(OnnxSave, RecurrentLayersWithLengths) {
  const Tensor x = uniform({4, 3, 2}, -1, 1), lengths = tensor({4, 1, 2}, DType::i64);
  const std::vector<RecurrentWeights> weights{{uniform({12, 2}, -1, 1), uniform({12, 3}, -1, 1), {}, {}}};
  Trace trace;
  const LstmResult r = lstm(x, weights, {.lengths = lengths});
  expect_same(trace, {{"output", r.output}, {"c_n", r.c_n}}, {{"x", x}}, "lengths");
}

TEST(OnnxSave, Resampling) {
  const Tensor x = uniform({1, 2, 5, 6}, -1, 1), grid = uniform({1, 3, 4, 2}, -1, 1);
  Trace trace;
  expect_same(trace,
              {{"bilinear", interpolate(x, {.size = {7, 9}, .mode = InterpolateMode::bilinear})},
               {"bicubic", interpolate(x, {.scale_factor = {2.0, 2.0}, .mode = InterpolateMode::bicubic})},
               {"nearest", interpolate(x, {.scale_factor = {2.0, 2.0}})},
               {"sampled", grid_sample(x, grid)}},
              {{"x", x}, {"grid", grid}}, "resampling");
}

TEST(OnnxSave, Losses) {
  const Tensor x = uniform({4, 5}, -1, 1), labels = randint(0, 5, {4}), t = uniform({4, 5}, 0, 1);
  Trace trace;
  expect_same(trace,
              {{"cross_entropy", cross_entropy(x, labels)},
               {"kl_div", kl_div(log_softmax(x, 1), t, Reduction::sum)},
               {"huber", huber_loss(x, t)},
               {"bce", binary_cross_entropy_with_logits(x, t)}},
              {{"x", x}, {"labels", labels}, {"t", t}}, "losses", {.ignore_reads = true});
}

TEST(OnnxSave, DeepGraphsNeedNoStack) {
  const Tensor x = ones({1});
  Trace trace;
  Tensor y = x;
  for (int i = 0; i < 20000; ++i) y = sin(y);
  const std::string bytes = written(serialize(trace, {{"y", y}}, {.inputs = {{"x", x}}}));
  EXPECT_EQ(run_and_compare(bytes, {x}, {y}), "");
}

TEST(OnnxSave, AFileAppearsWholeOrNotAtAll) {
  const std::string path = testing::TempDir() + "/written.onnx";
  std::filesystem::remove(path);
  const Tensor x = ones({2});
  Trace trace;
  const Tensor y = exp(x), bad = polygamma(1, x);
  EXPECT_TRUE(absl::IsUnimplemented(save(path, trace, {{"y", bad}}, {.inputs = {{"x", x}}})));
  EXPECT_FALSE(std::filesystem::exists(path));
  ASSERT_TRUE(save(path, trace, {{"y", y}}, {.inputs = {{"x", x}}}).ok());
  EXPECT_TRUE(load_model(path).ok());
  EXPECT_FALSE(save("/none/written.onnx", trace, {{"y", y}}, {.inputs = {{"x", x}}}).ok());
}

TEST(OnnxSave, TheSameBytesEachTime) {
  const Tensor x = ones({2});
  Trace trace;
  const Tensor y = gelu(x) * softmax(x, 0);
  EXPECT_EQ(written(serialize(trace, {{"y", y}}, {.inputs = {{"x", x}}})),
            written(serialize(trace, {{"y", y}}, {.inputs = {{"x", x}}})));
}

// --- what is refused ---

TEST(OnnxSave, NothingWasTraced) {
  const Tensor x = ones({2}), before = exp(x).name("before");
  Trace trace;
  EXPECT_EQ(
      error(serialize(trace, {{"y", before}}, {.inputs = {{"x", x}}})),
      "onnx::save: output \"y\" \"before\" [2] f32 was not computed under the trace; make the gd::Trace "
      "first, then compute the output, then save");
  EXPECT_EQ(error(serialize(trace, {}, {})), "onnx::save: there are no outputs");
  EXPECT_EQ(error(serialize(trace, {{"y", Tensor()}}, {})), "onnx::save: output \"y\" is an empty handle");
}

TEST(OnnxSave, NamesThatAreNone) {
  const Tensor x = ones({2}), z = ones({2});
  Trace trace;
  const Tensor y = x + z;
  EXPECT_EQ(error(serialize(trace, {{"y", y}}, {.inputs = {{"", x}}})),
            "onnx::save: input [2] f32 has no name");
  EXPECT_EQ(error(serialize(trace, {{"y", y}}, {.inputs = {{"x", x}, {"x", z}}})),
            "onnx::save: input \"x\": the name is taken");
  EXPECT_EQ(error(serialize(trace, {{"y", y}}, {.inputs = {{"x", x}, {"again", x}}})),
            "onnx::save: input \"again\" is the same tensor as input \"x\"");
  EXPECT_EQ(error(serialize(trace, {{"x", y}}, {.inputs = {{"x", x}}})),
            "onnx::save: output \"x\": the name is taken");
}

TEST(OnnxSave, AnOpThatCannotBeWritten) {
  const Tensor x = ones({2});
  Trace trace;
  const Tensor y = polygamma(1, x);
  const auto s = serialize(trace, {{"y", y}}, {.inputs = {{"x", x}}});
  EXPECT_TRUE(absl::IsUnimplemented(s.status()));
  EXPECT_EQ(error(s), "onnx::save: polygamma (called at save_test.cc:" + std::to_string(__LINE__ - 3) +
                          "): operator set 17 has no such operator, and it is not composed of others");
}

constexpr const char* kInputs[] = {"x"};
constexpr OpDef kOwn = {.name = "relu",  // gradus has one of this name
                        .doc = "none",
                        .inputs = kInputs,
                        .infer = [](InferContext& c) { c.set_out_like(0, 0); },
                        .kernel = [](KernelContext&) {}};

TEST(OnnxSave, AnOpOfTheProgram) {
  const Tensor x = ones({2});
  Trace trace;
  const Tensor y = apply(kOwn, {x});
  EXPECT_THAT(error(serialize(trace, {{"y", y}}, {.inputs = {{"x", x}}})),
              HasSubstr("it is an op of the program's own; compose it of gradus's ops"));
}

TEST(OnnxSave, WhatWasChangedInPlace) {
  const Tensor x = ones({2});
  Tensor w = ones({2}).name("w");
  Trace trace;
  const Tensor y = x * w;
  w.fill_(2);
  EXPECT_THAT(error(serialize(trace, {{"y", y}}, {.inputs = {{"x", x}}})),
              HasSubstr("its operand \"w\" [2] f32 was changed in place by fill_ at save_test.cc:"));
}

TEST(OnnxSave, WhatWasChangedBetween) {
  const Tensor x = ones({2});
  Trace trace;
  Tensor h = exp(x);
  h.mutable_span<float>()[0] = 7;
  const Tensor y = h + 1.0;
  EXPECT_THAT(error(serialize(trace, {{"y", y}}, {.inputs = {{"x", x}}})),
              HasSubstr("add (called at save_test.cc:"));
}

TEST(OnnxSave, WhatTheProgramRead) {
  const Tensor x = ones({2});
  Trace trace;
  const double scale = sum(x).item();
  const Tensor y = x * scale;
  EXPECT_THAT(error(serialize(trace, {{"y", y}}, {.inputs = {{"x", x}}})),
              HasSubstr("the elements of [] f32 were read at save_test.cc:"));
  EXPECT_TRUE(serialize(trace, {{"y", y}}, {.inputs = {{"x", x}}, .ignore_reads = true}).ok());
}

TEST(OnnxSave, PlacesThatAreInputsAreRead) {
  const Tensor x = uniform({4, 3}, -1, 1), places = tensor({2, 0}, DType::i64);
  Trace trace;
  const Tensor y = index(x, {places});
  EXPECT_THAT(error(serialize(trace, {{"y", y}}, {.inputs = {{"x", x}, {"places", places}}})),
              HasSubstr("were read at"));
  EXPECT_TRUE(serialize(trace, {{"y", y}}, {.inputs = {{"x", x}}}).ok());
}

TEST(Trace, OneAtATimeAndPerThread) {
  Trace trace;
  EXPECT_THROW(const Trace second, GraphError);
  std::thread([] {
    const Tensor x = exp(ones({2}));
    Trace other;
    exp(x);
    EXPECT_EQ(other.calls().size(), 1U);
  }).join();
  EXPECT_TRUE(trace.calls().empty());
  exp(ones({2}));
  EXPECT_EQ(trace.calls().size(), 1U);
  trace.stop();
  exp(ones({2}));
  EXPECT_EQ(trace.calls().size(), 1U);
  EXPECT_NO_THROW(const Trace second);
}

TEST(Trace, AnOpThatFailsIsNotInIt) {
  Trace trace;
  EXPECT_THROW(ones({2}) + ones({3}), ShapeError);
  EXPECT_TRUE(trace.calls().empty());
  exp(ones({2}));
  EXPECT_EQ(trace.calls().size(), 1U);
}

}  // namespace
}  // namespace gradus::onnx
