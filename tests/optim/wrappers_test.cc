// What goes around an optimizer: Lookahead, SAM, averages of weights, loss scaling, clipping by value.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gradus/ops/elementwise.h"
#include "gradus/ops/reduction.h"
#include "gradus/optim/optim.h"
#include "gradus/tests/optim/trajectory.h"

namespace gradus::optim {
namespace {

using namespace optim_test;
using ::testing::HasSubstr;
using Numbers = std::vector<double>;

template <class F>
std::string message(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "nothing was thrown";
}

void expect_near(const Tensor& got, const Numbers& expected, double tolerance) {
  ASSERT_EQ(got.numel(), static_cast<std::int64_t>(expected.size()));
  const Numbers values = got.to_vector<double>();
  for (std::size_t i = 0; i < values.size(); ++i) ASSERT_NEAR(values[i], expected[i], tolerance) << i;
}

// Every entry of a state left out, misshapen, of another dtype or (floating) NaN is refused.
template <class T>
void refuses_bad_states(T& object) {
  const NamedTensors good = object.state();
  for (std::size_t i = 0; i < good.size(); ++i) {
    NamedTensors bad = good;
    bad.erase(bad.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_THROW(object.load_state(bad), ValueError) << good[i].name;
    bad = good;
    bad[i].tensor = empty({3, 5}, good[i].tensor.dtype());
    EXPECT_THROW(object.load_state(bad), ShapeError) << good[i].name;
    bad = good;
    bad[i].tensor = empty(good[i].tensor.shape(), DType::u8);
    EXPECT_THROW(object.load_state(bad), DtypeError) << good[i].name;
    bad = good;
    bad[i].tensor = good[i].tensor.clone_detached();
    bad[i].tensor.fill_(is_floating(good[i].tensor.dtype()) ? NAN : -1.0);
    EXPECT_THROW(object.load_state(bad), ValueError) << good[i].name;
  }
  NamedTensors bad = good;
  bad.push_back({"other", good[0].tensor});
  EXPECT_THROW(object.load_state(bad), ValueError);
  object.load_state(good);
}

TEST(Lookahead, FollowsPlainLoops) {
  Numbers w = start(9), slow = w;
  Tensor p = leaf(w);
  SGD inner({p}, {.lr = 0.1});
  Lookahead opt(inner, {.k = 3, .alpha = 0.4});
  for (int step = 0; step < 20; ++step) {
    set_gradient(p, gradient(w, step));
    opt.step();
    const Numbers g = gradient(w, step);
    for (std::size_t i = 0; i < w.size(); ++i) w[i] -= 0.1 * g[i];
    if (step % 3 == 2) {
      for (std::size_t i = 0; i < w.size(); ++i) slow[i] += 0.4 * (w[i] - slow[i]), w[i] = slow[i];
    }
    expect_near(p, w, 1e-13);
    expect_near(opt.slow(0)[0], slow, 1e-13);
  }
}

TEST(Lookahead, GoesOnFromItsState) {
  const auto run = [](bool interrupted) {
    Tensor p = leaf(start(4));
    auto inner = std::make_unique<Adam>(std::vector<Tensor>{p}, AdamOptions{.lr = 0.1});
    auto opt = std::make_unique<Lookahead>(*inner);
    for (int i = 0; i < 17; ++i) {
      if (interrupted && i == 8) {
        const NamedTensors of_inner = inner->state(), of_lookahead = opt->state();
        inner = std::make_unique<Adam>(std::vector<Tensor>{p}, AdamOptions{.lr = 0.1});
        opt = std::make_unique<Lookahead>(*inner);
        inner->load_state(of_inner);
        opt->load_state(of_lookahead);
      }
      set_gradient(p, gradient(p.to_vector<double>(), i));
      opt->step();
    }
    return p.to_vector<double>();
  };
  EXPECT_EQ(run(false), run(true));
  Tensor p = leaf(start(4));
  SGD inner({p}, {});
  Lookahead opt(inner);
  refuses_bad_states(opt);
  EXPECT_THROW(Lookahead(inner, {.k = 0}), ValueError);
  EXPECT_THROW(Lookahead(inner, {.alpha = 1.5}), ValueError);
}

TEST(SAM, FollowsPlainLoops) {
  for (const bool adaptive : {false, true}) {
    Numbers w = start(9);
    Tensor p = leaf(w);
    SGD inner({p}, {.lr = 0.1});
    SAM opt(inner, {.rho = 0.3, .adaptive = adaptive});
    for (int step = 0; step < 10; ++step) {
      set_gradient(p, gradient(p.to_vector<double>(), step));
      opt.first_step();
      set_gradient(p, gradient(p.to_vector<double>(), step));
      opt.second_step();

      const Numbers g = gradient(w, step);
      double norm = 0;
      for (std::size_t i = 0; i < w.size(); ++i) norm += std::pow(g[i] * (adaptive ? w[i] : 1), 2);
      Numbers worst = w;
      for (std::size_t i = 0; i < w.size(); ++i)
        worst[i] += 0.3 * g[i] * (adaptive ? w[i] * w[i] : 1) / std::sqrt(norm);
      const Numbers there = gradient(worst, step);
      for (std::size_t i = 0; i < w.size(); ++i) w[i] -= 0.1 * there[i];
      expect_near(p, w, 1e-13);
    }
  }
}

TEST(SAM, ClosureIsCalledTwiceAndTheWeightsComeBack) {
  Tensor p = leaf({1.0, -2.0});
  SGD inner({p}, {.lr = 0.0});
  SAM opt(inner);
  int calls = 0;
  const double loss = opt.step([&] {
    ++calls;
    inner.zero_grad();
    Tensor l = sum(square(p));
    l.backward();
    return l;
  });
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(loss, 5.0);
  EXPECT_EQ(p.to_vector<double>(), (Numbers{1.0, -2.0}));
}

TEST(SAM, NonFiniteGradientsMoveNothing) {
  Tensor p = leaf({1.0, 2.0});
  p.name("w");
  SGD inner({p}, {.lr = 0.1});
  SAM opt(inner);
  set_gradient(p, {1.0, NAN});
  const ClipReport report = opt.first_step();
  EXPECT_FALSE(report.finite);
  EXPECT_EQ(report.culprit, "\"w\" [2] f64");
  EXPECT_EQ(p.to_vector<double>(), (Numbers{1.0, 2.0}));
  EXPECT_THROW(opt.first_step(), ValueError);
  set_gradient(p, {1.0, 1.0});
  opt.second_step();
  EXPECT_EQ(p.to_vector<double>(), (Numbers{0.9, 1.9}));
  EXPECT_THROW(opt.second_step(), ValueError);
  EXPECT_THROW(SAM(inner, {.rho = -1}), ValueError);
}

TEST(Averages, FollowPlainLoops) {
  Numbers ema, swa, values = start(7);
  Tensor p = leaf(values);
  EMA moving({p}, 0.9);
  SWA mean({p});
  for (int step = 0; step < 12; ++step) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::cos(static_cast<double>(i) + step);
    p = p.detach();
    std::copy(values.begin(), values.end(), p.mutable_span<double>().begin());
    moving.update();
    mean.update();
    if (step == 0) ema = values, swa = Numbers(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      ema[i] = 0.9 * ema[i] + 0.1 * values[i];
      swa[i] += values[i];
    }
  }
  expect_near(moving.averages()[0], ema, 1e-14);
  for (double& x : swa) x /= 12;
  expect_near(mean.averages()[0], swa, 1e-14);
  EXPECT_EQ(mean.updates(), 12);
}

TEST(Averages, SwapAndCopy) {
  Tensor p = leaf({1.0, 2.0});
  SWA mean({p});
  mean.update();
  set_gradient(p, {1.0, 1.0});
  SGD opt({p}, {.lr = 1.0});
  opt.step();
  mean.update();
  mean.swap();
  EXPECT_EQ(p.to_vector<double>(), (Numbers{0.5, 1.5}));
  mean.swap();
  EXPECT_EQ(p.to_vector<double>(), (Numbers{0.0, 1.0}));
  mean.copy_to_params();
  EXPECT_EQ(p.to_vector<double>(), (Numbers{0.5, 1.5}));
}

TEST(Averages, States) {
  Tensor p = leaf(start(4)), q = leaf(start(4));
  p.name("w");
  EMA first({p}, 0.5), second({p}, 0.5);
  first.update();
  set_gradient(p, {1, 2, 3, 4});
  SGD opt({p}, {.lr = 1.0});
  opt.step();
  second.load_state(first.state());
  EXPECT_EQ(first.state()[1].name, "average.w");
  first.update();
  second.update();
  EXPECT_EQ(first.averages()[0].to_vector<double>(), second.averages()[0].to_vector<double>());
  refuses_bad_states(first);
  EXPECT_THROW(EMA({p}, 1.5), ValueError);
  EXPECT_THROW(SWA({Tensor()}), ValueError);
  EXPECT_THROW(SWA({empty({2}, DType::i64)}), DtypeError);
}

TEST(GradScaler, GrowsAndBacksOff) {
  Tensor w = leaf({1.0, 2.0});
  SGD opt({w}, {.lr = 1.0});
  GradScaler scaler({.init_scale = 8.0, .growth_interval = 2});
  const auto iterate = [&](double factor) {
    opt.zero_grad();
    scaler.scale(sum(w) * factor).backward();
    EXPECT_EQ(w.grad().span<double>()[0], factor * scaler.get_scale());
    const bool stepped = scaler.step(opt);
    scaler.update();
    return stepped;
  };
  EXPECT_TRUE(iterate(0.5));
  EXPECT_EQ(w.to_vector<double>(), (Numbers{0.5, 1.5}));
  EXPECT_EQ(scaler.get_scale(), 8.0);
  EXPECT_TRUE(iterate(0.5));
  EXPECT_EQ(scaler.get_scale(), 16.0);
  EXPECT_FALSE(iterate(INFINITY));
  EXPECT_EQ(w.to_vector<double>(), (Numbers{0.0, 1.0}));
  EXPECT_EQ(scaler.get_scale(), 8.0);
  EXPECT_EQ(scaler.growth_tracker(), 0);
  EXPECT_EQ(opt.state_of(0, 0).steps, 2);
}

TEST(GradScaler, UnscaledGradientsCanBeClipped) {
  Tensor w = leaf({0.0, 0.0});
  SGD opt({w}, {.lr = 1.0});
  GradScaler scaler({.init_scale = 1024.0});
  scaler.scale(sum(w) * 3.0).backward();
  EXPECT_TRUE(scaler.unscale_(opt));
  EXPECT_EQ(w.grad().to_vector<double>(), (Numbers{3.0, 3.0}));
  clip_grad_value_(opt.params(0), 2.0);
  EXPECT_THAT(message([&] { scaler.unscale_(opt); }),
              HasSubstr("were unscaled already since the last update()"));
  EXPECT_TRUE(scaler.step(opt));
  EXPECT_EQ(w.to_vector<double>(), (Numbers{-2.0, -2.0}));
  EXPECT_THAT(message([&] { scaler.step(opt); }), HasSubstr("was stepped already"));
  scaler.update();
  refuses_bad_states(scaler);
}

TEST(GradScaler, DisabledPassesThrough) {
  Tensor w = leaf({1.0});
  SGD opt({w}, {.lr = 1.0});
  GradScaler scaler({.enabled = false});
  const Tensor loss = sum(w);
  EXPECT_TRUE(scaler.scale(loss).is(loss));
  loss.backward();
  EXPECT_TRUE(scaler.step(opt));
  scaler.update();
  EXPECT_EQ(scaler.get_scale(), 1.0);
  EXPECT_EQ(w.item(), 0.0);
  EXPECT_THROW(GradScaler({.init_scale = 0}), ValueError);
  EXPECT_THROW(GradScaler({.growth_factor = 1}), ValueError);
  EXPECT_THROW(GradScaler({.backoff_factor = 1}), ValueError);
  EXPECT_THROW(GradScaler({.growth_interval = 0}), ValueError);
}

TEST(ClipValue, ClampsEveryElement) {
  for (const std::size_t n : {1, 4, 7, 35}) {
    Tensor a = leaf(start(n)), without = leaf({1.0});
    Numbers g = start(n);
    for (double& x : g) x *= 3;
    g[0] = NAN;
    set_gradient(a, g);
    const Tensor shared = a.grad();
    clip_grad_value_(std::vector<Tensor>{a, without}, 1.5);
    const Numbers clipped = a.grad().to_vector<double>();
    EXPECT_TRUE(std::isnan(clipped[0]));
    for (std::size_t i = 1; i < n; ++i) EXPECT_EQ(clipped[i], std::clamp(g[i], -1.5, 1.5));
    for (std::size_t i = 1; i < n; ++i) EXPECT_EQ(shared.span<double>()[i], g[i]);  // replaced, not changed
    EXPECT_FALSE(without.grad().defined());
    EXPECT_THROW(clip_grad_value_(std::vector<Tensor>{a}, -1.0), ValueError);
    EXPECT_THROW(clip_grad_value_(std::vector<Tensor>{a}, NAN), ValueError);
  }
}

}  // namespace
}  // namespace gradus::optim
