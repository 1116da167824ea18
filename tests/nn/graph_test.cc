// Graphs of models: modules that are inferred from the names of parameters, and what a page holds of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <map>
#include <regex>

#include "gradus/base/function_ref.h"
#include "gradus/graph/picture.h"
#include "gradus/graph/recording.h"
#include "gradus/graph/write_graph.h"
#include "gradus/nn/nn.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/loss.h"
#include "gradus/ops/random.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus::nn {
namespace {

using testing::HasSubstr;

// A language model as GPT-2 is built.
struct Gpt : Module {
  Embedding tok{50, 32}, pos{16, 32};
  std::vector<TransformerEncoderLayer> layers;
  LayerNorm ln_f{Shape{32}};
  Linear head{32, 50};
  GRADUS_MEMBERS(tok, pos, layers, ln_f, head)

  explicit Gpt(int depth) {
    for (int i = 0; i < depth; ++i) {
      layers.emplace_back(32, 4,
                          TransformerOptions{.dim_feedforward = 128,
                                             .dropout = 0,
                                             .activation = TransformerActivation::gelu,
                                             .batch_first = true,
                                             .norm_first = true});
    }
  }
  Tensor operator()(const Tensor& ids) const {
    Tensor x = tok(ids) + pos(arange(0, ids.size(1), 1, DType::i64));
    for (const TransformerEncoderLayer& layer : layers) x = layer(x, {.is_causal = true});
    return head(ln_f(x));
  }
};

struct Block : UnaryModule {
  Conv2d conv1, conv2;
  BatchNorm2d bn1, bn2;
  GRADUS_MEMBERS(conv1, bn1, conv2, bn2)
  explicit Block(std::int64_t c)
      : conv1(c, c, 3, {.padding = 1}), conv2(c, c, 3, {.padding = 1}), bn1(c), bn2(c) {}
  Tensor forward(Operand x) const override { return relu(x + bn2(conv2(relu(bn1(conv1(x)))))); }
};

struct ResNet : Module {
  Conv2d stem{3, 8, 3, {.padding = 1}};
  std::vector<Block> blocks;
  Linear fc{8, 10};
  GRADUS_MEMBERS(stem, blocks, fc)
  explicit ResNet(int depth) {
    for (int i = 0; i < depth; ++i) blocks.emplace_back(8);
  }
  Tensor operator()(const Tensor& x) const {
    Tensor h = relu(stem(x));
    for (const Block& b : blocks) h = b(h);
    return fc(mean(h, {2, 3}));
  }
};

// Steps of a cell over a sequence.
struct Unrolled : Module {
  LSTMCell cell{8, 8};
  Linear out{8, 2};
  GRADUS_MEMBERS(cell, out)
  Tensor operator()(const Tensor& x) const {
    LstmState state;
    for (int t = 0; t < x.size(1); ++t) state = cell(select(x, 1, t), state);
    return out(state.h);
  }
};

template <class M>
GraphSnapshot graph_of(const M& model, const Tensor& y) {
  static_cast<void>(model.named_parameters());
  return snapshot(y);
}

GraphSnapshot gpt(int depth) {
  manual_seed(0);
  const Gpt model(depth);
  static_cast<void>(model.named_parameters());
  const Tensor ids = randint(0, 50, {2, 16}).name("tokens");
  const Tensor logits = reshape(model(ids), {32, 50}).name("logits");
  return snapshot(cross_entropy(logits, randint(0, 50, {32}).name("targets")).name("loss"));
}

// The size of an SVG in points.
std::pair<double, double> size_of(const std::string& svg) {
  std::smatch m;
  const std::regex size("<svg width=\"([0-9.]+)pt\" height=\"([0-9.]+)pt\"");
  EXPECT_TRUE(std::regex_search(svg, m, size));
  return {std::stod(m[1]), std::stod(m[2])};
}

TEST(GraphOfModels, ATransformerOfTwelveLayersFitsAPage) {
  const GraphSnapshot g = gpt(12);
  const GraphPicture p = make_picture(g);
  int repeated = 0;
  for (const auto& f : p.frames) {
    if (f.repeats == 12) {
      ++repeated;
      EXPECT_EQ(f.title, "layers.0\u201311");
    }
  }
  EXPECT_EQ(repeated, 1);
  const std::string svg = render_graph(g, "svg");
  const auto [w, h] = size_of(svg);
  EXPECT_LE(std::min(w, h), 595 - 68);
  EXPECT_LE(std::max(w, h), 842 - 68);
  const std::regex font("font-size=\"([0-9.]+)\"");
  for (std::sregex_iterator i(svg.begin(), svg.end(), font), end; i != end; ++i)
    EXPECT_GE(std::stod((*i)[1]), 8) << "readable at 100 %";
  EXPECT_EQ(render_graph(gpt(12), "svg"), svg) << "the same every time";
  for (const char* word : {"tokens", "loss", "tok", "pos", "layers.0", "head", "× 12"})
    EXPECT_THAT(svg, HasSubstr(word)) << word;
}

TEST(GraphOfModels, ResidualBlocksRepeat) {
  const ResNet model(6);
  const GraphPicture p = make_picture(graph_of(model, sum(model(uniform({2, 3, 8, 8}, 0, 1)))));
  ASSERT_EQ(p.frames.size(), 1U);
  EXPECT_EQ(p.frames[0].title, "blocks.0\u20135");
  EXPECT_EQ(p.frames[0].repeats, 6);
}

TEST(GraphOfModels, StepsOfACellRepeat) {
  const Unrolled model;
  const GraphPicture p =
      make_picture(graph_of(model, sum(model(uniform({2, 30, 8}, 0, 1)))), {.max_boxes = 30});
  std::int64_t most = 1;
  for (const auto& f : p.frames) most = std::max(most, f.repeats);
  for (const auto& b : p.boxes) most = std::max(most, b.repeats);
  EXPECT_GE(most, 29);
  EXPECT_LE(p.boxes.size(), 30U);
}

// What each module really recorded, by hooks, against what the names of parameters tell.
struct Truth {
  std::map<std::uint64_t, std::string> module_of;  // by sequence number; the innermost
};

Truth watch(Module& model, const FunctionRef<void()> run) {
  Truth truth;
  std::vector<std::pair<Module*, std::array<int, 2>>> hooks;
  std::vector<std::string> open;
  std::vector<std::uint64_t> begins;
  for (const auto& [name, module] : model.named_modules()) {
    if (name.empty()) continue;
    const int before = module->add_forward_pre_hook([&, name = name](const Module&, const Tensor&) {
      open.push_back(name);
      begins.push_back(graph_internal::thread_state.sequence);
      return Tensor();
    });
    const int after = module->add_forward_hook([&](const Module&, const Tensor&, const Tensor&) {
      for (std::uint64_t s = begins.back() + 1; s <= graph_internal::thread_state.sequence; ++s)
        truth.module_of.emplace(s, open.back());  // those within came first
      open.pop_back();
      begins.pop_back();
      return Tensor();
    });
    hooks.push_back({module, {before, after}});
  }
  run();
  for (const auto& [module, ids] : hooks) {
    for (const int id : ids) module->remove_hook(id);
  }
  return truth;
}

// Up to what a person sees: a layer without parameters of its own (dropout, relu) and a layer of one op are
// the same as the module around.
struct Score {
  int right = 0;  // the same module
  int near = 0;   // one of them lies directly in the other
  int wrong = 0;
};
Score compare(const GraphSnapshot& g, const Truth& truth) {
  Score s;
  for (const auto& n : g.nodes) {
    if (n.is_leaf()) continue;
    const auto it = truth.module_of.find(n.sequence);
    const std::string real = it == truth.module_of.end() ? "" : it->second;
    const auto parent = [](const std::string& p) {
      const std::size_t dot = p.rfind('.');
      return dot == std::string::npos ? std::string() : p.substr(0, dot);
    };
    if (n.module == real) {
      ++s.right;
    } else if (parent(n.module) == real || parent(real) == n.module) {
      ++s.near;
    } else {
      ++s.wrong;
    }
  }
  return s;
}

TEST(InferredModules, AgreeWithHooks) {
  manual_seed(1);
  const auto check = [](const char* name, auto& model, const Tensor& x) {
    static_cast<void>(model.named_parameters());
    Tensor y;
    const Truth truth = watch(model, [&] { y = model(x); });
    const Score s = compare(snapshot(y), truth);
    const int all = s.right + s.near + s.wrong;
    testing::Test::RecordProperty(name, std::to_string(s.right) + " right, " + std::to_string(s.near) +
                                            " near, " + std::to_string(s.wrong) + " wrong");
    std::printf("%s: of %d ops %d right, %d one level off, %d wrong\n", name, all, s.right, s.near, s.wrong);
    EXPECT_LE(s.wrong * 20, all) << name;
    EXPECT_GE(s.right * 10, all * 8) << name;
  };
  Gpt gpt_model(4);
  check("gpt", gpt_model, randint(0, 50, {2, 16}));
  ResNet resnet(4);
  check("resnet", resnet, uniform({2, 3, 8, 8}, 0, 1));
  Unrolled cell;
  check("cell", cell, uniform({2, 6, 8}, 0, 1));
}

}  // namespace
}  // namespace gradus::nn
