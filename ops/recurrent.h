// Recurrent networks as functions: one step (cells) and whole sequences, with the formulas, the order of the
// gates and the shapes of torch.nn.RNN, LSTM and GRU. f32 and f64.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>

#include "gradus/base/random.h"
#include "gradus/graph/apply.h"

namespace gradus {

// The parameters of one layer in one direction. The rows of the weights are those of the gates, one gate
// below the other: lstm i f g o (4 hidden rows), gru r z n (3 hidden), rnn the units themselves. The biases
// may be left out.
struct RecurrentWeights {
  Tensor w_ih;  // [gates hidden, inputs]
  Tensor w_hh;  // [gates hidden, hidden]
  Tensor b_ih;  // [gates hidden]
  Tensor b_hh;
};

struct LstmState {
  Tensor h, c;
};

// One step: input [N, I] (or [I]) and states [N, H] (or [H]) give the next states.
//   rnn   h' = tanh(W_ih x + b_ih + W_hh h + b_hh); relu in place of tanh where nonlinearity = "relu"
//   lstm  i, f, o = sigmoid, g = tanh of the same sum; c' = f c + i g; h' = o tanh(c')
//   gru   r, z = sigmoid of the same sum; n = tanh(W_in x + b_in + r (W_hn h + b_hn)); h' = (1 - z) n + z h
// Nothing broadcasts. Errors: ShapeError, DtypeError; ValueError for another word than "tanh" and "relu".
Tensor rnn_cell(Operand input, Operand h, const RecurrentWeights& weights,
                std::string_view nonlinearity = "tanh");
LstmState lstm_cell(Operand input, Operand h, Operand c, const RecurrentWeights& weights);
Tensor gru_cell(Operand input, Operand h, const RecurrentWeights& weights);

// With `lengths`, i64 [N] of 0..T, sample n has lengths[n] steps: what is behind them changes no state and
// its output is 0; the reverse direction begins with a sample's own last step. `dropout` acts between layers,
// and only in `training`.
struct RnnOptions {
  std::string_view nonlinearity = "tanh";  // or "relu"
  Tensor h0 = {};                          // [layers * directions, N, H]; zeros
  Tensor lengths = {};
  bool batch_first = false;  // input and output have the axes [N, T, ...]
  bool bidirectional = false;
  double dropout = 0;
  bool training = true;
  Generator* generator = nullptr;  // of the dropout; nullptr: the default one
};
struct LstmOptions {
  Tensor h0 = {}, c0 = {};  // [layers * directions, N, H]; zeros
  Tensor lengths = {};
  bool batch_first = false;
  bool bidirectional = false;
  double dropout = 0;
  bool training = true;
  Generator* generator = nullptr;
};
struct GruOptions {
  Tensor h0 = {};
  Tensor lengths = {};
  bool batch_first = false;
  bool bidirectional = false;
  double dropout = 0;
  bool training = true;
  Generator* generator = nullptr;
};

struct RnnResult {
  Tensor output;  // [T, N, directions * H], of the last layer
  Tensor h_n;     // [layers * directions, N, H]
};
struct LstmResult {
  Tensor output, h_n, c_n;
};

// A sequence [T, N, I], or [T, I] without the batch axis everywhere. `weights` has one entry for each layer,
// with `bidirectional` two: layer 0 forward, layer 0 reverse, layer 1 forward, ... A layer's directions stand
// side by side in its output, which is the input of the next one. Errors: ShapeError, DtypeError; ValueError
// for lengths out of range and as in the cells.
RnnResult rnn(Operand input, std::span<const RecurrentWeights> weights, const RnnOptions& options = {});
LstmResult lstm(Operand input, std::span<const RecurrentWeights> weights, const LstmOptions& options = {});
RnnResult gru(Operand input, std::span<const RecurrentWeights> weights, const GruOptions& options = {});

inline RnnResult rnn(Operand input, std::initializer_list<RecurrentWeights> weights,
                     const RnnOptions& options = {}) {
  return rnn(input, std::span(weights.begin(), weights.size()), options);
}
inline LstmResult lstm(Operand input, std::initializer_list<RecurrentWeights> weights,
                       const LstmOptions& options = {}) {
  return lstm(input, std::span(weights.begin(), weights.size()), options);
}
inline RnnResult gru(Operand input, std::initializer_list<RecurrentWeights> weights,
                     const GruOptions& options = {}) {
  return gru(input, std::span(weights.begin(), weights.size()), options);
}

}  // namespace gradus
