// The optimizers that look at a parameter as a matrix, Adafactor and Muon, against plain loops.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gradus/optim/adafactor.h"
#include "gradus/optim/adamw.h"
#include "gradus/optim/muon.h"
#include "gradus/tests/optim/trajectory.h"

namespace gradus::optim {
namespace {

using namespace optim_test;
using ::testing::HasSubstr;
using Numbers = std::vector<double>;

Tensor shaped_leaf(const Shape& shape, DType dtype = DType::f64) {
  Tensor t = empty(shape, dtype);
  const Numbers values = start(static_cast<std::size_t>(t.numel()));
  if (dtype == DType::f64)
    std::copy(values.begin(), values.end(), t.mutable_span<double>().begin());
  else
    std::copy(values.begin(), values.end(), t.mutable_span<float>().begin());
  t.requires_grad(true);
  return t;
}

void expect_near(const Tensor& got, const Numbers& expected, double tolerance, const char* what) {
  const Numbers values = got.dtype() == DType::f64 ? got.to_vector<double>() : [&] {
    const auto narrow = got.to_vector<float>();
    return Numbers(narrow.begin(), narrow.end());
  }();
  ASSERT_EQ(values.size(), expected.size());
  for (std::size_t i = 0; i < values.size(); ++i) ASSERT_NEAR(values[i], expected[i], tolerance) << what << i;
}

struct PlainAdafactor {
  AdafactorOptions o;
  std::int64_t batch, rows, columns;  // rows 0: a vector
  int t = 0;
  Numbers row = {}, column = {}, variance = {};

  void step(Numbers& w, const Numbers& gradient) {
    const std::size_t n = w.size();
    ++t;
    const double eps1 = o.eps[0] == 0 ? 2.220446049250313e-16 : o.eps[0];
    const double fresh = std::pow(t, o.beta2_decay);
    double norm = 0;
    for (const double x : w) norm += x * x;
    const double alpha =
        std::max(o.eps[1], std::sqrt(norm / static_cast<double>(n))) * std::min(o.lr, 1 / std::sqrt(t));
    Numbers g = gradient, v(n);
    for (double& x : g) x = o.maximize ? -x : x;
    if (rows == 0) {
      variance.resize(n);
      for (std::size_t i = 0; i < n; ++i) v[i] = variance[i] += fresh * (g[i] * g[i] - variance[i]);
    } else {
      row.resize(static_cast<std::size_t>(batch * rows));
      column.resize(static_cast<std::size_t>(batch * columns));
      const auto at = [&](std::int64_t b, std::int64_t r, std::int64_t c) {
        return static_cast<std::size_t>((b * rows + r) * columns + c);
      };
      for (std::int64_t b = 0; b < batch; ++b) {
        double mean = 0;
        for (std::int64_t r = 0; r < rows; ++r) {
          double squares = 0;
          for (std::int64_t c = 0; c < columns; ++c) squares += std::pow(g[at(b, r, c)], 2);
          double& x = row[static_cast<std::size_t>(b * rows + r)];
          x = (1 - fresh) * x + fresh * squares / static_cast<double>(columns);
          mean += x / static_cast<double>(rows);
        }
        for (std::int64_t c = 0; c < columns; ++c) {
          double squares = 0;
          for (std::int64_t r = 0; r < rows; ++r) squares += std::pow(g[at(b, r, c)], 2);
          double& x = column[static_cast<std::size_t>(b * columns + c)];
          x = (1 - fresh) * x + fresh * squares / static_cast<double>(rows);
        }
        for (std::int64_t r = 0; r < rows; ++r) {
          for (std::int64_t c = 0; c < columns; ++c)
            v[at(b, r, c)] = row[static_cast<std::size_t>(b * rows + r)] *
                             column[static_cast<std::size_t>(b * columns + c)] / std::max(mean, eps1);
        }
      }
    }
    double squares = 0;
    for (std::size_t i = 0; i < n; ++i) {
      v[i] = g[i] / std::sqrt(std::max(v[i], eps1 * eps1));
      squares += v[i] * v[i];
    }
    const double most = std::max(1.0, std::sqrt(squares / static_cast<double>(n)) / o.d);
    for (std::size_t i = 0; i < n; ++i) w[i] = w[i] * (1 - o.lr * o.weight_decay) - alpha / most * v[i];
  }
};

TEST(Adafactor, FollowsPlainLoops) {
  const std::vector<std::pair<Shape, std::array<std::int64_t, 3>>> shapes = {
      {{7}, {1, 0, 0}},    {Shape{}, {1, 0, 0}},   {{3, 5}, {1, 3, 5}},
      {{1, 4}, {1, 1, 4}}, {{2, 3, 4}, {2, 3, 4}}, {{2, 2, 3, 3}, {4, 3, 3}}};
  for (const auto& [shape, factors] : shapes) {
    for (const double decay : {0.0, 0.1}) {
      for (const std::array<double, 2> eps : {std::array{0.0, 1e-3}, std::array{0.5, 0.8}}) {
        for (const bool maximize : {false, true}) {
          const AdafactorOptions o{0.05, -0.8, eps, 1.2, decay, maximize};
          Tensor w = shaped_leaf(shape);
          Numbers plain = w.to_vector<double>();
          PlainAdafactor reference{o, factors[0], factors[1], factors[2]};
          Adafactor opt({w}, o);
          for (int step = 0; step < 20; ++step) {
            set_gradient(w, gradient(plain, step));
            opt.step();
            reference.step(plain, gradient(plain, step));
            expect_near(w, plain, 1e-12, "Adafactor ");
          }
        }
      }
    }
  }
}

TEST(Adafactor, KeepsARowAndAColumn) {
  Tensor w = shaped_leaf({3, 5}), empty_one = leaf({});
  set_gradient(w, gradient(w.to_vector<double>(), 0));
  set_gradient(empty_one, {});
  Adafactor opt({w, empty_one});
  opt.step();
  EXPECT_EQ(opt.state_of(0, 0).slots[0].shape(), (Shape{3, 1}));
  EXPECT_EQ(opt.state_of(0, 0).slots[1].shape(), (Shape{1, 5}));
  EXPECT_FALSE(opt.state_of(0, 0).slots[2].defined());
  NamedTensors state = opt.state();
  opt.load_state(state);
  for (NamedTensor& e : state) {
    if (e.name == "state.0.0.row_var") e.tensor = empty({3, 5}, DType::f64);
  }
  try {
    opt.load_state(state);
    FAIL();
  } catch (const ShapeError& e) {
    EXPECT_THAT(e.what(),
                HasSubstr("\"state.0.0.row_var\" [3, 5] f64 must have shape [3, 1], for its parameter"));
  }
  EXPECT_THROW(Adafactor({w}, {.beta2_decay = 0.5}), ValueError);
  EXPECT_THROW(Adafactor({w}, {.d = 0.5}), ValueError);
}

using Matrix = std::vector<Numbers>;

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix out(a.size(), Numbers(b[0].size()));
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t k = 0; k < b.size(); ++k) {
      for (std::size_t j = 0; j < b[0].size(); ++j) out[i][j] += a[i][k] * b[k][j];
    }
  }
  return out;
}
Matrix transposed(const Matrix& a) {
  Matrix out(a[0].size(), Numbers(a.size()));
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < a[0].size(); ++j) out[j][i] = a[i][j];
  }
  return out;
}

struct PlainMuon {
  MuonOptions o;
  std::size_t a, b;
  Numbers m = {};

  void step(Numbers& w, const Numbers& gradient) {
    m.resize(w.size());
    Matrix u(a, Numbers(b));
    double norm = 0;
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double g = o.maximize ? -gradient[i] : gradient[i];
      m[i] = o.momentum * m[i] + (1 - o.momentum) * g;
      u[i / b][i % b] = o.nesterov ? (1 - o.momentum) * g + o.momentum * m[i] : m[i];
      norm += std::pow(u[i / b][i % b], 2);
    }
    Matrix x = a > b ? transposed(u) : u;
    for (Numbers& line : x) {
      for (double& value : line) value /= std::max(std::sqrt(norm), o.eps);
    }
    for (int k = 0; k < o.ns_steps; ++k) {
      const Matrix s = product(x, transposed(x)), ss = product(s, s);
      Matrix poly = s;
      for (std::size_t i = 0; i < s.size(); ++i) {
        for (std::size_t j = 0; j < s.size(); ++j)
          poly[i][j] = o.ns_coefficients[1] * s[i][j] + o.ns_coefficients[2] * ss[i][j];
      }
      const Matrix more = product(poly, x);
      for (std::size_t i = 0; i < x.size(); ++i) {
        for (std::size_t j = 0; j < x[0].size(); ++j) x[i][j] = o.ns_coefficients[0] * x[i][j] + more[i][j];
      }
    }
    if (a > b) x = transposed(x);
    const double ratio = static_cast<double>(a) / static_cast<double>(b);
    const double adjust = o.adjust_lr_fn == AdjustLr::original          ? std::sqrt(std::max(1.0, ratio))
                          : o.adjust_lr_fn == AdjustLr::match_rms_adamw ? 0.2 * std::sqrt(std::max(a, b))
                                                                        : std::sqrt(ratio);
    for (std::size_t i = 0; i < w.size(); ++i)
      w[i] = w[i] - o.lr * o.weight_decay * w[i] - o.lr * adjust * x[i / b][i % b];
  }
};

TEST(Muon, FollowsPlainLoops) {
  const std::vector<std::pair<std::size_t, std::size_t>> shapes = {{3, 5}, {5, 3}, {4, 4}, {1, 3}};
  for (const auto& [a, b] : shapes) {
    for (const bool nesterov : {false, true}) {
      for (const bool maximize : {false, true}) {
        for (const AdjustLr adjust :
             {AdjustLr::original, AdjustLr::match_rms_adamw, AdjustLr::spectral_unclamped}) {
          const MuonOptions o{.lr = 0.05,
                              .weight_decay = 0.2,
                              .momentum = 0.8,
                              .nesterov = nesterov,
                              .adjust_lr_fn = adjust,
                              .maximize = maximize};
          const Shape shape{static_cast<std::int64_t>(a), static_cast<std::int64_t>(b)};
          Tensor w = shaped_leaf(shape), narrow = shaped_leaf(shape, DType::f32);
          Numbers plain = w.to_vector<double>();
          PlainMuon reference{o, a, b};
          Muon opt({w, narrow}, o);
          for (int step = 0; step < 10; ++step) {
            set_gradient(w, gradient(plain, step));
            set_gradient(narrow, gradient(plain, step));
            opt.step();
            reference.step(plain, gradient(plain, step));
            expect_near(w, plain, 1e-12, "Muon ");
            expect_near(narrow, plain, 1e-3, "Muon f32 ");
          }
        }
      }
    }
  }
}

// The iteration brings every singular value near to 1.
TEST(Muon, StepsAreNearlyOrthogonal) {
  Tensor w = shaped_leaf({3, 6});
  const Numbers before = w.to_vector<double>();
  set_gradient(w, gradient(before, 0));
  Muon opt({w}, {.lr = 1.0, .weight_decay = 0.0});
  opt.step();
  Matrix x(3, Numbers(6));
  const Numbers after = w.to_vector<double>();
  for (std::size_t i = 0; i < 18; ++i) x[i / 6][i % 6] = before[i] - after[i];
  const Matrix gram = product(x, transposed(x));
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) EXPECT_NEAR(gram[i][j], i == j ? 1.0 : 0.0, 0.6) << i << j;
  }
}

TEST(Muon, TheRestIsAdamWs) {
  Tensor w = shaped_leaf({3, 4}), bias = leaf(start(5)), same = leaf(start(5));
  Muon opt({{.params = {w}, .lr = 0.02},
            {.params = {bias}, .weight_decay = 0.1, .use_muon = false, .betas = {{0.8, 0.9}}}},
           {.lr = 0.05});
  AdamW adamw({same}, {.lr = 0.05, .betas = {0.8, 0.9}, .weight_decay = 0.1});
  for (int step = 0; step < 10; ++step) {
    set_gradient(w, gradient(w.to_vector<double>(), step));
    set_gradient(bias, gradient(bias.to_vector<double>(), step));
    set_gradient(same, gradient(same.to_vector<double>(), step));
    if (step == 5) opt.load_state(opt.state());
    opt.step();
    adamw.step();
    EXPECT_EQ(bias.to_vector<double>(), same.to_vector<double>());
  }
  EXPECT_EQ(opt.state_of(0, 0).steps, 10);
}

TEST(Muon, RefusesWhatIsNoMatrix) {
  Tensor bias = leaf(start(5));
  bias.name("b");
  try {
    Muon opt({bias});
    FAIL();
  } catch (const ValueError& e) {
    EXPECT_THAT(e.what(),
                HasSubstr("Muon: only matrices can be stepped by Muon: \"b\" [5] f64; put it into a group "
                          "with .use_muon = false"));
  }
  Muon opt({bias}, {.use_muon = false});
  opt.groups()[0].use_muon = true;
  set_gradient(bias, start(5));
  EXPECT_THROW(opt.step(), ValueError);
  EXPECT_EQ(bias.to_vector<double>(), start(5));
  EXPECT_THROW(opt.set_option(0, "adjust_lr_fn", 3), ValueError);
  EXPECT_THROW(Muon({shaped_leaf({2, 2})}, {.ns_steps = 100}), ValueError);
  EXPECT_THROW(Muon({shaped_leaf({2, 2})}, {.eps = 0}), ValueError);
}

}  // namespace
}  // namespace gradus::optim
