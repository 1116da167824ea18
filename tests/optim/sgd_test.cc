// SGD against plain loops, for every combination of its options.
#include "gradus/optim/sgd.h"

#include <gtest/gtest.h>

#include "gradus/tests/optim/trajectory.h"

namespace gradus::optim {
namespace {

using namespace optim_test;

// The algorithm, one number at a time.
struct PlainSgd {
  SGDOptions o;
  std::vector<double> buffer;

  void step(std::vector<double>& w, const std::vector<double>& gradient) {
    const bool first = buffer.empty();
    if (first) buffer.assign(w.size(), 0.0);
    for (std::size_t i = 0; i < w.size(); ++i) {
      double g = o.maximize ? -gradient[i] : gradient[i];
      g = g + o.weight_decay * w[i];
      double d = g;
      if (o.momentum != 0.0) {
        buffer[i] = first ? g : o.momentum * buffer[i] + (1 - o.dampening) * g;
        d = o.nesterov ? g + o.momentum * buffer[i] : buffer[i];
      }
      w[i] = w[i] - o.lr * d;
    }
  }
};

TEST(Sgd, FollowsPlainLoops) {
  int tried = 0;
  for (const std::size_t n :
       {std::size_t{1}, std::size_t{4}, std::size_t{7}, std::size_t{37}, std::size_t{70}}) {
    for (const double momentum : {0.0, 0.9}) {
      for (const double dampening : {0.0, 0.25}) {
        for (const double decay : {0.0, 0.07}) {
          for (const bool nesterov : {false, true}) {
            for (const bool maximize : {false, true}) {
              if (nesterov && (momentum == 0.0 || dampening != 0.0)) continue;
              const SGDOptions o{0.05, momentum, dampening, decay, nesterov, maximize};
              std::vector<double> plain = start(n);
              PlainSgd reference{o, {}};
              Tensor w = leaf(plain);
              SGD opt({w}, o);
              for (int step = 0; step < 30; ++step) {
                set_gradient(w, gradient(w.to_vector<double>(), step));
                opt.step();
                reference.step(plain, gradient(plain, step));
                for (std::size_t i = 0; i < n; ++i) {
                  ASSERT_NEAR(w.span<double>()[i], plain[i], 1e-12 * std::max(1.0, std::abs(plain[i])))
                      << "momentum " << momentum << " dampening " << dampening << " decay " << decay
                      << " nesterov " << nesterov << " maximize " << maximize << " step " << step;
                }
              }
              ++tried;
            }
          }
        }
      }
    }
  }
  EXPECT_EQ(tried, 5 * 20);
}

TEST(Sgd, RefusesWhatMakesNoSense) {
  Tensor w = leaf({1.0});
  EXPECT_THROW(SGD({w}, {.lr = -0.1}), ValueError);
  EXPECT_THROW(SGD({w}, {.lr = std::nan("")}), ValueError);
  EXPECT_THROW(SGD({w}, {.momentum = -0.9}), ValueError);
  EXPECT_THROW(SGD({w}, {.weight_decay = INFINITY}), ValueError);
  EXPECT_THROW(SGD({w}, {.dampening = NAN}), ValueError);
  EXPECT_THROW(SGD({w}, {.nesterov = true}), ValueError);
  EXPECT_THROW(SGD({w}, {.momentum = 0.9, .dampening = 0.1, .nesterov = true}), ValueError);
  try {
    SGD({w}, {.lr = -0.1});
    FAIL();
  } catch (const ValueError& e) {
    EXPECT_EQ(std::string(e.what()), "sgd_test.cc:" + std::to_string(__LINE__ - 3) +
                                         ": SGD: lr is -0.1; it must be a finite number >= 0");
  }
}

// Without decay a weight must not enter its own gradient.
TEST(Sgd, InfiniteWeightsStayWithoutDecay) {
  Tensor w = leaf({INFINITY, 1.0});
  set_gradient(w, {1.0, 1.0});
  SGD opt({w}, {.lr = 0.5});
  opt.step();
  EXPECT_EQ(w.to_vector<double>(), (std::vector<double>{INFINITY, 0.5}));
}

}  // namespace
}  // namespace gradus::optim
