// Schedules against torch's sequences (torch/schedules.json, by torch_trajectories.py), and what applies
// them.
#include "gradus/optim/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "gradus/optim/adam.h"
#include "gradus/optim/lion.h"
#include "gradus/optim/rmsprop.h"
#include "gradus/optim/scheduler.h"
#include "gradus/optim/sgd.h"
#include "gradus/tests/optim/trajectory.h"

namespace gradus::optim {
namespace {

using namespace optim_test;
using nlohmann::json;
using ::testing::HasSubstr;

const json& torch_cases() {
  static const json cases = [] {
    std::ifstream in(GRADUS_SOURCE_DIR "/tests/optim/torch/schedules.json");
    return json::parse(in);
  }();
  return cases;
}

template <class F>
std::string message(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "nothing was thrown";
}

std::map<std::string, Schedule> schedules() {
  const auto inverse = [](std::int64_t t) { return 1.0 / static_cast<double>(1 + t); };
  std::map<std::string, Schedule> s;
  s.emplace("constant", constant_lr());
  s.emplace("constant_half_7", constant_lr(0.5, 7));
  s.emplace("linear", linear_lr());
  s.emplace("linear_up_down", linear_lr({.start_factor = 0.2, .end_factor = 0.7, .total_iters = 11}));
  s.emplace("step", step_lr(6));
  s.emplace("step_gamma", step_lr(4, 0.5));
  s.emplace("multi_step", multi_step_lr({3, 9, 9, 15}, 0.5));
  s.emplace("exponential", exponential_lr(0.9));
  s.emplace("polynomial", polynomial_lr());
  s.emplace("polynomial_2", polynomial_lr(17, 2.0));
  s.emplace("cosine", cosine_annealing_lr(10));
  s.emplace("cosine_min", cosine_annealing_lr(20, 0.01));
  s.emplace("restarts", cosine_annealing_warm_restarts(5));
  s.emplace("restarts_mult", cosine_annealing_warm_restarts(3, 2, 0.01));
  s.emplace("one_cycle", one_cycle_lr(0.5, 25));
  s.emplace("one_cycle_linear", one_cycle_lr(0.5, 25,
                                             {.pct_start = 0.4,
                                              .anneal_strategy = Anneal::linear,
                                              .base_momentum = 0.8,
                                              .max_momentum = 0.9,
                                              .div_factor = 10,
                                              .final_div_factor = 100}));
  s.emplace("one_cycle_three", one_cycle_lr(0.5, 25, {.three_phase = true}));
  s.emplace("one_cycle_adam", one_cycle_lr(0.5, 25));
  s.emplace("lambda", lambda_lr(inverse));
  s.emplace("sequential",
            sequential_lr({linear_lr({.start_factor = 0.1, .total_iters = 5}), exponential_lr(0.9)}, {5}));
  s.emplace("sequential_3",
            sequential_lr({constant_lr(0.1, 30), step_lr(3, 0.5), exponential_lr(0.8)}, {4, 15}));
  s.emplace("chained", chained_lr({linear_lr({.start_factor = 0.1, .total_iters = 5}), exponential_lr(0.9)}));
  s.emplace("chained_3", chained_lr({constant_lr(0.1, 3), step_lr(4, 0.5), exponential_lr(0.95)}));
  return s;
}

TEST(Schedules, GiveTorchsRates) {
  const auto ours = schedules();
  std::size_t tried = 0;
  for (const auto& [name, c] : torch_cases().items()) {
    if (c.contains("metrics")) continue;
    ASSERT_TRUE(ours.contains(name)) << name;
    const Schedule& s = ours.at(name);
    const std::vector<double> rates = c["lr"];
    const double base = c["base"];
    for (std::size_t t = 0; t < rates.size(); ++t) {
      EXPECT_NEAR(s.lr_at(static_cast<std::int64_t>(t), base), rates[t], 1e-14) << name << " at " << t;
      if (!c.contains("momentum")) continue;
      const double momentum = c["momentum"][t];
      EXPECT_NEAR(s.momentum_at(static_cast<std::int64_t>(t)).value_or(-1), momentum, 1e-13) << name;
    }
    ++tried;
  }
  EXPECT_EQ(tried, ours.size());
}

TEST(Schedules, OneCycleIsWrittenToWhatTheOptimizerHas) {
  const json& adam = torch_cases()["one_cycle_adam"];
  Tensor a = leaf({1.0}), b = leaf({1.0}), c = leaf({1.0});
  Adam first({a});
  SGD second({b}, {.momentum = 0.9});
  Scheduler s(first, one_cycle_lr(0.5, 25)), t(second, one_cycle_lr(0.5, 25));
  for (std::size_t i = 0; i < 25; ++i) {
    EXPECT_NEAR(first.groups()[0].lr, adam["lr"][i].get<double>(), 1e-14);
    EXPECT_NEAR(first.groups()[0].betas[0], adam["momentum"][i].get<double>(), 1e-14);
    EXPECT_EQ(second.groups()[0].momentum, first.groups()[0].betas[0]);
    s.step();
    t.step();
  }
  // Behind the last step nothing changes.
  const double last = first.groups()[0].lr;
  s.step();
  s.step();
  EXPECT_EQ(first.groups()[0].lr, last);
}

TEST(Schedules, WarmupJoinsWhatFollows) {
  const Schedule s = warmup_lr(4, cosine_annealing_lr(10), 0.0);
  EXPECT_EQ(s.lr_at(0, 2.0), 0.0);
  EXPECT_EQ(s.lr_at(2, 2.0), 1.0);
  EXPECT_EQ(s.lr_at(4, 2.0), 2.0);
  EXPECT_EQ(s.lr_at(14, 2.0), cosine_annealing_lr(10).lr_at(10, 2.0));
}

// No value depends on what was asked before.
TEST(Schedules, ArePure) {
  for (const auto& [name, s] : schedules()) {
    std::vector<double> forward, backward;
    for (std::int64_t t = 0; t < 50; ++t) forward.push_back(s.lr_at(t, 0.3));
    for (std::int64_t t = 50; t-- > 0;) backward.push_back(s.lr_at(t, 0.3));
    std::reverse(backward.begin(), backward.end());
    EXPECT_EQ(forward, backward) << name;
    EXPECT_TRUE(std::isfinite(s.lr_at(INT64_MAX / 2, 0.3))) << name;
  }
}

TEST(Schedules, RefuseWhatMakesNoSense) {
  EXPECT_THAT(message([] { (void)step_lr(0); }), HasSubstr("step_lr: step_size is 0; it must be >= 1"));
  EXPECT_THROW(constant_lr(-1), ValueError);
  EXPECT_THROW(linear_lr({.total_iters = 0}), ValueError);
  EXPECT_THROW(multi_step_lr({3, 2}), ValueError);
  EXPECT_THROW(exponential_lr(NAN), ValueError);
  EXPECT_THROW(cosine_annealing_lr(0), ValueError);
  EXPECT_THROW(cosine_annealing_warm_restarts(5, 0), ValueError);
  EXPECT_THROW(one_cycle_lr(0.1, 10, {.pct_start = 1.5}), ValueError);
  EXPECT_THROW(one_cycle_lr(0.1, 10, {.pct_start = 0.7, .three_phase = true}), ValueError);
  EXPECT_THROW(polynomial_lr(5, -1), ValueError);
  EXPECT_THROW(sequential_lr({step_lr(1)}, {3}), ValueError);
  EXPECT_THROW(sequential_lr({step_lr(1), step_lr(1)}, {0}), ValueError);
  EXPECT_THROW(sequential_lr({step_lr(1), step_lr(1), step_lr(1)}, {5, 5}), ValueError);
  EXPECT_THROW(chained_lr({}), ValueError);
  EXPECT_THROW(warmup_lr(0, step_lr(1)), ValueError);
}

TEST(Scheduler, WritesTheValuesOfStepZeroAtOnce) {
  Tensor a = leaf({1.0}), b = leaf({1.0});
  SGD opt({{.params = {a}}, {.params = {b}, .lr = 1.0}}, {.lr = 0.5});
  Scheduler s(opt, constant_lr(0.25, 2));
  EXPECT_EQ(opt.groups()[0].lr, 0.125);  // before the first step of the optimizer
  EXPECT_EQ(opt.groups()[1].lr, 0.25);
  s.step();
  EXPECT_EQ(opt.groups()[0].lr, 0.125);
  s.step();
  EXPECT_EQ(opt.groups()[0].lr, 0.5);
  EXPECT_EQ(opt.groups()[1].lr, 1.0);
  EXPECT_EQ(s.step_count(), 2);
  // A group that is added later has its own base.
  opt.add_group({.params = {leaf({1.0})}, .lr = 3.0});
  s.step();
  EXPECT_EQ(opt.groups()[2].lr, 3.0);
  EXPECT_EQ(s.base_lr(2), 3.0);
}

TEST(Scheduler, OneScheduleAGroup) {
  Tensor a = leaf({1.0}), b = leaf({1.0});
  SGD opt({{.params = {a}}, {.params = {b}}}, {.lr = 1.0});
  Scheduler s(opt, std::vector<Schedule>{step_lr(1, 0.5), constant_lr(0.25, 1)});
  s.step();
  EXPECT_EQ(opt.groups()[0].lr, 0.5);
  EXPECT_EQ(opt.groups()[1].lr, 1.0);
  opt.add_group({.params = {leaf({1.0})}});
  EXPECT_THAT(message([&] { s.step(); }), HasSubstr("Scheduler::step: 2 schedules for 3 groups"));
  EXPECT_EQ(s.step_count(), 1);
}

TEST(Scheduler, GoesOnFromItsState) {
  const auto run = [](bool interrupted) {
    Tensor w = leaf(start(4));
    auto opt = std::make_unique<SGD>(std::vector<Tensor>{w}, SGDOptions{.lr = 0.3, .momentum = 0.9});
    auto s = std::make_unique<Scheduler>(*opt, one_cycle_lr(0.4, 20));
    for (int i = 0; i < 20; ++i) {
      if (interrupted && i == 7) {
        const NamedTensors of_optimizer = opt->state(), of_schedule = s->state();
        opt = std::make_unique<SGD>(std::vector<Tensor>{w}, SGDOptions{.lr = 0.3, .momentum = 0.9});
        s = std::make_unique<Scheduler>(*opt, one_cycle_lr(0.4, 20));
        opt->load_state(of_optimizer);
        s->load_state(of_schedule);
      }
      set_gradient(w, gradient(w.to_vector<double>(), i));
      opt->step();
      s->step();
    }
    return w.to_vector<double>();
  };
  EXPECT_EQ(run(false), run(true));
}

TEST(Scheduler, RefusesBadStates) {
  Tensor a = leaf({1.0});
  SGD opt({a}, {.lr = 1.0});
  Scheduler s(opt, step_lr(1, 0.5));
  s.step();
  const NamedTensors good = s.state();
  for (std::size_t i = 0; i < good.size(); ++i) {
    NamedTensors bad = good;
    bad.erase(bad.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_THROW(s.load_state(bad), ValueError);
    bad = good;
    bad[i].tensor = empty({}, DType::f32);
    EXPECT_THROW(s.load_state(bad), DtypeError);
    bad = good;
    bad[i].tensor = empty({2}, good[i].tensor.dtype());
    EXPECT_THROW(s.load_state(bad), ShapeError);
    bad = good;
    bad[i].tensor = good[i].tensor.clone_detached();
    bad[i].tensor.fill_(-1);
    EXPECT_THROW(s.load_state(bad), ValueError);
  }
  NamedTensors bad = good;
  bad.push_back({"schedule.1.base_lr", good[1].tensor});
  EXPECT_THROW(s.load_state(bad), ValueError);
  EXPECT_EQ(s.step_count(), 1);
  EXPECT_EQ(opt.groups()[0].lr, 0.5);
}

TEST(Scheduler, RefusesRatesAndMomentaThatCannotBe) {
  Tensor a = leaf({1.0});
  SGD opt({a}, {.lr = 1.0});
  Scheduler s(opt, lambda_lr([](std::int64_t t) { return t < 2 ? 0.5 : -1.0; }));
  s.step();
  EXPECT_THAT(message([&] { s.step(); }),
              HasSubstr("the rate of group 0 at step 2 is -1; it must be a finite number >= 0"));
  EXPECT_EQ(s.step_count(), 1);
  EXPECT_EQ(opt.groups()[0].lr, 0.5);
}

TEST(Plateau, FollowsTorch) {
  const auto run = [](const std::string& name, const ReduceLROnPlateauOptions& o, bool interrupted) {
    const json& c = torch_cases()[name];
    Tensor w = leaf({1.0});
    SGD opt({w}, {.lr = 0.1});
    auto s = std::make_unique<ReduceLROnPlateau>(opt, o);
    for (std::size_t i = 0; i < c["metrics"].size(); ++i) {
      if (interrupted) {
        const NamedTensors state = s->state();
        s = std::make_unique<ReduceLROnPlateau>(opt, o);
        s->load_state(state);
      }
      s->step(c["metrics"][i].get<double>());
      EXPECT_NEAR(opt.groups()[0].lr, c["lr"][i].get<double>(), 1e-15) << name << " at " << i;
    }
    EXPECT_LT(opt.groups()[0].lr, 0.1) << name;
  };
  for (const bool interrupted : {false, true}) {
    run("plateau", {.patience = 2}, interrupted);
    run("plateau_abs",
        {.factor = 0.5,
         .patience = 1,
         .threshold = 0.01,
         .threshold_mode = ThresholdMode::abs,
         .min_lr = {0.003}},
        interrupted);
    run("plateau_max",
        {.mode = PlateauMode::max,
         .factor = 0.3,
         .patience = 0,
         .threshold_mode = ThresholdMode::abs,
         .cooldown = 3},
        interrupted);
    run("plateau_max_rel", {.mode = PlateauMode::max, .patience = 3, .eps = 1e-3}, interrupted);
  }
}

TEST(Plateau, NaNIsNeverBetterAndStatesAreChecked) {
  Tensor w = leaf({1.0});
  SGD opt({w}, {.lr = 1.0});
  ReduceLROnPlateau s(opt, {.factor = 0.5, .patience = 1});
  EXPECT_FALSE(s.step(NAN));
  EXPECT_TRUE(s.step(NAN));
  EXPECT_EQ(opt.groups()[0].lr, 0.5);
  s.load_state(s.state());
  s.step(3.0);
  const NamedTensors good = s.state();
  for (std::size_t i = 0; i < good.size(); ++i) {
    NamedTensors bad = good;
    bad.erase(bad.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_THROW(s.load_state(bad), ValueError) << good[i].name;
    bad = good;
    bad[i].tensor = empty({3});
    EXPECT_THROW(s.load_state(bad), Error) << good[i].name;
  }
  EXPECT_THROW(ReduceLROnPlateau(opt, {.factor = 1.0}), ValueError);
  EXPECT_THROW(ReduceLROnPlateau(opt, {.patience = -1}), ValueError);
  EXPECT_THROW(ReduceLROnPlateau(opt, {.min_lr = {0.1, 0.2}}), ValueError);
}

}  // namespace
}  // namespace gradus::optim
