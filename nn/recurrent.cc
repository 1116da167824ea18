#include "gradus/nn/recurrent.h"

#include "gradus/base/format.h"
#include "gradus/nn/start.h"
#include "gradus/ops/creation.h"

namespace gradus::nn {
namespace {

RecurrentOptions common(const RNNOptions& o) {
  return {.num_layers = o.num_layers,
          .bias = o.bias,
          .batch_first = o.batch_first,
          .dropout = o.dropout,
          .bidirectional = o.bidirectional,
          .dtype = o.dtype,
          .generator = o.generator};
}

void check_nonlinearity(const char* layer, std::string_view word, Location where) {
  if (word == "tanh" || word == "relu") return;
  throw_error<ValueError>(where, layer, "nonlinearity is \"{}\"; it is \"tanh\" or \"relu\"", word);
}

}  // namespace

RecurrentBase::RecurrentBase(const char* layer, int gates, std::int64_t input_size, std::int64_t hidden_size,
                             const RecurrentOptions& o, Location where)
    : input_size(input_size),
      hidden_size(hidden_size),
      num_layers(o.num_layers),
      batch_first(o.batch_first),
      bidirectional(o.bidirectional),
      dropout(o.dropout) {
  check_sizes(layer, {{"input_size", input_size}, {"hidden_size", hidden_size}, {"num_layers", num_layers}},
              where, 1);
  if (!(dropout >= 0 && dropout < 1)) {
    throw_error<ValueError>(where, layer, "dropout is {}; it must be >= 0 and < 1", dropout);
  }
  if (dropout > 0 && num_layers == 1) {
    throw_error<ValueError>(
        where, layer,
        "dropout is {} with num_layers = 1; it acts between layers, so it would do nothing: "
        "put a Dropout behind the module",
        dropout);
  }
  const std::int64_t directions = bidirectional ? 2 : 1;
  const auto start = [&](const Shape& shape) {
    return start_uniform(shape, hidden_size, o.dtype, o.generator, where);
  };
  for (std::int64_t l = 0; l < num_layers; ++l) {
    const std::int64_t inputs = l == 0 ? input_size : directions * hidden_size;
    for (std::int64_t d = 0; d < directions; ++d) {
      Cell& c = cells.emplace_back();
      c.weight_ih = start({gates * hidden_size, inputs});
      c.weight_hh = start({gates * hidden_size, hidden_size});
      if (!o.bias) continue;
      c.bias_ih = start({gates * hidden_size});
      c.bias_hh = start({gates * hidden_size});
    }
  }
}

void RecurrentBase::visit_members(MemberVisitor& visitor) {
  const std::size_t directions = bidirectional ? 2 : 1;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string suffix = fmt::format("_l{}{}", i / directions, i % directions == 1 ? "_reverse" : "");
    visitor.member("weight_ih" + suffix, cells[i].weight_ih);
    visitor.member("weight_hh" + suffix, cells[i].weight_hh);
    visitor.member("bias_ih" + suffix, cells[i].bias_ih);
    visitor.member("bias_hh" + suffix, cells[i].bias_hh);
  }
}

std::string RecurrentBase::options_text() const {
  std::string text = fmt::format("{}, {}", input_size, hidden_size);
  if (num_layers != 1) text += fmt::format(", num_layers={}", num_layers);
  if (!cells.empty() && !cells[0].bias_ih.defined()) text += ", bias=False";
  if (batch_first) text += ", batch_first=True";
  if (dropout != 0) text += fmt::format(", dropout={}", dropout);
  if (bidirectional) text += ", bidirectional=True";
  return text;
}

std::vector<RecurrentWeights> RecurrentBase::weights() const {
  std::vector<RecurrentWeights> out;
  for (const Cell& c : cells) {
    out.push_back({c.weight_ih.share(), c.weight_hh.share(), c.bias_ih.share(), c.bias_hh.share()});
  }
  return out;
}

RNN::RNN(std::int64_t input_size, std::int64_t hidden_size, const RNNOptions& o, Location where)
    : RecurrentBase("RNN", 1, input_size, hidden_size, common(o), where), nonlinearity(o.nonlinearity) {
  check_nonlinearity("RNN", nonlinearity, where);
}

RnnResult RNN::operator()(Operand x, const RecurrentCall& call) const {
  return with_hooks(*this, x, [&](Operand in) {
    return rnn(in, weights(),
               {.nonlinearity = nonlinearity,
                .h0 = call.h0,
                .lengths = call.lengths,
                .batch_first = batch_first,
                .bidirectional = bidirectional,
                .dropout = dropout,
                .training = training()});
  });
}

LSTM::LSTM(std::int64_t input_size, std::int64_t hidden_size, const RecurrentOptions& o, Location where)
    : RecurrentBase("LSTM", 4, input_size, hidden_size, o, where) {}

LstmResult LSTM::operator()(Operand x, const LSTMCall& call) const {
  return with_hooks(*this, x, [&](Operand in) {
    return lstm(in, weights(),
                {.h0 = call.h0,
                 .c0 = call.c0,
                 .lengths = call.lengths,
                 .batch_first = batch_first,
                 .bidirectional = bidirectional,
                 .dropout = dropout,
                 .training = training()});
  });
}

GRU::GRU(std::int64_t input_size, std::int64_t hidden_size, const RecurrentOptions& o, Location where)
    : RecurrentBase("GRU", 3, input_size, hidden_size, o, where) {}

RnnResult GRU::operator()(Operand x, const RecurrentCall& call) const {
  return with_hooks(*this, x, [&](Operand in) {
    return gru(in, weights(),
               {.h0 = call.h0,
                .lengths = call.lengths,
                .batch_first = batch_first,
                .bidirectional = bidirectional,
                .dropout = dropout,
                .training = training()});
  });
}

CellBase::CellBase(const char* layer, int gates, std::int64_t input_size, std::int64_t hidden_size,
                   const CellOptions& o, Location where)
    : input_size(input_size), hidden_size(hidden_size) {
  check_sizes(layer, {{"input_size", input_size}, {"hidden_size", hidden_size}}, where, 1);
  const auto start = [&](const Shape& shape) {
    return start_uniform(shape, hidden_size, o.dtype, o.generator, where);
  };
  weight_ih = start({gates * hidden_size, input_size});
  weight_hh = start({gates * hidden_size, hidden_size});
  if (!o.bias) return;
  bias_ih = start({gates * hidden_size});
  bias_hh = start({gates * hidden_size});
}

std::string CellBase::options_text() const {
  return fmt::format("{}, {}{}", input_size, hidden_size, bias_ih.defined() ? "" : ", bias=False");
}

RecurrentWeights CellBase::cell_weights() const {
  return {weight_ih.share(), weight_hh.share(), bias_ih.share(), bias_hh.share()};
}

Tensor CellBase::state_or_zeros(const Tensor& given, const Operand& x) const {
  if (given.defined()) return given;
  Shape s = Tensor::share(x.impl).shape();
  if (s.rank() == 0) return zeros(s, x.dtype(), x.where);  // which the cell refuses
  s[s.rank() - 1] = hidden_size;
  return zeros(s, x.dtype(), x.where);
}

RNNCell::RNNCell(std::int64_t input_size, std::int64_t hidden_size, const RNNCellOptions& o, Location where)
    : CellBase("RNNCell", 1, input_size, hidden_size,
               {.bias = o.bias, .dtype = o.dtype, .generator = o.generator}, where),
      nonlinearity(o.nonlinearity) {
  check_nonlinearity("RNNCell", nonlinearity, where);
}

Tensor RNNCell::operator()(Operand x, const Tensor& h) const {
  return with_hooks(*this, x, [&](Operand in) {
    return rnn_cell(in, Operand(state_or_zeros(h, in), in.where), cell_weights(), nonlinearity);
  });
}

LSTMCell::LSTMCell(std::int64_t input_size, std::int64_t hidden_size, const CellOptions& o, Location where)
    : CellBase("LSTMCell", 4, input_size, hidden_size, o, where) {}

LstmState LSTMCell::operator()(Operand x, const LstmState& state) const {
  return with_hooks(*this, x, [&](Operand in) {
    const Tensor h = state_or_zeros(state.h, in), c = state_or_zeros(state.c, in);
    return lstm_cell(in, Operand(h, in.where), Operand(c, in.where), cell_weights());
  });
}

GRUCell::GRUCell(std::int64_t input_size, std::int64_t hidden_size, const CellOptions& o, Location where)
    : CellBase("GRUCell", 3, input_size, hidden_size, o, where) {}

Tensor GRUCell::operator()(Operand x, const Tensor& h) const {
  return with_hooks(*this, x, [&](Operand in) {
    return gru_cell(in, Operand(state_or_zeros(h, in), in.where), cell_weights());
  });
}

}  // namespace gradus::nn
