// RNN, LSTM, GRU and the cells, against torch.
#include "gradus/nn/recurrent.h"

#include "gradus/nn/init.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/join.h"
#include "gradus/ops/view.h"
#include "gradus/tests/nn/reference.h"

namespace gradus::nn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr RecurrentOptions kDeep{.num_layers = 2, .bidirectional = true, .dtype = DType::f64};

TEST(Recurrent, StackedBidirectionalPackedAsTorch) {
  const Reference r("recurrent", "RNN"), l("recurrent", "LSTM"), g("recurrent", "GRU");
  RNN rnn(3, 2, {.num_layers = 2, .bidirectional = true, .dtype = DType::f64});
  r.check(rnn, [&] {
    const RnnResult y = rnn(r.in("x"), {.h0 = r.in("h0"), .lengths = r.in("lengths")});
    return Outputs{{"y", y.output}, {"h_n", y.h_n}};
  });
  LSTM lstm(3, 2, kDeep);
  l.check(lstm, [&] {
    const LstmResult y = lstm(l.in("x"), {.h0 = l.in("h0"), .c0 = l.in("c0"), .lengths = l.in("lengths")});
    return Outputs{{"y", y.output}, {"h_n", y.h_n}, {"c_n", y.c_n}};
  });
  GRU gru(3, 2, kDeep);
  g.check(gru, [&] {
    const RnnResult y = gru(g.in("x"), {.h0 = g.in("h0"), .lengths = g.in("lengths")});
    return Outputs{{"y", y.output}, {"h_n", y.h_n}};
  });
}

TEST(Recurrent, ProjectedStatesAsTorch) {
  const Reference l("recurrent", "LSTM_proj"), b("recurrent", "LSTM_proj_batch_first"),
      u("recurrent", "LSTM_proj_unbatched");
  LSTM lstm(3, 4, {.num_layers = 2, .bidirectional = true, .proj_size = 2, .dtype = DType::f64});
  l.check(lstm, [&] {
    const LstmResult y = lstm(l.in("x"), {.h0 = l.in("h0"), .c0 = l.in("c0"), .lengths = l.in("lengths")});
    return Outputs{{"y", y.output}, {"h_n", y.h_n}, {"c_n", y.c_n}};
  });
  LSTM batch_first(3, 5, {.bias = false, .batch_first = true, .proj_size = 3, .dtype = DType::f64});
  b.check(batch_first, [&] {
    const LstmResult y = batch_first(b.in("x"));
    return Outputs{{"y", y.output}, {"h_n", y.h_n}, {"c_n", y.c_n}};
  });
  LSTM unbatched(3, 4, {.proj_size = 1, .dtype = DType::f64});
  u.check(unbatched, [&] {
    const LstmResult y = unbatched(u.in("x"), {.h0 = u.in("h0"), .c0 = u.in("c0")});
    return Outputs{{"y", y.output}, {"h_n", y.h_n}, {"c_n", y.c_n}};
  });
}

// A projection by the unit matrix onto all but the last unit, which no gate reads, is no projection.
TEST(Recurrent, AProjectionThatLeavesOutWhatNobodyReadsChangesNothing) {
  LSTM projected(2, 3, {.proj_size = 2, .dtype = DType::f64}), plain(2, 3, {.dtype = DType::f64});
  NamedTensors state = projected.state_dict();
  for (NamedTensor& t : state) {
    if (t.name == "weight_hr_l0") t.tensor = eye(2, 3, {.dtype = DType::f64});
    if (t.name == "weight_hh_l0") t.tensor = full({12, 2}, 0.25, DType::f64);
  }
  projected.load_state_dict(state);
  std::erase_if(state, [](const NamedTensor& t) { return t.name == "weight_hr_l0"; });
  for (NamedTensor& t : state) {
    if (t.name == "weight_hh_l0") t.tensor = concat({t.tensor, zeros({12, 1}, DType::f64)}, 1);
  }
  plain.load_state_dict(state);
  const Tensor x = init::normal_(empty({5, 2, 2}, DType::f64));
  const Tensor lengths = tensor({0, 5}, DType::i64), h0 = init::normal_(empty({1, 2, 2}, DType::f64));
  const LstmResult a = projected(x, {.h0 = h0, .lengths = lengths});
  const LstmResult b = plain(x, {.h0 = concat({h0, zeros({1, 2, 1}, DType::f64)}, 2), .lengths = lengths});
  expect_near(a.output, slice(b.output, 2, 0, 2), "output");
  expect_near(a.h_n, slice(b.h_n, 2, 0, 2), "h_n");  // of the sample without steps: h0
  expect_near(a.c_n, b.c_n, "c_n");
}

TEST(Recurrent, ReluWithoutBiasBatchFirst) {
  const Reference r("recurrent", "RNN_relu");
  RNN rnn(3, 4, {.nonlinearity = "relu", .bias = false, .batch_first = true, .dtype = DType::f64});
  r.check(rnn, [&] {
    const RnnResult y = rnn(r.in("x"));
    return Outputs{{"y", y.output}, {"h_n", y.h_n}};
  });
}

TEST(Recurrent, CellsAsTorch) {
  const Reference r("recurrent", "RNNCell"), g("recurrent", "GRUCell"), l("recurrent", "LSTMCell");
  RNNCell rnn(3, 2, {.dtype = DType::f64});
  r.check(rnn, [&] { return Outputs{{"h", rnn(r.in("x"), r.in("h"))}}; });
  GRUCell gru(3, 2, {.dtype = DType::f64});
  g.check(gru, [&] { return Outputs{{"h", gru(g.in("x"), g.in("h"))}}; });
  LSTMCell lstm(3, 2, {.dtype = DType::f64});
  l.check(lstm, [&] {
    const LstmState s = lstm(l.in("x"), {l.in("h"), l.in("c")});
    return Outputs{{"h", s.h}, {"c", s.c}};
  });
}

TEST(Recurrent, StatesLeftOutAreZeros) {
  const LSTMCell cell(3, 2);
  const Tensor x = full({4, 3}, 0.5), zero = zeros({4, 2});
  EXPECT_EQ(cell(x).c.to_vector<float>(), cell(x, {zero, zero}).c.to_vector<float>());
  EXPECT_TRUE((GRUCell(3, 2)(full({3}, 0.5)).shape() == Shape{2}));
}

TEST(Recurrent, NamesOfParameters) {
  std::vector<std::string> names;
  for (const NamedTensor& p :
       GRU(3, 2, {.num_layers = 2, .bias = false, .bidirectional = true}).named_parameters()) {
    names.push_back(p.name);
  }
  EXPECT_THAT(names,
              ElementsAre("weight_ih_l0", "weight_hh_l0", "weight_ih_l0_reverse", "weight_hh_l0_reverse",
                          "weight_ih_l1", "weight_hh_l1", "weight_ih_l1_reverse", "weight_hh_l1_reverse"));
  const LSTM lstm(3, 2);
  EXPECT_TRUE((lstm.cells[0].weight_ih.shape() == Shape{8, 3}));
  EXPECT_EQ(to_string(LSTM(3, 2, {.num_layers = 2, .dropout = 0.5})),
            "LSTM(3, 2, num_layers=2, dropout=0.5)");
  EXPECT_EQ(to_string(LSTM(3, 4, {.num_layers = 2, .proj_size = 2})),
            "LSTM(3, 4, proj_size=2, num_layers=2)");
}

TEST(Recurrent, StartWithinTheBoundOfTheHiddenSize) {
  Generator g{.seed = 4};
  const LSTM lstm(7, 16, {.generator = &g});
  for (const Tensor& p : lstm.parameters()) {
    double most = 0;
    for (const float v : p.to_vector<float>()) most = std::max(most, std::abs(static_cast<double>(v)));
    EXPECT_LE(most, 0.25 * (1 + 1e-6));
    EXPECT_GT(most, 0.25 * 0.8);
  }
}

TEST(Recurrent, DropoutActsBetweenLayersInTrainingOnly) {
  GRU gru(3, 8, {.num_layers = 2, .dropout = 0.5});
  const Tensor x = full({4, 2, 3}, 0.5);
  EXPECT_NE(gru(x).output.to_vector<float>(), gru(x).output.to_vector<float>());
  gru.eval();
  EXPECT_EQ(gru(x).output.to_vector<float>(), gru(x).output.to_vector<float>());
}

TEST(Recurrent, CopiesAreDeep) {
  RNN rnn(3, 2);
  expect_deep_copy(rnn);
  LSTM lstm(3, 2, {.num_layers = 2, .bidirectional = true});
  expect_deep_copy(lstm);
  LSTM projected(3, 4, {.proj_size = 2});
  expect_deep_copy(projected);
  GRU gru(3, 2, {.bias = false});
  expect_deep_copy(gru);
  RNNCell a(3, 2);
  expect_deep_copy(a);
  LSTMCell b(3, 2);
  expect_deep_copy(b);
  GRUCell c(3, 2);
  expect_deep_copy(c);
}

TEST(Recurrent, BadInput) {
  EXPECT_THAT(message_of<ValueError>([] { LSTM(3, 2, {.dropout = 0.5}); }),
              HasSubstr("LSTM: dropout is 0.5 with num_layers = 1; it acts between layers"));
  EXPECT_THAT(message_of<ValueError>([] { GRU(3, 0); }),
              HasSubstr("GRU: hidden_size is 0; it must be 1 at least"));
  EXPECT_THAT(message_of<ValueError>([] { RNN(3, 2, {.nonlinearity = "gelu"}); }),
              HasSubstr("RNN: nonlinearity is \"gelu\"; it is \"tanh\" or \"relu\""));
  EXPECT_THROW(LSTM(3, 2, {.num_layers = 2, .dropout = 1.0}), ValueError);
  EXPECT_THROW(LSTMCell(3, 2, {.dtype = DType::i64}), DtypeError);
  EXPECT_THROW(GRUCell(3, 2)(full({4, 5}, 1.0)), ShapeError);
  EXPECT_THROW(LSTM(3, 2)(full({4, 2, 5}, 1.0)), ShapeError);
  EXPECT_THAT(message_of<ValueError>([] { GRU(3, 4, {.proj_size = 2}); }),
              HasSubstr("GRU: proj_size is 2; only LSTM projects its states"));
  EXPECT_THAT(
      message_of<ValueError>([] { LSTM(3, 4, {.proj_size = 4}); }),
      HasSubstr("LSTM: proj_size is 4; it must be less than hidden_size = 4, or 0 for no projection"));
  EXPECT_THROW(LSTM(3, 4, {.proj_size = -1}), ValueError);
  const LSTM projected(3, 4, {.proj_size = 2});
  const Tensor x = full({5, 2, 3}, 1.0);
  EXPECT_THAT(message_of<ShapeError>([&] {
                projected(x, {.h0 = zeros({1, 2, 4})});
              }),
              HasSubstr("lstm: h0 has the axes [layers * directions, batch, proj_size], here [1, 2, 2]: "
                        "[1, 2, 4] f32"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                projected(x, {.c0 = zeros({1, 2, 2})});
              }),
              HasSubstr("lstm: c0 has the axes [layers * directions, batch, hidden_size], here [1, 2, 4]: "
                        "[1, 2, 2] f32"));
  EXPECT_THROW(projected(full({3}, 1.0)), ShapeError);
  EXPECT_THROW(projected(x, {.lengths = tensor({6, 1}, DType::i64)}), ValueError);
  EXPECT_THROW(projected(x, {.h0 = zeros({1, 2, 2}), .lengths = tensor({1}, DType::i64)}), ShapeError);
}

}  // namespace
}  // namespace gradus::nn
