// The optimizers against torch, in f64: defaults, and weights after some steps. The numbers are in
// torch/*.json, written by torch_trajectories.py.
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"
#include "gradus/optim/optim.h"
#include "gradus/tests/optim/trajectory.h"

namespace gradus::optim {
namespace {

using namespace optim_test;
using nlohmann::ordered_json;

ordered_json load(const std::string& stem) {
  std::ifstream in(std::string(GRADUS_SOURCE_DIR) + "/tests/optim/torch/" + stem + ".json");
  EXPECT_TRUE(in) << stem;
  return ordered_json::parse(in);
}

std::vector<std::pair<std::string, double>> numbers(const ordered_json& object) {
  std::vector<std::pair<std::string, double>> out;
  for (const auto& [name, value] : object.items()) out.emplace_back(name, value.get<double>());
  return out;
}

template <class Optimizer>
void same_as_torch(const std::string& stem) {
  const ordered_json file = load(stem);
  {
    Tensor w = leaf({1.0});
    Tensor matrix = empty({1, 1}, DType::f64);
    matrix.fill_(1.0);
    matrix.requires_grad(true);
    Optimizer opt({matrix});
    EXPECT_EQ(std::string(opt.name()), file["optimizer"]);
    for (const auto& [name, value] : numbers(file["defaults"])) {
      ASSERT_TRUE(opt.option(0, name).has_value()) << name;
      EXPECT_EQ(*opt.option(0, name), value) << name;
    }
  }
  const std::vector<int> recorded = file["recorded"];
  std::size_t compared = 0;
  for (const auto& c : file["cases"]) {
    Shape shape;
    for (const std::int64_t d : c["shape"].get<std::vector<std::int64_t>>()) shape.push_back(d);
    Tensor w = empty(shape, DType::f64);
    const std::vector<double> first = start(static_cast<std::size_t>(w.numel()));
    std::copy(first.begin(), first.end(), w.mutable_span<double>().begin());
    w.requires_grad(true);
    Optimizer opt({w});
    for (const auto& [name, value] : numbers(c["options"])) opt.set_option(0, name, value);
    std::size_t row = 0;
    for (int step = 0; step < recorded.back(); ++step) {
      set_gradient(w, gradient(w.to_vector<double>(), step));
      opt.step();
      if (step + 1 != recorded[row]) continue;
      const std::vector<double> expected = c["weights"][row++];
      const std::vector<double> got = w.to_vector<double>();
      ASSERT_EQ(got.size(), expected.size());
      for (std::size_t i = 0; i < got.size(); ++i) {
        ASSERT_NEAR(got[i], expected[i], 1e-10 * std::max(1.0, std::abs(expected[i])))
            << stem << " " << c["options"].dump() << " shape " << c["shape"].dump() << " step " << step + 1
            << " i " << i;
        ++compared;
      }
    }
  }
  EXPECT_GE(compared, 100U);
}

TEST(Torch, SGD) { same_as_torch<SGD>("sgd"); }
TEST(Torch, Adam) { same_as_torch<Adam>("adam"); }
TEST(Torch, AdamW) { same_as_torch<AdamW>("adamw"); }
TEST(Torch, Adamax) { same_as_torch<Adamax>("adamax"); }
TEST(Torch, NAdam) { same_as_torch<NAdam>("nadam"); }
TEST(Torch, RAdam) { same_as_torch<RAdam>("radam"); }
TEST(Torch, Adagrad) { same_as_torch<Adagrad>("adagrad"); }
TEST(Torch, Adadelta) { same_as_torch<Adadelta>("adadelta"); }
TEST(Torch, RMSprop) { same_as_torch<RMSprop>("rmsprop"); }
TEST(Torch, Rprop) { same_as_torch<Rprop>("rprop"); }
TEST(Torch, ASGD) { same_as_torch<ASGD>("asgd"); }
TEST(Torch, Adafactor) { same_as_torch<Adafactor>("adafactor"); }
// torch's Newton-Schulz iteration in f64, in place of its own in bfloat16.
TEST(Torch, Muon) { same_as_torch<Muon>("muon"); }

TEST(Torch, LBFGS) {
  const ordered_json file = load("lbfgs");
  for (const auto& [name, value] : numbers(file["defaults"])) {
    LBFGS opt({leaf({1.0})});
    // Left to max_iter here.
    EXPECT_EQ(opt.option(0, name), name == "max_eval" ? 0.0 : value) << name;
  }
  std::size_t compared = 0;
  for (const auto& c : file["cases"]) {
    Tensor x = leaf({-1.2, 1.0, 0.5, -0.7, 0.2});
    LBFGS opt({x}, {.line_search_fn = c["strong_wolfe"] ? LineSearch::strong_wolfe : LineSearch::none});
    for (const auto& [name, value] : numbers(c["options"])) opt.set_option(0, name, value);
    const Tensor i = arange(0, 5, 1, DType::f64);
    const auto loss_of = [&] {
      if (c["function"] == "quadratic")
        return 0.5 * sum((0.5 + i) * square(x - cos(i))) + 0.1 * square(sum(x));
      const Tensor a = slice(x, 0, 0, 4), b = slice(x, 0, 1, 5);
      return sum(100.0 * square(b - square(a)) + square(1.0 - a));
    };
    for (const auto& row : c["rows"]) {
      const double loss = opt.step([&] {
        opt.zero_grad();
        Tensor l = loss_of();
        l.backward();
        return l;
      });
      const std::string where = c["function"].get<std::string>() + c["options"].dump() + row.dump();
      EXPECT_NEAR(loss, row[0].get<double>(), 1e-8 * std::max(1.0, std::abs(row[0].get<double>()))) << where;
      EXPECT_EQ(opt.evaluations(), static_cast<std::int64_t>(row[1].get<double>())) << where;
      EXPECT_EQ(opt.iterations(), static_cast<std::int64_t>(row[2].get<double>())) << where;
      for (std::size_t k = 0; k < 5; ++k, ++compared)
        EXPECT_NEAR(x.span<double>()[k], row[3 + k].get<double>(), 1e-8) << where;
    }
  }
  EXPECT_EQ(compared, 10U * 4 * 5);
}

}  // namespace
}  // namespace gradus::optim
