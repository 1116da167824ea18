// L-BFGS beyond its comparison with torch (torch_test.cc): what it reaches, its state, its errors.
#include "gradus/optim/lbfgs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gradus/ops/elementwise.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"
#include "gradus/tests/optim/trajectory.h"

namespace gradus::optim {
namespace {

using namespace optim_test;
using ::testing::HasSubstr;

Tensor rosenbrock(const Tensor& x) {
  const std::int64_t n = x.numel();
  const Tensor a = slice(x, 0, 0, n - 1), b = slice(x, 0, 1, n);
  return sum(100.0 * square(b - square(a)) + square(1.0 - a));
}

double walk(LBFGS& opt, const Tensor& x) {
  return opt.step([&] {
    opt.zero_grad();
    Tensor loss = rosenbrock(x);
    loss.backward();
    return loss;
  });
}

TEST(LBFGS, FindsTheMinimum) {
  Tensor x = leaf({-1.2, 1.0});
  LBFGS opt({x}, {.max_iter = 100, .tolerance_change = 1e-16, .line_search_fn = LineSearch::strong_wolfe});
  walk(opt, x);
  for (const double v : x.to_vector<double>()) EXPECT_NEAR(v, 1.0, 1e-6);
  EXPECT_LT(opt.evaluations(), 80);
  // At the minimum nothing moves.
  const auto there = x.to_vector<double>();
  walk(opt, x);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_NEAR(x.span<double>()[i], there[i], 1e-6);
}

TEST(LBFGS, Maximizes) {
  Tensor x = leaf({3.0, -2.0});
  LBFGS opt({x}, {.line_search_fn = LineSearch::strong_wolfe, .maximize = true});
  const double loss = opt.step([&] {
    opt.zero_grad();
    Tensor l = 5.0 - sum(square(x - 1.0));
    l.backward();
    return l;
  });
  EXPECT_EQ(loss, 5.0 - 4.0 - 9.0);
  for (const double v : x.to_vector<double>()) EXPECT_NEAR(v, 1.0, 1e-8);
}

// Several parameters, of both dtypes, are one vector; one without gradient stays.
TEST(LBFGS, StepsAllParametersTogether) {
  Tensor a = leaf({4.0}), idle = leaf({7.0});
  Tensor b = empty({2});
  b.fill_(-3.0);
  b.requires_grad(true);
  LBFGS opt({a, b, idle}, {.line_search_fn = LineSearch::strong_wolfe});
  opt.step([&] {
    opt.zero_grad();
    Tensor loss = sum(square(a - 1.0)) + sum(square(astype(b, DType::f64) - a));
    loss.backward();
    return loss;
  });
  EXPECT_NEAR(a.item(), 1.0, 1e-6);
  for (const float v : b.to_vector<float>()) EXPECT_NEAR(v, 1.0F, 1e-5F);
  EXPECT_EQ(idle.item(), 7.0);
}

TEST(LBFGS, GoesOnFromItsState) {
  const LBFGSOptions o{.max_iter = 4, .history_size = 3, .line_search_fn = LineSearch::strong_wolfe};
  const auto run = [&](bool interrupted) {
    Tensor x = leaf({-1.2, 1.0, 0.3, 0.8});
    auto opt = std::make_unique<LBFGS>(std::vector<Tensor>{x}, o);
    for (int i = 0; i < 6; ++i) {
      if (interrupted && (i == 0 || i == 3)) {
        const NamedTensors state = opt->state();
        opt = std::make_unique<LBFGS>(std::vector<Tensor>{x}, o);
        opt->load_state(state);
      }
      walk(*opt, x);
    }
    return x.to_vector<double>();
  };
  EXPECT_EQ(run(false), run(true));
}

TEST(LBFGS, RefusesBadStates) {
  Tensor x = leaf({-1.2, 1.0}), y = leaf({-1.2, 1.0});
  LBFGS opt({x}, {.max_iter = 5}), twin({y}, {.max_iter = 5});
  walk(opt, x);
  walk(twin, y);
  const NamedTensors good = opt.state();
  for (std::size_t i = 0; i < good.size(); ++i) {
    NamedTensors bad = good;
    bad.erase(bad.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_THROW(opt.load_state(bad), Error) << good[i].name;
    bad = good;
    bad[i].tensor = empty({3, 5}, good[i].tensor.dtype());
    EXPECT_THROW(opt.load_state(bad), Error) << good[i].name;
    bad = good;
    bad[i].tensor = good[i].tensor.clone_detached();
    bad[i].tensor.fill_(is_floating(good[i].tensor.dtype()) ? NAN : -1.0);
    EXPECT_THROW(opt.load_state(bad), Error) << good[i].name;
  }
  walk(opt, x);
  walk(twin, y);
  EXPECT_EQ(x.to_vector<double>(), y.to_vector<double>());
}

// What an error leaves can go on, and ends where an undisturbed run does.
TEST(LBFGS, AnErrorLeavesTheWeightsOfTheLastIteration) {
  for (const LineSearch line_search : {LineSearch::none, LineSearch::strong_wolfe}) {
    Tensor x = leaf({-1.2, 1.0});
    LBFGS opt({x}, {.lr = 0.01, .max_iter = 200, .max_eval = 400, .line_search_fn = line_search});
    int calls = 0;
    std::vector<double> losses;
    const auto closure = [&] {
      if (++calls == 12) throw ValueError("the data is gone");
      opt.zero_grad();
      Tensor loss = rosenbrock(x);
      losses.push_back(loss.item<double>());
      loss.backward();
      return loss;
    };
    EXPECT_THROW(opt.step(closure), ValueError);
    // The line search may have tried several points behind the last good one; that one was evaluated.
    const double here = rosenbrock(x).item<double>();
    EXPECT_THAT(losses, ::testing::Contains(here));
    EXPECT_LT(here, losses.front());
    opt.step(closure);
    if (line_search == LineSearch::strong_wolfe) {
      for (const double v : x.to_vector<double>()) EXPECT_NEAR(v, 1.0, 1e-4);
    }
  }
}

TEST(LBFGS, NeedsAClosure) {
  Tensor x = leaf({1.0});
  LBFGS opt({x});
  Optimizer& base = opt;
  try {
    base.step();
    FAIL();
  } catch (const ValueError& e) {
    EXPECT_THAT(e.what(), HasSubstr("LBFGS::step: a closure is needed"));
  }
  EXPECT_THROW(LBFGS({x}, {.lr = -1}), ValueError);
  EXPECT_THROW(LBFGS({x}, {.max_iter = -1}), ValueError);
  EXPECT_THROW(LBFGS({x}, {.tolerance_grad = NAN}), ValueError);
}

// A loss that is not finite at the first trial is stepped back from.
TEST(LBFGS, LineSearchComesBackFromInfinity) {
  Tensor x = leaf({1e-3});
  LBFGS opt({x}, {.lr = 1e4, .line_search_fn = LineSearch::strong_wolfe});
  opt.step([&] {
    opt.zero_grad();
    Tensor loss = sum(x - log(x));
    loss.backward();
    return loss;
  });
  EXPECT_TRUE(std::isfinite(x.item()));
  EXPECT_GT(x.item(), 0.0);
}

}  // namespace
}  // namespace gradus::optim
