#include "gradus/nn/recurrent.h"

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/nn/start.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/join.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/random.h"
#include "gradus/ops/view.h"

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
      proj_size(o.proj_size),
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
  if (proj_size != 0 && gates != 4) {
    throw_error<ValueError>(where, layer, "proj_size is {}; only LSTM projects its states", proj_size);
  }
  if (proj_size < 0 || proj_size >= hidden_size) {
    throw_error<ValueError>(where, layer,
                            "proj_size is {}; it must be less than hidden_size = {}, or 0 for no projection",
                            proj_size, hidden_size);
  }
  const std::int64_t directions = bidirectional ? 2 : 1,
                     state_size = proj_size == 0 ? hidden_size : proj_size;
  const auto start = [&](const Shape& shape) {
    return start_uniform(shape, hidden_size, o.dtype, o.generator, where);
  };
  for (std::int64_t l = 0; l < num_layers; ++l) {
    const std::int64_t inputs = l == 0 ? input_size : directions * state_size;
    for (std::int64_t d = 0; d < directions; ++d) {
      Cell& c = cells.emplace_back();
      c.weight_ih = start({gates * hidden_size, inputs});
      c.weight_hh = start({gates * hidden_size, state_size});
      if (o.bias) {
        c.bias_ih = start({gates * hidden_size});
        c.bias_hh = start({gates * hidden_size});
      }
      if (proj_size != 0) c.weight_hr = start({proj_size, hidden_size});
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
    visitor.member("weight_hr" + suffix, cells[i].weight_hr);
  }
}

std::string RecurrentBase::options_text() const {
  std::string text = fmt::format("{}, {}", input_size, hidden_size);
  if (proj_size != 0) text += fmt::format(", proj_size={}", proj_size);
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
    if (proj_size != 0) return projected(in, call);
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

// Note [Projected states]. The gates read W_hh h = (W_hh W_hr) (o tanh(c)), so a layer is one without
// projection whose recurrent weight is that product, and W_hr is applied to all its outputs at once. The
// first step alone has an h that is no such projection, h0: it comes in beside the input, with the weight
// W_hh, at the step that is a sample's first in each direction, and as zeros at all others.
LstmResult LSTM::projected(Operand input, const LSTMCall& call) const {
  const Location where = input.where;
  Tensor x = Tensor::share(input.impl);
  const bool unbatched = x.rank() == 2;
  if (x.rank() != 3 && !unbatched) {
    throw_error<ShapeError>(where, "lstm", "takes {} or [steps, inputs]: input {}",
                            batch_first ? "[batch, steps, inputs]" : "[steps, batch, inputs]", describe(x));
  }
  Tensor h0 = call.h0, c0 = call.c0;
  if (unbatched) {
    x = unsqueeze(Operand(x, where), 1);
    if (h0.defined()) h0 = unsqueeze(Operand(h0, where), 1);
    if (c0.defined()) c0 = unsqueeze(Operand(c0, where), 1);
  } else if (batch_first) {
    x = transpose(Operand(x, where), 0, 1);
  }
  const std::int64_t steps = x.size(0), batch = x.size(1), directions = bidirectional ? 2 : 1;
  const auto require = [&](const char* name, const Tensor& t, std::int64_t features) {
    const Shape fits{num_layers * directions, batch, features};
    if (!t.defined() || t.shape() == fits) return;
    throw_error<ShapeError>(where, "lstm", "{} has the axes [layers * directions, batch, {}], here {}: {}",
                            name, features == proj_size ? "proj_size" : "hidden_size", format_shape(fits),
                            describe(t));
  };
  require("h0", h0, proj_size);
  require("c0", c0, hidden_size);

  // bool [steps, batch, 1] for each direction: a sample's first step.
  Tensor first[2], empty_samples;
  if (h0.defined()) {
    const Tensor t = reshape(arange(steps), {steps, 1, 1});
    first[0] = eq(t, zeros({batch, 1}, DType::i64));
    first[1] = eq(t, full({batch, 1}, steps - 1, DType::i64));
    if (call.lengths.defined() && call.lengths.dtype() == DType::i64 &&
        call.lengths.shape() == Shape{batch}) {
      first[1] = eq(t, reshape(call.lengths - 1, {batch, 1}));
      empty_samples = eq(reshape(call.lengths, {1, batch, 1}), 0);
    }
  }

  std::vector<Tensor> h_n, c_n;
  for (std::int64_t l = 0; l < num_layers; ++l) {
    const std::int64_t begin = l * directions;
    std::vector<RecurrentWeights> w;
    std::vector<Tensor> wide = {x};
    for (std::int64_t d = 0; d < directions; ++d) {
      const Cell& c = cells[static_cast<std::size_t>(begin + d)];
      RecurrentWeights& r = w.emplace_back();
      r.w_ih = c.weight_ih.share();
      r.w_hh = matmul(Operand(c.weight_hh, where), Operand(c.weight_hr, where));
      r.b_ih = c.bias_ih.share();
      r.b_hh = c.bias_hh.share();
      if (!h0.defined()) continue;
      const Tensor none = zeros(c.weight_hh.shape(), x.dtype());
      std::vector<Tensor> parts(static_cast<std::size_t>(1 + directions), none);
      parts[0] = r.w_ih;
      parts[static_cast<std::size_t>(1 + d)] = c.weight_hh.share();
      r.w_ih = concat(parts, 1, where);
      wide.push_back(gradus::where(first[d], select(h0, 0, begin + d), 0.0));
    }
    if (h0.defined()) x = concat(wide, 2, where);
    const LstmResult y = lstm(Operand(x, where), w,
                              {.c0 = c0.defined() ? slice(c0, 0, begin, begin + directions) : Tensor(),
                               .lengths = call.lengths,
                               .bidirectional = bidirectional});
    c_n.push_back(y.c_n);
    std::vector<Tensor> out;
    for (std::int64_t d = 0; d < directions; ++d) {
      const Operand w_hr(cells[static_cast<std::size_t>(begin + d)].weight_hr, where);
      out.push_back(linear(slice(y.output, 2, d * hidden_size, (d + 1) * hidden_size), w_hr));
      Tensor last = linear(slice(y.h_n, 0, d, d + 1), w_hr);
      if (empty_samples.defined())
        last = gradus::where(empty_samples, slice(h0, 0, begin + d, begin + d + 1), last);
      h_n.push_back(std::move(last));
    }
    x = directions == 1 ? out[0] : concat(out, 2, where);
    if (l + 1 < num_layers) x = gradus::dropout(Operand(x, where), dropout, training());
  }
  LstmResult r{x, concat(h_n, 0, where), concat(c_n, 0, where)};
  if (unbatched) {
    r.output = squeeze(r.output, {1});
    r.h_n = squeeze(r.h_n, {1});
    r.c_n = squeeze(r.c_n, {1});
  } else if (batch_first) {
    r.output = transpose(r.output, 0, 1);
  }
  return r;
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
