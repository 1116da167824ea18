// The elementwise optimizers against plain loops, one number at a time, for the combinations of their
// options.
#include <gtest/gtest.h>

#include "gradus/optim/optim.h"
#include "gradus/tests/optim/trajectory.h"

namespace gradus::optim {
namespace {

using namespace optim_test;
using Numbers = std::vector<double>;

// Plain<Options> steps weights by gradients; both sides see the same problem, in vectors and in their tails.
template <class Optimizer, class Plain>
void follow(const typename Optimizer::Options& o, const char* what) {
  for (const std::size_t n : {1, 3, 8, 13, 70}) {
    Numbers plain = start(n);
    Plain reference{o};
    Tensor w = leaf(plain);
    Optimizer opt({w}, o);
    for (int step = 0; step < 40; ++step) {
      set_gradient(w, gradient(w.to_vector<double>(), step));
      opt.step();
      reference.step(plain, gradient(plain, step));
      for (std::size_t i = 0; i < n; ++i) {
        ASSERT_NEAR(w.span<double>()[i], plain[i], 1e-12 * std::max(1.0, std::abs(plain[i])))
            << what << " step " << step << " i " << i << " of " << n;
      }
    }
    // f32 takes the same way, as far as its precision goes.
    Tensor narrow = empty({static_cast<std::int64_t>(n)});
    plain = start(n);
    std::copy(plain.begin(), plain.end(), narrow.mutable_span<float>().begin());
    narrow.requires_grad(true);
    Plain again{o};
    Optimizer single({narrow}, o);
    for (int step = 0; step < 10; ++step) {
      set_gradient(narrow, gradient(plain, step));
      single.step();
      again.step(plain, gradient(plain, step));
    }
    for (std::size_t i = 0; i < n; ++i)
      ASSERT_NEAR(narrow.span<float>()[i], plain[i], 1e-4 * std::max(1.0, std::abs(plain[i]))) << what;
  }
}

double directed(double g, double w, double decay, bool maximize) {
  g = maximize ? -g : g;
  return decay != 0 ? g + decay * w : g;
}
double sign(double x) { return x > 0 ? 1.0 : x < 0 ? -1.0 : 0.0; }

struct PlainAdamax {
  AdamaxOptions o;
  int t = 0;
  Numbers m = {}, u = {};
  void step(Numbers& w, const Numbers& gradient) {
    m.resize(w.size()), u.resize(w.size()), ++t;
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double g = directed(gradient[i], w[i], o.weight_decay, o.maximize);
      m[i] = o.betas[0] * m[i] + (1 - o.betas[0]) * g;
      u[i] = std::max(o.betas[1] * u[i], std::abs(g) + o.eps);
      w[i] -= o.lr / (1 - std::pow(o.betas[0], t)) * m[i] / u[i];
    }
  }
};

TEST(PlainLoops, Adamax) {
  for (const double decay : {0.0, 0.1}) {
    for (const bool maximize : {false, true}) {
      follow<Adamax, PlainAdamax>({0.02, {0.9, 0.999}, 1e-8, decay, maximize}, "Adamax");
      follow<Adamax, PlainAdamax>({0.02, {0.5, 0.6}, 1e-3, decay, maximize}, "Adamax");
    }
  }
}

struct PlainNAdam {
  NAdamOptions o;
  int t = 0;
  double product = 1;
  Numbers m = {}, v = {};
  double mu(int k) const { return o.betas[0] * (1 - 0.5 * std::pow(0.96, k * o.momentum_decay)); }
  void step(Numbers& w, const Numbers& gradient) {
    m.resize(w.size()), v.resize(w.size()), ++t;
    product *= mu(t);
    for (std::size_t i = 0; i < w.size(); ++i) {
      const bool apart = o.decoupled_weight_decay;
      const double g = directed(gradient[i], w[i], apart ? 0 : o.weight_decay, o.maximize);
      if (apart) w[i] *= 1 - o.lr * o.weight_decay;
      m[i] = o.betas[0] * m[i] + (1 - o.betas[0]) * g;
      v[i] = o.betas[1] * v[i] + (1 - o.betas[1]) * g * g;
      const double m_hat = mu(t + 1) * m[i] / (1 - product * mu(t + 1)) + (1 - mu(t)) * g / (1 - product);
      w[i] -= o.lr * m_hat / (std::sqrt(v[i] / (1 - std::pow(o.betas[1], t))) + o.eps);
    }
  }
};

TEST(PlainLoops, NAdam) {
  for (const double decay : {0.0, 0.1}) {
    for (const bool apart : {false, true}) {
      for (const bool maximize : {false, true}) {
        follow<NAdam, PlainNAdam>({0.02, {0.9, 0.999}, 1e-8, decay, 4e-3, apart, maximize}, "NAdam");
        follow<NAdam, PlainNAdam>({0.02, {0.5, 0.6}, 1e-3, decay, 0.5, apart, maximize}, "NAdam");
      }
    }
  }
}

struct PlainRAdam {
  RAdamOptions o;
  int t = 0;
  Numbers m = {}, v = {};
  void step(Numbers& w, const Numbers& gradient) {
    m.resize(w.size()), v.resize(w.size()), ++t;
    const double limit = 2 / (1 - o.betas[1]) - 1;
    const double power = std::pow(o.betas[1], t);
    const double r = limit - 2 * t * power / (1 - power);
    for (std::size_t i = 0; i < w.size(); ++i) {
      const bool apart = o.decoupled_weight_decay;
      const double g = directed(gradient[i], w[i], apart ? 0 : o.weight_decay, o.maximize);
      if (apart) w[i] *= 1 - o.lr * o.weight_decay;
      m[i] = o.betas[0] * m[i] + (1 - o.betas[0]) * g;
      v[i] = o.betas[1] * v[i] + (1 - o.betas[1]) * g * g;
      const double m_hat = m[i] / (1 - std::pow(o.betas[0], t));
      if (r > 5) {
        const double l = std::sqrt(1 - power) / (std::sqrt(v[i]) + o.eps);
        const double rect = std::sqrt((r - 4) * (r - 2) * limit / ((limit - 4) * (limit - 2) * r));
        w[i] -= o.lr * m_hat * rect * l;
      } else {
        w[i] -= o.lr * m_hat;
      }
    }
  }
};

TEST(PlainLoops, RAdam) {
  for (const double decay : {0.0, 0.1}) {
    for (const bool apart : {false, true}) {
      for (const bool maximize : {false, true}) {
        follow<RAdam, PlainRAdam>({0.02, {0.9, 0.999}, 1e-8, decay, apart, maximize}, "RAdam");
        follow<RAdam, PlainRAdam>({0.02, {0.5, 0.6}, 1e-3, decay, apart, maximize}, "RAdam never adaptive");
        follow<RAdam, PlainRAdam>({0.02, {0.5, 0.9}, 1e-3, decay, apart, maximize}, "RAdam");
      }
    }
  }
}

struct PlainAdagrad {
  AdagradOptions o;
  int t = 0;
  Numbers s = {};
  void step(Numbers& w, const Numbers& gradient) {
    s.resize(w.size(), o.initial_accumulator_value), ++t;
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double g = directed(gradient[i], w[i], o.weight_decay, o.maximize);
      s[i] += g * g;
      w[i] -= o.lr / (1 + (t - 1) * o.lr_decay) * g / (std::sqrt(s[i]) + o.eps);
    }
  }
};

TEST(PlainLoops, Adagrad) {
  for (const double lr_decay : {0.0, 0.1}) {
    for (const double decay : {0.0, 0.1}) {
      for (const double first : {0.0, 0.3}) {
        for (const bool maximize : {false, true})
          follow<Adagrad, PlainAdagrad>({0.05, lr_decay, decay, first, 1e-6, maximize}, "Adagrad");
      }
    }
  }
}

struct PlainAdadelta {
  AdadeltaOptions o;
  Numbers v = {}, u = {};
  void step(Numbers& w, const Numbers& gradient) {
    v.resize(w.size()), u.resize(w.size());
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double g = directed(gradient[i], w[i], o.weight_decay, o.maximize);
      v[i] = o.rho * v[i] + (1 - o.rho) * g * g;
      const double d = std::sqrt(u[i] + o.eps) / std::sqrt(v[i] + o.eps) * g;
      u[i] = o.rho * u[i] + (1 - o.rho) * d * d;
      w[i] -= o.lr * d;
    }
  }
};

TEST(PlainLoops, Adadelta) {
  for (const double decay : {0.0, 0.1}) {
    for (const bool maximize : {false, true}) {
      follow<Adadelta, PlainAdadelta>({1.0, 0.9, 1e-6, decay, maximize}, "Adadelta");
      follow<Adadelta, PlainAdadelta>({0.3, 0.4, 1e-2, decay, maximize}, "Adadelta");
    }
  }
}

struct PlainRMSprop {
  RMSpropOptions o;
  Numbers v = {}, c = {}, b = {};
  void step(Numbers& w, const Numbers& gradient) {
    v.resize(w.size()), c.resize(w.size()), b.resize(w.size());
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double g = directed(gradient[i], w[i], o.weight_decay, o.maximize);
      v[i] = o.alpha * v[i] + (1 - o.alpha) * g * g;
      c[i] = o.alpha * c[i] + (1 - o.alpha) * g;
      const double d = g / (std::sqrt(o.centered ? v[i] - c[i] * c[i] : v[i]) + o.eps);
      b[i] = o.momentum * b[i] + d;
      w[i] -= o.lr * (o.momentum > 0 ? b[i] : d);
    }
  }
};

TEST(PlainLoops, RMSprop) {
  for (const double decay : {0.0, 0.1}) {
    for (const double momentum : {0.0, 0.7}) {
      for (const bool centered : {false, true}) {
        for (const bool maximize : {false, true}) {
          follow<RMSprop, PlainRMSprop>({0.01, 0.9, 1e-4, decay, momentum, centered, maximize}, "RMSprop");
        }
      }
    }
  }
}

struct PlainRprop {
  RpropOptions o;
  Numbers before = {}, size = {};
  void step(Numbers& w, const Numbers& gradient) {
    before.resize(w.size()), size.resize(w.size(), o.lr);
    for (std::size_t i = 0; i < w.size(); ++i) {
      double g = o.maximize ? -gradient[i] : gradient[i];
      const double product = g * before[i];
      if (product > 0) size[i] = std::min(size[i] * o.etas[1], o.step_sizes[1]);
      if (product < 0) size[i] = std::max(size[i] * o.etas[0], o.step_sizes[0]), g = 0;
      w[i] -= sign(g) * size[i];
      before[i] = g;
    }
  }
};

TEST(PlainLoops, Rprop) {
  for (const bool maximize : {false, true}) {
    follow<Rprop, PlainRprop>({0.01, {0.5, 1.2}, {1e-6, 50.0}, maximize}, "Rprop");
    follow<Rprop, PlainRprop>({0.1, {0.3, 1.5}, {0.05, 0.2}, maximize}, "Rprop");
  }
}

struct PlainASGD {
  ASGDOptions o;
  int t = 0;
  Numbers average = {};
  void step(Numbers& w, const Numbers& gradient) {
    average.resize(w.size()), ++t;
    const double eta = o.lr / std::pow(1 + o.lambd * o.lr * (t - 1), o.alpha);
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double g = directed(gradient[i], w[i], o.weight_decay, o.maximize);
      w[i] = w[i] - o.lambd * eta * w[i] - eta * g;
      average[i] += (w[i] - average[i]) / std::max(1.0, t - 1 - o.t0);
    }
  }
};

TEST(PlainLoops, ASGD) {
  for (const double decay : {0.0, 0.1}) {
    for (const bool maximize : {false, true}) {
      follow<ASGD, PlainASGD>({0.01, 1e-4, 0.75, 1e6, decay, maximize}, "ASGD");
      follow<ASGD, PlainASGD>({0.1, 0.1, 0.5, 5, decay, maximize}, "ASGD");
    }
  }
}

TEST(PlainLoops, ASGDKeepsTheAverage) {
  const ASGDOptions o{0.1, 0.1, 0.5, 5, 0.0, false};
  Numbers plain = start(9);
  PlainASGD reference{o};
  Tensor w = leaf(plain);
  ASGD opt({w}, o);
  for (int step = 0; step < 20; ++step) {
    set_gradient(w, gradient(plain, step));
    opt.step();
    reference.step(plain, gradient(plain, step));
  }
  for (std::size_t i = 0; i < 9; ++i)
    EXPECT_NEAR(opt.state_of(0, 0).slots[0].span<double>()[i], reference.average[i], 1e-13);
  EXPECT_NE(reference.average, plain);
}

struct PlainLion {
  LionOptions o;
  Numbers m = {};
  void step(Numbers& w, const Numbers& gradient) {
    m.resize(w.size());
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double g = o.maximize ? -gradient[i] : gradient[i];
      const double c = o.betas[0] * m[i] + (1 - o.betas[0]) * g;
      w[i] = w[i] * (1 - o.lr * o.weight_decay) - o.lr * sign(c);
      m[i] = o.betas[1] * m[i] + (1 - o.betas[1]) * g;
    }
  }
};

TEST(PlainLoops, Lion) {
  for (const double decay : {0.0, 0.1}) {
    for (const bool maximize : {false, true}) {
      follow<Lion, PlainLion>({1e-2, {0.9, 0.99}, decay, maximize}, "Lion");
      follow<Lion, PlainLion>({1e-2, {0.4, 0.7}, decay, maximize}, "Lion");
    }
  }
}

TEST(PlainLoops, SignsOfZeroAndNaN) {
  Tensor w = leaf({1, 1, 1});
  set_gradient(w, {0.0, NAN, -2.0});
  Lion opt({w}, {.lr = 0.25});
  opt.step();
  EXPECT_EQ(w.span<double>()[0], 1.0);
  EXPECT_TRUE(std::isnan(w.span<double>()[1]));
  EXPECT_EQ(w.span<double>()[2], 1.25);
  Tensor x = leaf({1, 1, 1});
  set_gradient(x, {0.0, NAN, -2.0});
  Rprop rprop({x}, {.lr = 0.25});
  rprop.step();
  EXPECT_EQ(x.span<double>()[0], 1.0);
  EXPECT_TRUE(std::isnan(x.span<double>()[1]));
  EXPECT_EQ(x.span<double>()[2], 1.25);
}

template <class Optimizer>
void refuses(const typename Optimizer::Options& o, const char* part) {
  Tensor w = leaf({1.0});
  try {
    Optimizer opt({w}, o);
    FAIL() << part;
  } catch (const ValueError& e) {
    EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
  }
}

TEST(PlainLoops, RefuseWhatMakesNoSense) {
  refuses<Adamax>({.lr = -1}, "Adamax: lr is -1; it must be a finite number >= 0");
  refuses<Adamax>({.betas = {0.9, 1.0}}, "beta2 is 1; it must be >= 0 and < 1");
  refuses<NAdam>({.momentum_decay = -1}, "momentum_decay is -1");
  refuses<RAdam>({.eps = NAN}, "eps is nan");
  refuses<Adagrad>({.lr_decay = INFINITY}, "lr_decay is inf");
  refuses<Adagrad>({.initial_accumulator_value = -1}, "initial_accumulator_value is -1");
  refuses<Adadelta>({.rho = 1.0}, "rho is 1");
  refuses<RMSprop>({.alpha = -0.1}, "alpha is -0.1");
  refuses<RMSprop>({.momentum = -0.1}, "momentum is -0.1");
  refuses<Rprop>({.etas = {1.5, 1.2}}, "etas are 1.5 and 1.2; the first must be < 1, the second > 1");
  refuses<Rprop>({.step_sizes = {1.0, 0.5}}, "step_sizes are 1 and 0.5");
  refuses<ASGD>({.lambd = -1}, "lambd is -1");
  refuses<Lion>({.betas = {-0.1, 0.9}}, "beta1 is -0.1");
}

}  // namespace
}  // namespace gradus::optim
