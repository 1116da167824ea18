// ModuleList, ModuleDict, Identity and hooks.
#include <optional>

#include "gradus/nn/nn.h"
#include "gradus/ops/creation.h"
#include "gradus/tests/nn/reference.h"

namespace gradus::nn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> names(const Module& m) {
  std::vector<std::string> out;
  for (const NamedTensor& p : m.named_parameters()) out.push_back(p.name);
  return out;
}

TEST(ModuleList, HoldsModulesOfAnyType) {
  ModuleList list(Linear(2, 3), LSTM(3, 4), ReLU());
  list.append(Linear(4, 1, {.bias = false}));
  EXPECT_EQ(list.size(), 4U);
  EXPECT_THAT(names(list), ElementsAre("0.weight", "0.bias", "1.weight_ih_l0", "1.weight_hh_l0",
                                       "1.bias_ih_l0", "1.bias_hh_l0", "3.weight"));
  EXPECT_EQ(list.get<LSTM>(1).hidden_size, 4);
  EXPECT_TRUE((list[0](ones({5, 2})).shape() == Shape{5, 3}));
  EXPECT_THAT(message_of<ValueError>([&] { list.get<Linear>(1); }),
              HasSubstr("ModuleList: module 1 is a LSTM, which is not what was asked for"));
  EXPECT_THAT(message_of<ValueError>([&] { list.get<Linear>(4); }), HasSubstr("ModuleList: module 4 of 4"));
  EXPECT_THAT(message_of<ValueError>([&] {
                list[1](ones({5, 2, 3}));
              }),
              HasSubstr("LSTM: cannot be called with one tensor"));
  expect_deep_copy(list);
  const Tensor kept = list.parameters()[0];
  list = ModuleList(Linear(2, 3));
  EXPECT_EQ(list.size(), 1U);
  ModuleList other(Linear(2, 3), ReLU());
  const Tensor first = list.parameters()[0];
  list = other;
  EXPECT_TRUE(list.parameters()[0].is(first));
  EXPECT_EQ(list.size(), 2U);
}

TEST(ModuleDict, HoldsModulesByName) {
  ModuleDict dict;
  dict.insert("encode", Linear(2, 3)).insert("decode", Linear(3, 2));
  EXPECT_THAT(dict.keys(), ElementsAre("encode", "decode"));
  EXPECT_THAT(names(dict), ElementsAre("encode.weight", "encode.bias", "decode.weight", "decode.bias"));
  EXPECT_TRUE((dict["decode"](dict["encode"](ones({5, 2}))).shape() == Shape{5, 2}));
  dict.insert("encode", Identity());
  EXPECT_EQ(dict.size(), 2U);
  EXPECT_TRUE(dict.contains("encode"));
  EXPECT_THAT(message_of<ValueError>([&] { dict.get<Linear>("encode"); }),
              HasSubstr("ModuleDict: \"encode\" is a Identity"));
  EXPECT_THAT(message_of<ValueError>([&] { dict["other"]; }),
              HasSubstr("ModuleDict: there is no module \"other\""));
  EXPECT_THAT(message_of<ValueError>([&] { dict.insert("a.b", ReLU()); }),
              HasSubstr("ModuleDict: \"a.b\" is no name; it must not be empty and have no dot"));
  EXPECT_THROW(dict.insert("", ReLU()), ValueError);
  expect_deep_copy(dict);
  const ModuleDict copy = dict;
  dict.erase("encode");
  EXPECT_FALSE(dict.contains("encode"));
  dict = copy;
  EXPECT_THAT(dict.keys(), ElementsAre("encode", "decode"));
}

TEST(Identity, IsTheOperand) {
  const Tensor x = ones({2});
  EXPECT_TRUE(Identity()(x).is(x));
}

TEST(Hooks, SeeAndReplaceInputsAndResults) {
  Linear fc(2, 2);
  const Tensor x = ones({1, 2});
  const std::vector<float> plain = fc(x).to_vector<float>();
  std::vector<std::string> order;
  const int before = fc.add_forward_pre_hook([&](const Module& m, const Tensor& in) {
    order.push_back(m.type_name() + " in");
    EXPECT_TRUE(in.is(x));
    return in * 2.0;
  });
  const int after = fc.add_forward_hook([&](const Module&, const Tensor& in, const Tensor& out) {
    order.push_back("out");
    EXPECT_EQ(in.to_vector<float>(), (std::vector<float>{2, 2}));
    return out * 10.0;
  });
  const int watcher = fc.add_forward_hook([&](const Module&, const Tensor&, const Tensor&) {
    order.push_back("watched");
    return Tensor();
  });
  const std::vector<float> hooked = fc(x).to_vector<float>();
  EXPECT_THAT(order, ElementsAre("Linear in", "out", "watched"));
  EXPECT_NE(hooked, plain);
  fc.remove_hook(before);
  fc.remove_hook(after);
  EXPECT_EQ(fc(x).to_vector<float>(), plain);
  fc.remove_hook(watcher);
  fc.remove_hook(99);
  EXPECT_EQ(order.size(), 4U);
}

TEST(Hooks, OfModulesWithSeveralResults) {
  LSTM lstm(2, 3);
  LSTMCell cell(2, 3);
  MultiheadAttention attention(4, 2);
  int calls = 0;
  const auto scale = [&](const Module&, const Tensor&, const Tensor& out) {
    ++calls;
    return out * 0.0;
  };
  lstm.add_forward_hook(scale);
  cell.add_forward_hook(scale);
  attention.add_forward_hook(scale);
  for (const float v : lstm(ones({4, 1, 2})).output.to_vector<float>()) EXPECT_EQ(v, 0.0F);
  for (const float v : cell(ones({1, 2})).h.to_vector<float>()) EXPECT_EQ(v, 0.0F);
  for (const float v : attention(ones({3, 1, 4})).output.to_vector<float>()) EXPECT_EQ(v, 0.0F);
  EXPECT_EQ(calls, 3);
}

TEST(Hooks, BelongToOneObject) {
  Linear a(2, 2);
  int calls = 0;
  a.add_forward_hook([&](const Module&, const Tensor&, const Tensor&) {
    ++calls;
    return Tensor();
  });
  const Linear copy = a;
  copy(ones({1, 2}));
  EXPECT_EQ(calls, 0);
  EXPECT_FALSE(copy.has_hooks());
  a = copy;
  a(ones({1, 2}));
  EXPECT_EQ(calls, 1);
}

TEST(Hooks, MayRemoveThemselves) {
  Sequential model(Linear(2, 2), ReLU());
  Module& layer = model[0];
  int calls = 0, id = 0;
  id = layer.add_forward_hook([&](const Module&, const Tensor&, const Tensor&) {
    ++calls;
    layer.remove_hook(id);
    return Tensor();
  });
  model(ones({1, 2}));
  model(ones({1, 2}));
  EXPECT_EQ(calls, 1);
}

struct Residual : UnaryModule {
  Linear fc{2, 2};
  GRADUS_MEMBERS(fc)
  Tensor forward(Operand x) const override { return fc(x) + Tensor::share(x.impl); }
};

TEST(Hooks, OfModulesOfTheUser) {
  Residual block;
  int calls = 0;
  block.add_forward_hook([&](const Module& m, const Tensor&, const Tensor&) {
    EXPECT_EQ(m.type_name(), "Residual");
    ++calls;
    return Tensor();
  });
  block(ones({1, 2}));
  Sequential model(block);
  model(ones({1, 2}));  // a copy, without the hook
  EXPECT_EQ(calls, 1);
}

TEST(EvalMode, PutsEachModuleBack) {
  Sequential model{Dropout(), Sequential(Dropout(), ReLU())};
  model.get<Sequential>(1)[0].eval();
  {
    const EvalMode guard(model);
    for (const auto& [name, m] : model.named_modules()) EXPECT_FALSE(m->training()) << name;
  }
  EXPECT_TRUE(model.training());
  EXPECT_TRUE(model[0].training());
  EXPECT_FALSE(model.get<Sequential>(1)[0].training());
  EXPECT_TRUE(model.get<Sequential>(1)[1].training());
}

}  // namespace
}  // namespace gradus::nn
