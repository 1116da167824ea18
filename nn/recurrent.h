// Recurrent networks over sequences (RNN, LSTM, GRU) and their single steps (the cells). Formulas, the order
// of the gates and the shapes of inputs and states: ops/recurrent.h. All parameters start uniform in
// +-1/sqrt(hidden_size).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gradus/base/random.h"
#include "gradus/nn/unary_module.h"
#include "gradus/ops/recurrent.h"

namespace gradus::nn {

struct RecurrentOptions {
  std::int64_t num_layers = 1;
  bool bias = true;
  bool batch_first = false;  // inputs and outputs have the axes [N, T, ...]
  double dropout = 0;        // between layers, in training
  bool bidirectional = false;
  std::int64_t proj_size = 0;  // of LSTM alone: its states h and outputs are projected to this size
  DType dtype = DType::f32;
  Generator* generator = nullptr;  // of the initial values
};
struct RNNOptions {
  std::int64_t num_layers = 1;
  std::string_view nonlinearity = "tanh";  // or "relu"
  bool bias = true;
  bool batch_first = false;
  double dropout = 0;
  bool bidirectional = false;
  DType dtype = DType::f32;
  Generator* generator = nullptr;
};

// What RNN, LSTM and GRU have in common: their parameters, weight_ih_l0, weight_hh_l0, bias_ih_l0,
// bias_hh_l0 (weight_hr_l0), the same with _reverse where bidirectional, then those of layer 1, and so on.
struct RecurrentBase : Module {
  struct Cell {
    Parameter weight_ih;  // [gates hidden_size, inputs]
    Parameter weight_hh;  // [gates hidden_size, size of h]
    Parameter bias_ih;    // [gates hidden_size], or undefined
    Parameter bias_hh;
    Parameter weight_hr;  // [proj_size, hidden_size], or undefined
  };
  std::vector<Cell> cells;  // layer 0 forward, (layer 0 reverse,) layer 1 forward, ...

  void visit_members(MemberVisitor& visitor) override;
  std::string options_text() const override;

  std::int64_t input_size, hidden_size, num_layers, proj_size;
  bool batch_first, bidirectional;
  double dropout;

 protected:
  // Errors: ValueError for sizes below 1, dropout outside [0, 1), dropout with a single layer, where it would
  // do nothing, a proj_size that is negative, not less than hidden_size, or given to another than LSTM;
  // DtypeError.
  RecurrentBase(const char* layer, int gates, std::int64_t input_size, std::int64_t hidden_size,
                const RecurrentOptions& options, Location where);
  std::vector<RecurrentWeights> weights() const;
};

// With `lengths` (i64 [N]) sample n has lengths[n] steps; see ops/recurrent.h.
struct RecurrentCall {
  Tensor h0 = {};  // [layers * directions, N, H]; zeros
  Tensor lengths = {};
};

// Errors of calls: those of rnn(), lstm() and gru().
struct RNN : RecurrentBase {
  RNN(std::int64_t input_size, std::int64_t hidden_size, const RNNOptions& options = {},
      Location where = Location::current());
  RnnResult operator()(Operand x, const RecurrentCall& call = {}) const;

  std::string nonlinearity;
};

struct LSTMCall {
  Tensor h0 = {}, c0 = {};
  Tensor lengths = {};
};
// With proj_size > 0 (Sak, Senior, Beaufays: "Long short-term memory based recurrent neural network
// architectures for large vocabulary speech recognition", 2014): h' = W_hr (o tanh(c')), so that h, h0, h_n
// and the output have proj_size features, c, c0 and c_n hidden_size.
struct LSTM : RecurrentBase {
  LSTM(std::int64_t input_size, std::int64_t hidden_size, const RecurrentOptions& options = {},
       Location where = Location::current());
  LstmResult operator()(Operand x, const LSTMCall& call = {}) const;

 private:
  LstmResult projected(Operand x, const LSTMCall& call) const;
};

struct GRU : RecurrentBase {
  GRU(std::int64_t input_size, std::int64_t hidden_size, const RecurrentOptions& options = {},
      Location where = Location::current());
  RnnResult operator()(Operand x, const RecurrentCall& call = {}) const;
};

struct CellOptions {
  bool bias = true;
  DType dtype = DType::f32;
  Generator* generator = nullptr;
};
struct RNNCellOptions {
  bool bias = true;
  std::string_view nonlinearity = "tanh";
  DType dtype = DType::f32;
  Generator* generator = nullptr;
};

// One step: x [N, input_size] (or without N) and a state, zeros where it is left out, give the next state.
struct CellBase : Module {
  Parameter weight_ih, weight_hh, bias_ih, bias_hh;
  GRADUS_MEMBERS(weight_ih, weight_hh, bias_ih, bias_hh)
  std::string options_text() const override;

  std::int64_t input_size, hidden_size;

 protected:
  CellBase(const char* layer, int gates, std::int64_t input_size, std::int64_t hidden_size,
           const CellOptions& options, Location where);
  RecurrentWeights cell_weights() const;
  Tensor state_or_zeros(const Tensor& given, const Operand& x) const;
};

struct RNNCell : CellBase {
  RNNCell(std::int64_t input_size, std::int64_t hidden_size, const RNNCellOptions& options = {},
          Location where = Location::current());
  Tensor operator()(Operand x, const Tensor& h = {}) const;

  std::string nonlinearity;
};
struct LSTMCell : CellBase {
  LSTMCell(std::int64_t input_size, std::int64_t hidden_size, const CellOptions& options = {},
           Location where = Location::current());
  LstmState operator()(Operand x, const LstmState& state = {}) const;
};
struct GRUCell : CellBase {
  GRUCell(std::int64_t input_size, std::int64_t hidden_size, const CellOptions& options = {},
          Location where = Location::current());
  Tensor operator()(Operand x, const Tensor& h = {}) const;
};

}  // namespace gradus::nn
