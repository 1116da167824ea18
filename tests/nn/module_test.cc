// Modules are values whose members are their parameters.
#include "gradus/nn/module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <sstream>

#include "gradus/base/random.h"
#include "gradus/graph/recording.h"
#include "gradus/nn/nn.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/reduction.h"
#include "gradus/optim/sgd.h"

namespace gradus::nn {

struct Mlp : Module {
  Linear fc1{3, 4};
  Linear fc2{4, 2};
  GRADUS_MEMBERS(fc1, fc2)

  Tensor operator()(const Tensor& x) const { return fc2(relu(fc1(x))); }
};

struct Rich : Module {
  std::vector<Linear> layers;
  std::optional<Linear> head;
  std::unique_ptr<Linear> owned;
  Parameter scale;
  Buffer mean;
  Dropout dropout{0.25};
  GRADUS_MEMBERS(layers, head, owned, scale, mean, dropout)

  Rich() {
    layers.emplace_back(2, 3);
    layers.emplace_back(3, 2, LinearOptions{.bias = false});
    scale = init::ones_(empty({2}));
    mean = init::zeros_(empty({2}));
  }
};

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> names(const NamedTensors& tensors) {
  std::vector<std::string> out;
  for (const NamedTensor& t : tensors) out.push_back(t.name);
  return out;
}

Tensor ones(const Shape& shape) { return init::ones_(empty(shape)); }

TEST(Module, NamesAreThoseOfTheMembers) {
  Mlp model;
  EXPECT_THAT(names(model.named_parameters()),
              ElementsAre("fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"));
  EXPECT_EQ(model.parameter_count(), 3 * 4 + 4 + 4 * 2 + 2);
  EXPECT_EQ(model.parameters().size(), 4U);
  EXPECT_EQ(model.weights().size(), 2U);
  EXPECT_EQ(model.biases().size(), 2U);
  EXPECT_TRUE(model.biases()[1].is(model.fc2.bias));
  EXPECT_EQ(model.fc1.weight.name(), "fc1.weight");
}

TEST(Module, ContainersAndOptionalMembers) {
  Rich m;
  EXPECT_THAT(names(m.named_parameters()),
              ElementsAre("layers.0.weight", "layers.0.bias", "layers.1.weight", "scale"));
  EXPECT_THAT(names(m.named_buffers()), ElementsAre("mean"));
  m.head.emplace(2, 1);
  m.owned = std::make_unique<Linear>(1, 1);
  EXPECT_THAT(names(m.named_parameters()),
              ElementsAre("layers.0.weight", "layers.0.bias", "layers.1.weight", "head.weight", "head.bias",
                          "owned.weight", "owned.bias", "scale"));
  EXPECT_THAT(names(m.state_dict()), ::testing::Contains("mean"));
  std::vector<std::string> modules;
  for (const auto& [name, child] : m.named_modules()) modules.push_back(name);
  EXPECT_THAT(modules, ElementsAre("", "layers.0", "layers.1", "head", "owned", "dropout"));
}

TEST(Module, TheMemberIsTheParameter) {
  Mlp model;
  Tensor t = ones({4, 3});
  model.fc1.weight = t;
  EXPECT_TRUE(t.requires_grad());
  EXPECT_TRUE(model.parameters()[0].is(t));
  sum(model(ones({5, 3}))).backward();
  EXPECT_TRUE(t.grad().defined());
  EXPECT_TRUE(model.fc1.weight.grad().is(t.grad()));
  model.zero_grad();
  EXPECT_FALSE(t.grad().defined());
  // An integer cannot be one.
  EXPECT_THROW(model.fc1.weight = empty({4, 3}, DType::i64), DtypeError);
}

TEST(Module, CopiesAreIndependent) {
  Mlp a;
  Mlp b = a;
  EXPECT_FALSE(b.fc1.weight.is(a.fc1.weight));
  EXPECT_TRUE(b.fc1.weight.requires_grad());
  EXPECT_EQ(a.fc1.weight.to_vector<float>(), b.fc1.weight.to_vector<float>());
  {
    const NoGrad guard;
    b.fc1.weight.fill_(7.0);
  }
  EXPECT_NE(a.fc1.weight.to_vector<float>(), b.fc1.weight.to_vector<float>());
}

// `model = best` must not leave an optimizer with tensors that no model has.
TEST(Module, CopyAssignmentKeepsTheParametersOfAnOptimizer) {
  Mlp model, best;
  optim::SGD opt(model.parameters(), {.lr = 1.0});
  const Tensor before = model.fc1.weight;
  model = best;
  EXPECT_TRUE(model.fc1.weight.is(before));
  EXPECT_EQ(model.fc1.weight.to_vector<float>(), best.fc1.weight.to_vector<float>());
  sum(model(ones({2, 3}))).backward();
  opt.step();
  EXPECT_NE(model.fc2.bias.to_vector<float>(), best.fc2.bias.to_vector<float>());
  // Another shape: a new tensor.
  model.fc1 = Linear(5, 4);
  EXPECT_EQ(model.fc1.weight.size(1), 5);
}

TEST(Module, TiedParametersCountOnce) {
  Mlp model;
  model.fc2.bias = model.fc1.bias.share();
  EXPECT_TRUE(model.fc2.bias.is(model.fc1.bias));
  EXPECT_THAT(names(model.named_parameters()), ElementsAre("fc1.weight", "fc1.bias", "fc2.weight"));
  EXPECT_EQ(model.parameter_count(), 12 + 4 + 8);
  EXPECT_THAT(names(model.state_dict()), ElementsAre("fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"));
}

TEST(Module, TrainAndEvalReachEveryModule) {
  Rich m;
  EXPECT_TRUE(m.dropout.training());
  m.eval();
  EXPECT_FALSE(m.training());
  EXPECT_FALSE(m.dropout.training());
  EXPECT_FALSE(m.layers[1].training());
  m.train();
  EXPECT_TRUE(m.dropout.training());
}

TEST(Module, Freezing) {
  Mlp model;
  model.fc1.requires_grad(false);
  sum(model(ones({1, 3}))).backward();
  EXPECT_FALSE(model.fc1.weight.grad().defined());
  EXPECT_TRUE(model.fc2.weight.grad().defined());
  const Mlp copy = model;
  EXPECT_FALSE(copy.fc1.weight.requires_grad());
}

TEST(Module, PrintsAsPyTorchDoes) {
  Mlp model;
  const std::string expected =
      "Mlp(\n"
      "  (fc1): Linear(in_features=3, out_features=4, bias=True)\n"
      "  (fc2): Linear(in_features=4, out_features=2, bias=True)\n"
      ")";
  EXPECT_EQ(to_string(model), expected);
  std::ostringstream out;
  out << model;
  EXPECT_EQ(out.str(), expected);
  EXPECT_EQ(to_string(Sequential(Flatten(), Linear(2, 2, {.bias = false}), ReLU(), Dropout(0.25))),
            "Sequential(\n"
            "  (0): Flatten(start_dim=1, end_dim=-1)\n"
            "  (1): Linear(in_features=2, out_features=2, bias=False)\n"
            "  (2): ReLU()\n"
            "  (3): Dropout(p=0.25)\n"
            ")");
}

TEST(State, RoundTrips) {
  Mlp a, b;
  const NamedTensors state = a.state_dict();
  EXPECT_FALSE(state[0].tensor.is(a.fc1.weight));  // a snapshot
  EXPECT_FALSE(state[0].tensor.requires_grad());
  const Tensor before = b.fc1.weight;
  b.load_state_dict(state);
  EXPECT_TRUE(b.fc1.weight.is(before));
  EXPECT_EQ(a.fc2.weight.to_vector<float>(), b.fc2.weight.to_vector<float>());
}

TEST(State, ABadOneChangesNothing) {
  Mlp model;
  const std::vector<float> before = model.fc1.weight.to_vector<float>();
  const auto refused = [&](const NamedTensors& state) {
    std::string text = "nothing was thrown";
    try {
      model.load_state_dict(state);
    } catch (const Error& e) {
      text = e.what();
    }
    EXPECT_EQ(model.fc1.weight.to_vector<float>(), before);
    return text;
  };
  NamedTensors good = Mlp().state_dict();
  NamedTensors bad = good;
  bad.pop_back();
  bad.push_back({"fc3.bias", ones({2})});
  EXPECT_THAT(refused(bad),
              HasSubstr("load_state_dict: the state lacks \"fc2.bias\"; it holds \"fc3.bias\", of "
                        "which the model knows nothing"));
  bad = good;
  bad[3].tensor = ones({3});
  EXPECT_THAT(refused(bad), HasSubstr("\"fc2.bias\" is [3] in the state and [2] in the model"));
  bad = good;
  bad[3].tensor = empty({2}, DType::f64);
  EXPECT_THAT(refused(bad), HasSubstr("\"fc2.bias\" is f64 in the state and f32 in the model"));
  bad = good;
  bad.push_back(good[0]);
  EXPECT_THAT(refused(bad), HasSubstr("twice"));
  bad = good;
  bad[1].tensor = Tensor();
  EXPECT_THAT(refused(bad), HasSubstr("empty handle"));
  model.load_state_dict(good);
  EXPECT_NE(model.fc1.weight.to_vector<float>(), before);
}

TEST(State, NotStrictTakesWhatFitsAndSaysWhatIsLeft) {
  Mlp from, model;
  NamedTensors state = from.state_dict();
  EXPECT_EQ(state[3].name, "fc2.bias");
  state[3].name = "head.bias";
  const std::vector<float> own = model.fc2.bias.to_vector<float>();
  const LoadedState left = model.load_state_dict(state, /*strict=*/false);
  EXPECT_EQ(left.missing_keys, std::vector<std::string>{"fc2.bias"});
  EXPECT_EQ(left.unexpected_keys, std::vector<std::string>{"head.bias"});
  EXPECT_EQ(model.fc1.weight.to_vector<float>(), from.fc1.weight.to_vector<float>());
  EXPECT_EQ(model.fc2.bias.to_vector<float>(), own);

  const LoadedState all = model.load_state_dict(from.state_dict(), false);
  EXPECT_TRUE(all.missing_keys.empty() && all.unexpected_keys.empty());
  EXPECT_EQ(model.load_state_dict(NamedTensors{}, false).missing_keys.size(), 4U);
  EXPECT_THROW(model.load_state_dict(state, true), ValueError);
}

TEST(State, NotStrictStillRefusesWhatDoesNotFit) {
  Mlp model;
  const std::vector<float> before = model.fc1.weight.to_vector<float>();
  const NamedTensors good = Mlp().state_dict();
  const auto refused = [&](const Tensor& bias) {
    NamedTensors bad = good;
    bad[3].tensor = bias;
    bad.push_back({"more", ones({1})});
    std::string text = "nothing was thrown";
    try {
      model.load_state_dict(bad, false);
    } catch (const Error& e) {
      text = e.what();
    }
    EXPECT_EQ(model.fc1.weight.to_vector<float>(), before);
    return text;
  };
  EXPECT_THAT(refused(ones({3})), HasSubstr("\"fc2.bias\" is [3] in the state and [2] in the model"));
  EXPECT_THAT(refused(empty({2}, DType::f64)), HasSubstr("\"fc2.bias\" is f64 in the state and f32"));
  EXPECT_THAT(refused(Tensor()), HasSubstr("empty handle"));
  NamedTensors twice = good;
  twice.push_back(good[0]);
  EXPECT_THROW(model.load_state_dict(twice, false), ValueError);
  EXPECT_EQ(model.fc1.weight.to_vector<float>(), before);
}

}  // namespace
}  // namespace gradus::nn
