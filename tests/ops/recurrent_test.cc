// Recurrent networks as users call them: the cells' formulas, sequences against loops over cells, lengths,
// layers and directions, wrong input.
#include "gradus/ops/recurrent.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gradus/base/parallel.h"
#include "gradus/graph/backward.h"
#include "gradus/graph/gradcheck.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/join.h"
#include "gradus/ops/random.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"
#include "gradus/tests/graph/message.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

using test_ops::message_of;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pointwise;

std::vector<double> read(const Tensor& t) { return astype(t, DType::f64).to_vector<double>(); }

double s(double x) { return 1 / (1 + std::exp(-x)); }

Tensor f64(const Shape& shape, std::initializer_list<double> v) {
  return reshape(tensor(std::vector<double>(v)), shape);
}

// Numbers that differ from call to call of one source.
class Source {
 public:
  explicit Source(DType dtype) : dtype_(dtype) {}
  Tensor operator()(const Shape& shape) {
    return uniform(shape, -1, 1, {.dtype = dtype_, .generator = &generator_});
  }
  RecurrentWeights weights(std::int64_t gates, std::int64_t inputs, std::int64_t hidden) {
    return {(*this)({gates * hidden, inputs}), (*this)({gates * hidden, hidden}), (*this)({gates * hidden}),
            (*this)({gates * hidden})};
  }

 private:
  DType dtype_;
  Generator generator_{7, 0};
};

TEST(Recurrent, RnnCellOfNumbers) {
  const RecurrentWeights w{f64({1, 2}, {0.5, -1}), f64({1, 1}, {2}), f64({1}, {0.1}), f64({1}, {0.2})};
  const Tensor x = f64({1, 2}, {1, 0.25}), h = f64({1, 1}, {-0.3});
  const double sum = 0.5 - 0.25 - 0.6 + 0.3;
  EXPECT_THAT(read(rnn_cell(x, h, w)), ElementsAre(DoubleNear(std::tanh(sum), 1e-15)));
  EXPECT_THAT(read(rnn_cell(x, neg(h), w, "relu")), ElementsAre(DoubleNear(0.25 + 0.6 + 0.3, 1e-15)));
  EXPECT_THAT(read(rnn_cell(x, h, w, "relu")), ElementsAre(0));
}

// The gates' rows are told apart by numbers of their own.
TEST(Recurrent, LstmCellHasTheGatesInTorchsOrder) {
  const RecurrentWeights w{f64({4, 1}, {0.1, 0.2, 0.3, 0.4}), f64({4, 1}, {-1, 2, -3, 4}),
                           f64({4}, {0.5, 0.6, 0.7, 0.8}), f64({4}, {0.01, 0.02, 0.03, 0.04})};
  const double x = 0.9, h = 0.2, c = -0.7;
  const LstmState r = lstm_cell(f64({1, 1}, {x}), f64({1, 1}, {h}), f64({1, 1}, {c}), w);
  const double i = s(0.1 * x - h + 0.51), f = s(0.2 * x + 2 * h + 0.62),
               g = std::tanh(0.3 * x - 3 * h + 0.73), o = s(0.4 * x + 4 * h + 0.84);
  EXPECT_NEAR(r.c.item(), f * c + i * g, 1e-15);
  EXPECT_NEAR(r.h.item(), o * std::tanh(f * c + i * g), 1e-15);
}

TEST(Recurrent, GruCellResetsBehindTheProduct) {
  const RecurrentWeights w{f64({3, 1}, {0.1, 0.2, 0.3}), f64({3, 1}, {-1, 2, -3}), f64({3}, {0.5, 0.6, 0.7}),
                           f64({3}, {0.01, 0.02, 0.03})};
  const double x = 0.9, h = 0.2;
  const double r = s(0.1 * x - h + 0.51), z = s(0.2 * x + 2 * h + 0.62);
  const double n = std::tanh(0.3 * x + 0.7 + r * (-3 * h + 0.03));
  EXPECT_NEAR(gru_cell(f64({1, 1}, {x}), f64({1, 1}, {h}), w).item(), (1 - z) * n + z * h, 1e-15);
}

TEST(Recurrent, CellsTakeOneSample) {
  Source next(DType::f64);
  const RecurrentWeights w = next.weights(4, 3, 2);
  const Tensor x = next({3}), h = next({2}), c = next({2});
  const LstmState one = lstm_cell(x, h, c, w);
  const LstmState batch = lstm_cell(unsqueeze(x, 0), unsqueeze(h, 0), unsqueeze(c, 0), w);
  EXPECT_EQ(one.h.shape(), Shape({2}));
  EXPECT_EQ(read(one.h), read(batch.h));
  EXPECT_EQ(read(one.c), read(batch.c));
}

// --- sequences against loops over cells
// ------------------------------------------------------------------------

enum class Kind { rnn_tanh, rnn_relu, lstm, gru };
constexpr Kind kKinds[] = {Kind::rnn_tanh, Kind::rnn_relu, Kind::lstm, Kind::gru};

struct Problem {
  Kind kind;
  std::int64_t layers = 1;
  bool bidirectional = false;
  std::vector<std::int64_t> lengths = {};  // empty: all
  DType dtype = DType::f64;
  std::int64_t steps = 4, batch = 3, inputs = 2, hidden = 5;
};

std::int64_t gates_of(Kind k) { return k == Kind::lstm ? 4 : k == Kind::gru ? 3 : 1; }

// x, h0, c0, then the weights of each layer and direction, four by four.
std::vector<Tensor> operands(const Problem& p) {
  Source next(p.dtype);
  const std::int64_t directions = p.bidirectional ? 2 : 1;
  std::vector<Tensor> v = {next({p.steps, p.batch, p.inputs}),
                           next({p.layers * directions, p.batch, p.hidden}),
                           next({p.layers * directions, p.batch, p.hidden})};
  for (std::int64_t i = 0; i < p.layers * directions; ++i) {
    const RecurrentWeights w =
        next.weights(gates_of(p.kind), i < directions ? p.inputs : directions * p.hidden, p.hidden);
    for (const Tensor& t : {w.w_ih, w.w_hh, w.b_ih, w.b_hh}) v.push_back(t);
  }
  return v;
}

std::vector<RecurrentWeights> weights_of(std::span<const Tensor> v) {
  std::vector<RecurrentWeights> w;
  for (std::size_t i = 3; i < v.size(); i += 4) w.push_back({v[i], v[i + 1], v[i + 2], v[i + 3]});
  return w;
}

Tensor lengths_of(const Problem& p) { return p.lengths.empty() ? Tensor() : tensor(p.lengths); }

std::vector<Tensor> by_op(const Problem& p, std::span<const Tensor> v) {
  const std::vector<RecurrentWeights> w = weights_of(v);
  const Tensor lengths = lengths_of(p);
  if (p.kind == Kind::lstm) {
    const LstmResult r =
        lstm(v[0], w, {.h0 = v[1], .c0 = v[2], .lengths = lengths, .bidirectional = p.bidirectional});
    return {r.output, r.h_n, r.c_n};
  }
  const RnnResult r = p.kind == Kind::gru
                          ? gru(v[0], w, {.h0 = v[1], .lengths = lengths, .bidirectional = p.bidirectional})
                          : rnn(v[0], w,
                                {.nonlinearity = p.kind == Kind::rnn_relu ? "relu" : "tanh",
                                 .h0 = v[1],
                                 .lengths = lengths,
                                 .bidirectional = p.bidirectional});
  return {r.output, r.h_n};
}

std::vector<Tensor> by_cells(const Problem& p, std::span<const Tensor> v) {
  const std::vector<RecurrentWeights> w = weights_of(v);
  const std::size_t directions = p.bidirectional ? 2 : 1;
  Tensor x = v[0];
  std::vector<Tensor> h_n, c_n;
  for (std::size_t first = 0; first < w.size(); first += directions) {
    std::vector<Tensor> sides;
    for (std::size_t i = first; i < first + directions; ++i) {
      Tensor h = select(v[1], 0, static_cast<std::int64_t>(i)),
             c = select(v[2], 0, static_cast<std::int64_t>(i));
      std::vector<Tensor> outputs(static_cast<std::size_t>(p.steps));
      for (std::int64_t k = 0; k < p.steps; ++k) {
        const std::int64_t t = i == first ? k : p.steps - 1 - k;
        const Tensor input = select(x, 0, t);
        Tensor next_h, next_c = c;
        if (p.kind == Kind::lstm) {
          LstmState r = lstm_cell(input, h, c, w[i]);
          next_h = r.h;
          next_c = r.c;
        } else if (p.kind == Kind::gru) {
          next_h = gru_cell(input, h, w[i]);
        } else {
          next_h = rnn_cell(input, h, w[i], p.kind == Kind::rnn_relu ? "relu" : "tanh");
        }
        Tensor output = next_h;
        if (!p.lengths.empty()) {
          const Tensor active = unsqueeze(gt(tensor(p.lengths), t), 1);
          output = where(active, next_h, 0.0);
          next_h = where(active, next_h, h);
          next_c = where(active, next_c, c);
        }
        outputs[static_cast<std::size_t>(t)] = output;
        h = next_h;
        c = next_c;
      }
      sides.push_back(stack(outputs, 0));
      h_n.push_back(h);
      c_n.push_back(c);
    }
    x = directions == 1 ? sides[0] : concat(sides, 2);
  }
  if (p.kind == Kind::lstm) return {x, stack(h_n, 0), stack(c_n, 0)};
  return {x, stack(h_n, 0)};
}

void expect_close(const Tensor& a, const Tensor& b, double tolerance, const std::string& what) {
  ASSERT_EQ(a.shape(), b.shape()) << what;
  const std::vector<double> x = read(a), y = read(b);
  for (std::size_t i = 0; i < x.size(); ++i) {
    ASSERT_NEAR(x[i], y[i], tolerance * std::max(1.0, std::abs(y[i]))) << what << " at " << i;
  }
}

void expect_same(const Problem& p) {
  SCOPED_TRACE(testing::Message() << "kind " << static_cast<int>(p.kind) << ", layers " << p.layers
                                  << (p.bidirectional ? ", bidirectional" : "")
                                  << (p.lengths.empty() ? "" : ", lengths"));
  const double tolerance = p.dtype == DType::f64 ? 1e-12 : 2e-4;
  std::vector<Tensor> v = operands(p);
  if (p.kind != Kind::lstm) v[2].requires_grad(false);
  std::vector<Tensor> wanted;
  for (std::size_t i = 0; i < v.size(); ++i) {
    if (i == 2 && p.kind != Kind::lstm) continue;
    wanted.push_back(v[i].requires_grad(true));
  }
  const std::vector<Tensor> a = by_op(p, v), b = by_cells(p, v);
  ASSERT_EQ(a.size(), b.size());
  std::vector<Tensor> seeds;
  Source next(p.dtype);
  for (std::size_t i = 0; i < a.size(); ++i) {
    expect_close(a[i], b[i], tolerance, "output " + std::to_string(i));
    seeds.push_back(next(a[i].shape()));
  }
  const std::vector<Tensor> ga = grad(a, wanted, {.seeds = seeds}), gb = grad(b, wanted, {.seeds = seeds});
  for (std::size_t i = 0; i < ga.size(); ++i) {
    expect_close(ga[i], gb[i], 20 * tolerance, "gradient " + std::to_string(i));
  }
}

TEST(Recurrent, ASequenceIsTheLoopOverItsCells) {
  for (const Kind kind : kKinds) {
    expect_same({.kind = kind});
    expect_same({.kind = kind, .steps = 1});
    expect_same({.kind = kind, .layers = 3});
    expect_same({.kind = kind, .bidirectional = true});
    expect_same({.kind = kind, .layers = 2, .bidirectional = true});
  }
}

TEST(Recurrent, LengthsAreTheLoopThatLeavesSamplesAlone) {
  for (const Kind kind : kKinds) {
    expect_same({.kind = kind, .lengths = {2, 4, 0}});
    expect_same({.kind = kind, .bidirectional = true, .lengths = {3, 1, 4}});
    expect_same({.kind = kind, .layers = 2, .bidirectional = true, .lengths = {1, 2, 3}});
    expect_same({.kind = kind, .lengths = {4, 4, 4}});
  }
}

TEST(Recurrent, WholeVectorsAndTilesInF32) {
  for (const Kind kind : kKinds) {
    expect_same({.kind = kind, .dtype = DType::f32, .steps = 6, .batch = 21, .inputs = 19, .hidden = 37});
    expect_same({.kind = kind,
                 .bidirectional = true,
                 .lengths = {6, 5, 4, 3, 2, 1, 0, 6, 6},
                 .dtype = DType::f32,
                 .steps = 6,
                 .batch = 9,
                 .inputs = 16,
                 .hidden = 32});
  }
}

// Each sample as if it were alone and had no more steps.
TEST(Recurrent, LengthsAreSequencesOfThatLength) {
  const Problem p{.kind = Kind::lstm, .bidirectional = true, .lengths = {2, 4, 1}};
  const std::vector<Tensor> v = operands(p), packed = by_op(p, v);
  for (std::int64_t n = 0; n < p.batch; ++n) {
    const std::int64_t length = p.lengths[static_cast<std::size_t>(n)];
    std::vector<Tensor> alone = v;
    alone[0] = slice(slice(v[0], 1, n, n + 1), 0, 0, length);
    for (int i = 1; i < 3; ++i)
      alone[static_cast<std::size_t>(i)] = slice(v[static_cast<std::size_t>(i)], 1, n, n + 1);
    const std::vector<Tensor> r =
        by_op({.kind = p.kind, .bidirectional = true, .lengths = {}, .steps = length, .batch = 1}, alone);
    const Tensor output = slice(packed[0], 1, n, n + 1);
    expect_close(slice(output, 0, 0, length), r[0], 1e-12, "output");
    for (const double x : read(slice(output, 0, length))) EXPECT_EQ(x, 0);
    for (std::size_t i = 1; i < 3; ++i) expect_close(slice(packed[i], 1, n, n + 1), r[i], 1e-12, "state");
  }
}

TEST(Recurrent, LayoutsOfTheInput) {
  const Problem p{.kind = Kind::gru, .bidirectional = true};
  const std::vector<Tensor> v = operands(p), plain = by_op(p, v);
  const std::vector<RecurrentWeights> w = weights_of(v);
  const RnnResult first =
      gru(transpose(v[0], 0, 1), w, {.h0 = v[1], .batch_first = true, .bidirectional = true});
  EXPECT_EQ(first.output.shape(), Shape({p.batch, p.steps, 2 * p.hidden}));
  EXPECT_EQ(read(transpose(first.output, 0, 1)), read(plain[0]));
  EXPECT_EQ(read(first.h_n), read(plain[1]));
  const RnnResult single = gru(select(v[0], 1, 1), w, {.h0 = select(v[1], 1, 1), .bidirectional = true});
  EXPECT_EQ(single.output.shape(), Shape({p.steps, 2 * p.hidden}));
  expect_close(single.output, select(plain[0], 1, 1), 1e-13, "output");
  expect_close(single.h_n, select(plain[1], 1, 1), 1e-13, "h_n");
}

TEST(Recurrent, WhatIsLeftOutIsZero) {
  Source next(DType::f64);
  for (const Kind kind : {Kind::lstm, Kind::gru, Kind::rnn_tanh}) {
    const std::int64_t gates = gates_of(kind);
    RecurrentWeights w = next.weights(gates, 2, 3), without = w;
    w.b_ih = w.b_hh = zeros({gates * 3}, DType::f64);
    without.b_ih = without.b_hh = Tensor();
    const Tensor x = next({4, 2, 2}), none = zeros({1, 2, 3}, DType::f64);
    if (kind == Kind::lstm) {
      EXPECT_EQ(read(lstm(x, {without}).c_n), read(lstm(x, {w}, {.h0 = none, .c0 = none}).c_n));
    } else if (kind == Kind::gru) {
      EXPECT_EQ(read(gru(x, {without}).output), read(gru(x, {w}, {.h0 = none}).output));
    } else {
      EXPECT_EQ(read(rnn(x, {without}).output), read(rnn(x, {w}, {.h0 = none}).output));
    }
  }
}

TEST(Recurrent, DropoutActsBetweenLayers) {
  Source next(DType::f64);
  const RecurrentWeights w[] = {next.weights(1, 2, 6), next.weights(1, 6, 6)};
  const Tensor x = next({5, 3, 2});
  Generator a{3, 0}, b{3, 0};
  const RnnResult r = rnn(x, w, {.dropout = 0.5, .generator = &a});
  const Tensor between = dropout(rnn(x, {w[0]}).output, 0.5, true, &b);
  EXPECT_EQ(read(r.output), read(rnn(between, {w[1]}).output));
  EXPECT_EQ(read(rnn(x, w, {.dropout = 0.5, .training = false}).output), read(rnn(x, w).output));
  // One layer has nothing behind it.
  EXPECT_EQ(read(rnn(x, {w[0]}, {.dropout = 0.5}).output), read(rnn(x, {w[0]}).output));
}

TEST(Recurrent, SameWithAnyNumberOfThreads) {
  for (const Kind kind : kKinds) {
    const Problem p{.kind = kind,
                    .bidirectional = true,
                    .lengths = {},
                    .dtype = DType::f32,
                    .steps = 8,
                    .batch = 70,
                    .inputs = 1,  // a product of its own size is shared out by OpenBLAS
                    .hidden = 64};
    std::vector<Tensor> v = operands(p);
    v[1].requires_grad(true);
    const int before = threads();
    std::vector<std::vector<double>> runs;
    for (const int n : {1, 2, 3}) {
      set_threads(n);
      const std::vector<Tensor> r = by_op(p, v);
      std::vector<double> values = read(r[0]);
      for (const double x : read(grad(sum(square(r[0])), {v[1]})[0])) values.push_back(x);
      runs.push_back(std::move(values));
    }
    set_threads(before);
    EXPECT_EQ(runs[0], runs[1]);
    EXPECT_EQ(runs[0], runs[2]);
  }
}

TEST(Recurrent, SecondOrderThroughLayersAndLengths) {
  for (const Kind kind : {Kind::lstm, Kind::gru, Kind::rnn_tanh}) {
    const Problem p{.kind = kind,
                    .bidirectional = true,
                    .lengths = {2, 1},
                    .steps = 2,
                    .batch = 2,
                    .inputs = 1,
                    .hidden = 1};
    std::vector<Tensor> v = operands(p);
    const GradcheckResult r = gradgradcheck([&](std::span<const Tensor> x) { return by_op(p, x); }, v);
    EXPECT_TRUE(r.ok) << r.message;
  }
}

TEST(Recurrent, ThirdOrder) {
  for (const Kind kind : {Kind::lstm, Kind::gru, Kind::rnn_tanh}) {
    const Problem p{.kind = kind, .steps = 2, .batch = 1, .inputs = 1, .hidden = 1};
    std::vector<Tensor> v = operands(p);
    const auto gradient = [&](const Tensor& h0) {
      std::vector<Tensor> x = v;
      x[1] = h0;
      const EnableGrad on;
      Tensor from = h0;
      if (!from.requires_grad()) x[1] = from = h0.detach().requires_grad(true);
      return grad(sum(square(by_op(p, x)[0])), {from}, {.create_graph = true})[0];
    };
    const GradcheckResult r = gradgradcheck(gradient, {v[1]});
    EXPECT_TRUE(r.ok) << r.message;
  }
}

// --- wrong input
// -----------------------------------------------------------------------------------------------

TEST(Recurrent, Messages) {
  Source next(DType::f64);
  const RecurrentWeights w = next.weights(4, 3, 2), g = next.weights(3, 3, 2);
  const Tensor x = next({4, 2, 3});
  EXPECT_THAT(message_of<ShapeError>([&] { lstm(next({3}), {w}); }),
              HasSubstr("lstm: takes [steps, batch, inputs] or [steps, inputs]: input [3] f64"));
  EXPECT_THAT(
      message_of<ShapeError>([&] {
        lstm(next({2, 4}), {w});
      }),
      HasSubstr("lstm: w_ih [8, 3] f64 does not fit: w_hh is for 2 hidden units and x has 4 inputs, so it "
                "would be [8, 4]"));
  EXPECT_THAT(message_of<ShapeError>([&] { gru(x, {w}); }),
              HasSubstr("gru: w_hh has the axes [3 hidden, hidden]: w_hh [8, 2] f64"));
  EXPECT_THAT(message_of<ValueError>([&] { gru(x, {}); }),
              HasSubstr("gru: takes the weights of each layer, 0 were given"));
  EXPECT_THAT(message_of<ValueError>([&] { gru(x, {g}, {.bidirectional = true}); }),
              HasSubstr("gru: takes the weights of each layer, forward and reverse, 1 were given"));
  EXPECT_THAT(
      message_of<ShapeError>([&] {
        lstm(x, {w}, {.h0 = next({2, 2, 2})});
      }),
      HasSubstr("lstm: h0 has the axes [layers * directions, batch, hidden], and the weights are of 1: "
                "[2, 2, 2] f64"));
  EXPECT_THAT(
      message_of<ShapeError>([&] {
        lstm(x, {w}, {.c0 = next({1, 3, 2})});
      }),
      HasSubstr("lstm: c0 [3, 2] f64 does not fit: x has 2 samples and w_hh is for 2 hidden units, so it "
                "would be [2, 2]"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                lstm(x, {w}, {.lengths = tensor({4, 4, 4}, DType::i64)});
              }),
              HasSubstr("lstm: lengths [3] i64 does not fit: x has 2 samples, so it would be [2]"));
  EXPECT_THAT(message_of<ValueError>([&] {
                lstm(x, {w}, {.lengths = tensor({4, 5}, DType::i64)});
              }),
              HasSubstr("lstm: length 5 at [1] of lengths is outside 0..4: x has 4 steps"));
  EXPECT_THAT(message_of<ValueError>([&] { rnn(x, {next.weights(1, 3, 2)}, {.nonlinearity = "sin"}); }),
              HasSubstr("rnn: the nonlinearity is \"sin\"; it is \"tanh\" or \"relu\""));
  EXPECT_THAT(
      message_of<DtypeError>([&] {
        lstm(tensor({1, 2}, DType::i64), {w});
      }),
      HasSubstr("lstm: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)"));
  EXPECT_THAT(
      message_of<DtypeError>([&] {
        lstm(zeros({4, 2, 3}), {w});
      }),
      HasSubstr("lstm: w_hh [8, 2] f64 has another dtype than it needs: x is of dtype: f32; convert it "
                "with astype()"));
  RecurrentWeights mixed = w;
  mixed.b_hh = next({1});
  EXPECT_THAT(message_of<ShapeError>([&] { lstm(x, {mixed}); }),
              HasSubstr("lstm: the biases have two shapes: b_ih [8] f64, b_hh [1] f64"));
  EXPECT_THAT(message_of<ValueError>([&] { lstm(x, {RecurrentWeights{}}); }), HasSubstr("empty"));
}

TEST(Recurrent, MessagesOfCells) {
  Source next(DType::f64);
  const RecurrentWeights w = next.weights(4, 3, 2);
  const Tensor x = next({5, 3}), h = next({5, 2});
  EXPECT_THAT(message_of<ShapeError>([&] { gru_cell(x, h, w); }),
              HasSubstr("gru_cell: w_hh has the axes [3 hidden, hidden]: w_hh [8, 2] f64"));
  EXPECT_THAT(
      message_of<ShapeError>([&] {
        lstm_cell(x, next({1, 2}), h, w);
      }),
      HasSubstr("lstm_cell: h [1, 2] f64 does not fit: w_hh is for 2 hidden units and input [5, 3] f64, so "
                "it would be [5, 2]"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                lstm_cell(x, h, next({5, 3}), w);
              }),
              HasSubstr("lstm_cell: c [5, 3] f64 does not fit"));
  EXPECT_THAT(
      message_of<ShapeError>([&] {
        lstm_cell(next({5, 4}), h, h, w);
      }),
      HasSubstr("lstm_cell: w_ih [8, 3] f64 does not fit: w_hh is for 2 hidden units and input [5, 4] f64, "
                "so it would be [8, 4]"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                rnn_cell(next({5, 4, 3}), h, next.weights(1, 3, 2));
              }),
              HasSubstr("rnn_cell: takes [batch, inputs] or [inputs]: input [5, 4, 3] f64"));
  EXPECT_THAT(message_of<ValueError>([&] { rnn_cell(x, h, next.weights(1, 3, 2), "sigmoid"); }),
              HasSubstr("rnn_cell: the nonlinearity is \"sigmoid\"; it is \"tanh\" or \"relu\""));
}

}  // namespace
}  // namespace gradus
