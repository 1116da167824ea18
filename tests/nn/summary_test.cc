// summary(): shapes, parameters, operations and bytes of models whose numbers are known.
#include "gradus/nn/summary.h"

#include <sstream>

#include "gradus/nn/nn.h"
#include "gradus/ops/creation.h"
#include "gradus/tests/nn/reference.h"

namespace gradus::nn {
namespace {

using ::testing::HasSubstr;

struct Mlp : Module {
  Linear fc1{6, 4};
  Linear fc2{4, 3};
  GRADUS_MEMBERS(fc1, fc2)
  Tensor operator()(const Tensor& x) const { return fc2(relu(fc1(x))); }
};

TEST(Summary, OfAPlainModel) {
  Mlp model;
  const Summary s = summary(model, ones({5, 6}));
  ASSERT_EQ(s.rows.size(), 3U);
  EXPECT_EQ(s.parameters, 6 * 4 + 4 + 4 * 3 + 3);
  EXPECT_EQ(s.parameter_bytes, 4 * s.parameters);
  EXPECT_EQ(s.rows[1].name, "fc1");
  EXPECT_EQ(s.rows[1].type, "Linear");
  EXPECT_TRUE((s.rows[1].output[0] == Shape{5, 4}));
  EXPECT_EQ(s.rows[1].flops, 5 * 4 * (2 * 6 + 1));
  EXPECT_EQ(s.rows[2].flops, 5 * 3 * (2 * 4 + 1));
  EXPECT_EQ(s.rows[1].output_bytes, 5 * 4 * 4);
  // The relu between them belongs to the model.
  EXPECT_EQ(s.flops, s.rows[1].flops + s.rows[2].flops + 5 * 4);
  EXPECT_EQ(s.rows[0].flops, s.flops);
  EXPECT_TRUE((s.rows[0].output[0] == Shape{5, 3}));
  EXPECT_GT(s.saved_bytes, 0);
  EXPECT_EQ(model.named_modules()[1].second->has_hooks(), model.fc1.has_hooks());
}

TEST(Summary, OfConvolutionsAttentionAndRecurrence) {
  Sequential cnn(Conv2d(2, 4, 3, {.padding = 1, .groups = 2}),
                 ConvTranspose2d(4, 3, 2, {.stride = 2, .bias = false}));
  const Summary c = summary(cnn, ones({1, 2, 5, 6}));
  EXPECT_EQ(c.rows[1].flops, 2.0 * 4 * 5 * 6 * (1 * 9));
  EXPECT_EQ(c.rows[2].flops, 2.0 * 4 * 5 * 6 * (3 * 4));

  LSTM lstm(3, 4);
  EXPECT_GE(summary(lstm, ones({7, 2, 3})).flops, 2.0 * 7 * 2 * (16 * 3 + 16 * 4));

  MultiheadAttention attention(8, 2, {.batch_first = true});
  const Summary a = summary(attention, ones({3, 5, 8}));
  const double projections = 3 * 5 * (2.0 * 8 * 24 + 24) + 3 * 5 * (2.0 * 8 * 8 + 8);
  EXPECT_EQ(a.flops, projections + 2.0 * 2 * 3 * 5 * 5 * 8);
}

TEST(Summary, ChangesNothing) {
  Sequential model(Linear(4, 4), BatchNorm1d(4), Dropout(0.5), Sequential(Linear(4, 2)));
  model[0].requires_grad(false);
  model[3].eval();
  const NamedTensors before = model.state_dict();
  manual_seed(3);
  const Generator generator = default_generator();
  const Summary s = summary(model, ones({6, 4}));
  EXPECT_EQ(default_generator().counter, generator.counter);
  EXPECT_EQ(s.trainable_parameters, s.parameters - 20);
  EXPECT_EQ(s.buffer_bytes, 4 + 4 * 4 + 4 * 4 + 4);
  EXPECT_GT(s.rows[1].flops, 0);
  const NamedTensors after = model.state_dict();
  for (std::size_t i = 0; i < before.size(); ++i) {
    expect_near(astype(after[i].tensor, DType::f64), astype(before[i].tensor, DType::f64), before[i].name);
  }
  EXPECT_TRUE(model.training());
  EXPECT_FALSE(model[3].training());
  EXPECT_FALSE(model.parameters()[0].requires_grad());
  EXPECT_FALSE(model.parameters()[0].grad().defined());
}

TEST(Summary, OfIndicesAndSeveralInputs) {
  Sequential model(Embedding(10, 4), Linear(4, 2));
  const Summary s = summary(model, zeros({3, 5}, DType::i64));
  EXPECT_TRUE((s.rows[1].output[0] == Shape{3, 5, 4}));
  EXPECT_EQ(s.rows[1].flops, 0);
  Bilinear two(3, 4, 2);
  EXPECT_TRUE((summary(two, ones({5, 3}), ones({5, 4})).rows[0].output[0] == Shape{5, 2}));
}

TEST(Summary, Prints) {
  Mlp model;
  std::ostringstream out;
  out << summary(model, ones({1000, 6}));
  EXPECT_EQ(out.str(),
            "Layer          Output         Parameters   FLOPs  Output bytes\n"
            "Mlp            [1000, 3] f32          43  83,000        12,000\n"
            "  fc1: Linear  [1000, 4] f32          28  52,000        16,000\n"
            "  fc2: Linear  [1000, 3] f32          15  27,000        12,000\n"
            "parameters: 43 (43 trainable), 172 bytes; buffers: 0 bytes\n"
            "FLOPs: 83,000; kept for the backward: 40,000 bytes\n");
}

}  // namespace
}  // namespace gradus::nn
