// Adam and AdamW against plain loops, for every combination of their options.
#include "gradus/optim/adam.h"

#include <gtest/gtest.h>

#include "gradus/base/parallel.h"
#include "gradus/graph/tensor_impl.h"
#include "gradus/optim/adamw.h"
#include "gradus/tests/optim/trajectory.h"

namespace gradus::optim {
namespace {

using namespace optim_test;

struct PlainAdam {
  AdamOptions o;
  bool decoupled;
  int t = 0;
  std::vector<double> m, v, most;

  void step(std::vector<double>& w, const std::vector<double>& gradient) {
    m.resize(w.size());
    v.resize(w.size());
    most.resize(w.size());
    ++t;
    for (std::size_t i = 0; i < w.size(); ++i) {
      double g = o.maximize ? -gradient[i] : gradient[i];
      if (decoupled)
        w[i] = w[i] - o.lr * o.weight_decay * w[i];
      else
        g = g + o.weight_decay * w[i];
      m[i] = o.betas[0] * m[i] + (1 - o.betas[0]) * g;
      v[i] = o.betas[1] * v[i] + (1 - o.betas[1]) * g * g;
      most[i] = std::max(most[i], v[i]);
      const double m_hat = m[i] / (1 - std::pow(o.betas[0], t));
      const double v_hat = (o.amsgrad ? most[i] : v[i]) / (1 - std::pow(o.betas[1], t));
      w[i] = w[i] - o.lr * m_hat / (std::sqrt(v_hat) + o.eps);
    }
  }
};

template <class Optimizer>
void follow(bool decoupled, double decay, std::array<double, 2> betas, double eps, bool amsgrad,
            bool maximize, std::size_t n) {
  const typename Optimizer::Options o{0.02, betas, eps, decay, amsgrad, maximize};
  std::vector<double> plain = start(n);
  PlainAdam reference{{0.02, betas, eps, decay, amsgrad, maximize}, decoupled, 0, {}, {}, {}};
  Tensor w = leaf(plain);
  Optimizer opt({w}, o);
  for (int step = 0; step < 40; ++step) {
    set_gradient(w, gradient(w.to_vector<double>(), step));
    opt.step();
    reference.step(plain, gradient(plain, step));
    for (std::size_t i = 0; i < n; ++i) {
      ASSERT_NEAR(w.span<double>()[i], plain[i], 1e-12 * std::max(1.0, std::abs(plain[i])))
          << "decay " << decay << " amsgrad " << amsgrad << " maximize " << maximize << " step " << step
          << " i " << i << " of " << n;
    }
  }
}

TEST(Adam, FollowsPlainLoops) {
  for (const std::size_t n : {1, 3, 8, 13, 70}) {
    for (const double decay : {0.0, 0.1}) {
      for (const bool amsgrad : {false, true}) {
        for (const bool maximize : {false, true}) {
          for (const double eps : {1e-8, 1e-3}) {
            follow<Adam>(false, decay, {0.9, 0.999}, eps, amsgrad, maximize, n);
            follow<Adam>(false, decay, {0.0, 0.5}, eps, amsgrad, maximize, n);
            follow<AdamW>(true, decay, {0.9, 0.999}, eps, amsgrad, maximize, n);
            follow<AdamW>(true, decay, {0.6, 0.9}, eps, amsgrad, maximize, n);
          }
        }
      }
    }
  }
}

TEST(Adam, SingleStepIsTheLearningRate) {
  // With eps 0, m / sqrt(v) is the sign of the gradient at the first step.
  Tensor w = leaf({1.0, 1.0, 1.0});
  set_gradient(w, {1e-3, -5.0, 1e8});
  Adam opt({w}, {.lr = 0.25, .eps = 0.0});
  opt.step();
  const std::vector<double> expected = {0.75, 1.25, 0.75};
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(w.span<double>()[i], expected[i], 1e-12);
}

TEST(Adam, SinglePrecisionStaysClose) {
  for (const std::size_t n : {1, 5, 16, 23}) {
    std::vector<double> plain = start(n);
    Tensor w = empty({static_cast<std::int64_t>(n)});
    std::copy(plain.begin(), plain.end(), w.mutable_span<float>().begin());
    w.requires_grad(true);
    PlainAdam reference{{0.02, {0.9, 0.999}, 1e-8, 0.0, false, false}, false, 0, {}, {}, {}};
    Adam opt({w}, {.lr = 0.02});
    for (int step = 0; step < 20; ++step) {
      const std::vector<double> g = gradient(plain, step);
      set_gradient(w, g);
      opt.step();
      reference.step(plain, g);
    }
    for (std::size_t i = 0; i < n; ++i) EXPECT_NEAR(w.span<float>()[i], plain[i], 2e-5);
  }
}

TEST(Adam, ThreadsDoNotChangeTheResult) {
  const auto run = [](int count) {
    set_threads(count);
    Tensor w = empty({200'000});
    const std::vector<double> values = start(200'000);
    std::copy(values.begin(), values.end(), w.mutable_span<float>().begin());
    w.requires_grad(true);
    Adam opt({w}, {.weight_decay = 0.01, .amsgrad = true});
    for (int step = 0; step < 3; ++step) {
      set_gradient(w, gradient(values, step));
      opt.step();
    }
    return w.to_vector<float>();
  };
  const int before = threads();
  const auto one = run(1);
  EXPECT_EQ(one, run(2));
  EXPECT_EQ(one, run(3));
  set_threads(before);
}

TEST(Adam, RefusesWhatMakesNoSense) {
  Tensor w = leaf({1.0});
  EXPECT_THROW(Adam({w}, {.lr = -1.0}), ValueError);
  EXPECT_THROW(Adam({w}, {.betas = {1.0, 0.999}}), ValueError);
  EXPECT_THROW(Adam({w}, {.betas = {0.9, 1.5}}), ValueError);
  EXPECT_THROW(Adam({w}, {.betas = {0.9, NAN}}), ValueError);
  EXPECT_THROW(Adam({w}, {.eps = -1e-8}), ValueError);
  EXPECT_THROW(AdamW({w}, {.weight_decay = -1.0}), ValueError);
  EXPECT_THROW(AdamW({w}, {.lr = NAN}), ValueError);
}

// A parameter whose axes are permuted, and one with gaps: the same numbers at the same places.
TEST(Adam, StridedParametersAndGradients) {
  const auto run = [](auto make) {
    Tensor w = make();
    w.requires_grad(true);
    Tensor g = empty({2, 3}, DType::f64);
    for (int i = 0; i < 6; ++i) g.mutable_span<double>()[static_cast<std::size_t>(i)] = 0.5 * i - 1;
    w.set_grad(g);
    Adam opt({w}, {.lr = 0.1});
    opt.step();
    opt.step();
    return w.to_vector<double>();
  };
  const auto contiguous = run([] {
    Tensor t = empty({2, 3}, DType::f64);
    for (int i = 0; i < 6; ++i) t.mutable_span<double>()[static_cast<std::size_t>(i)] = i;
    return t;
  });
  const auto permuted = run([] {
    Tensor t = empty({2, 3}, DType::f64);
    for (int i = 0; i < 6; ++i) t.mutable_span<double>()[static_cast<std::size_t>(i)] = i;
    OutputMeta meta;
    meta.dtype = DType::f64;
    meta.rank = 2;
    meta.has_strides = true;
    meta.dims[0] = 2, meta.dims[1] = 3;
    meta.strides[0] = 1, meta.strides[1] = 2;
    Tensor p = Tensor::adopt(new_tensor(meta, {}, "test"));
    p.copy_(t);
    return p;
  });
  EXPECT_EQ(contiguous, permuted);
}

}  // namespace
}  // namespace gradus::optim
