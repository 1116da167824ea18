// Several layers, two directions, dropout between layers, and the forms in which a sequence comes: what rnn,
// lstm and gru do around their ops.
#include <vector>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/join.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/random.h"
#include "gradus/ops/recurrent/layer.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

// The hidden units of a weight; where it is none, the op says so.
std::int64_t hidden_of(const RecurrentWeights& w) {
  return w.w_hh.defined() && w.w_hh.rank() == 2 ? w.w_hh.shape()[1] : 0;
}

// One state [N, H] for each layer and direction, from [L * D, N, H] or zeros.
class States {
 public:
  States(const char* op, const char* name, const Tensor& given, std::span<const RecurrentWeights> weights,
         const Tensor& x, bool unbatched, At at)
      : weights_(weights), x_(x), at_(at) {
    if (!given.defined()) return;
    const int rank = unbatched ? 2 : 3;
    if (given.rank() != rank || given.shape()[0] != static_cast<std::int64_t>(weights.size())) {
      throw_error<ShapeError>(
          at.where, op, "{} has the axes [layers * directions, {}hidden], and the weights are of {}: {}",
          name, unbatched ? "" : "batch, ", weights.size(), describe(given));
    }
    all_ = unbatched ? unsqueeze(at(given), 1) : given;
  }

  Tensor operator[](std::size_t i) const {
    if (all_.defined()) return select(at_(all_), 0, static_cast<std::int64_t>(i));
    return zeros({x_.shape()[1], hidden_of(weights_[i])}, x_.dtype(), at_.where);
  }

 private:
  std::span<const RecurrentWeights> weights_;
  const Tensor& x_;
  At at_;
  Tensor all_;
};

// bool [T, N, 1]: the steps that a sample has.
Tensor steps_of(const Tensor& lengths, std::int64_t steps) {
  const std::vector<std::int64_t> v = lengths.to_vector<std::int64_t>();
  const auto batch = static_cast<std::int64_t>(v.size());
  Tensor mask = empty({steps, batch, 1}, DType::boolean);
  auto* m = static_cast<std::uint8_t*>(mask.view().data);
  for (std::int64_t t = 0; t < steps; ++t) {
    for (std::int64_t n = 0; n < batch; ++n) m[t * batch + n] = t < v[static_cast<std::size_t>(n)];
  }
  return mask;
}

}  // namespace

LstmResult run_layers(const Operand& input, std::span<const RecurrentWeights> weights,
                      const SequenceArgs& args, FunctionRef<LayerStates(const LayerCall&)> run) {
  const At at{input.where};
  Tensor x = held(input);
  if (!is_floating(x.dtype())) {
    throw_error<DtypeError>(at.where, args.op,
                            "takes floating-point numbers: input {}; convert it with astype(x, DType::f32)",
                            describe(x));
  }
  const bool unbatched = x.rank() == 2;
  if (!unbatched && x.rank() != 3) {
    throw_error<ShapeError>(at.where, args.op, "takes {} or [steps, inputs]: input {}",
                            args.batch_first ? "[batch, steps, inputs]" : "[steps, batch, inputs]",
                            describe(x));
  }
  const std::size_t directions = args.bidirectional ? 2 : 1;
  if (weights.empty() || weights.size() % directions != 0) {
    throw_error<ValueError>(at.where, args.op, "takes the weights of each layer{}, {} were given",
                            args.bidirectional ? ", forward and reverse" : "", weights.size());
  }
  if (unbatched)
    x = unsqueeze(at(x), 1);
  else if (args.batch_first)
    x = transpose(at(x), 0, 1);
  const std::int64_t steps = x.shape()[0], batch = x.shape()[1];

  Tensor lengths = args.lengths;
  if (!lengths.defined()) lengths = full({batch}, steps, DType::i64, at.where);
  const States h0(args.op, "h0", args.h0, weights, x, unbatched, at);
  const States c0(args.op, "c0", args.c0, weights, x, unbatched, at);

  std::vector<Tensor> h_n, c_n;
  for (std::size_t first = 0; first < weights.size(); first += directions) {
    std::vector<Tensor> outputs;
    for (std::size_t i = first; i < first + directions; ++i) {
      const bool reverse = i != first;
      const Tensor h = h0[i], c = args.has_cell ? c0[i] : Tensor();
      const LayerStates s = run({x, weights[i], h, c, lengths, reverse});
      outputs.push_back(s.h);
      const std::int64_t last = reverse ? 0 : steps - 1;
      h_n.push_back(select(at(s.h), 0, last));
      if (args.has_cell) c_n.push_back(select(at(s.c), 0, last));
    }
    x = directions == 1 ? outputs[0] : concat(outputs, 2, at.where);
    if (args.lengths.defined()) x = where(at(steps_of(lengths, steps)), at(x), 0.0);
    if (first + directions < weights.size()) x = dropout(at(x), args.dropout, args.training, args.generator);
  }

  LstmResult r{x, stack(h_n, 0, at.where), args.has_cell ? stack(c_n, 0, at.where) : Tensor()};
  if (unbatched) {
    r.output = squeeze(at(r.output), 1);
    r.h_n = squeeze(at(r.h_n), 1);
    if (args.has_cell) r.c_n = squeeze(at(r.c_n), 1);
  } else if (args.batch_first) {
    r.output = transpose(at(r.output), 0, 1);
  }
  return r;
}

Tensor bias_or_zeros(const Tensor& b, const RecurrentWeights& weights, Location where) {
  if (b.defined()) return b;
  const Operand w(weights.w_hh, where);
  const DType dtype = w.dtype();
  return zeros({w.impl->rank == 0 ? 0 : w.impl->dims()[0]}, dtype, where);
}

Tensor sum_of_biases(const RecurrentWeights& weights, const char* op, Location where) {
  const At at{where};
  if (weights.b_ih.defined() && weights.b_hh.defined()) {
    if (!(weights.b_ih.shape() == weights.b_hh.shape())) {
      throw_error<ShapeError>(where, op, "the biases have two shapes: b_ih {}, b_hh {}",
                              describe(weights.b_ih), describe(weights.b_hh));
    }
    return add(at(weights.b_ih), at(weights.b_hh));
  }
  return bias_or_zeros(weights.b_ih.defined() ? weights.b_ih : weights.b_hh, weights, where);
}

void check_cell(const char* op, int gates, const Operand& input, std::span<const Operand> states,
                const RecurrentWeights& weights) {
  const Location where = input.where;
  const Tensor x = held(input);
  const Tensor w_ih = held({weights.w_ih, where}), w_hh = held({weights.w_hh, where});
  if (w_hh.rank() != 2 || w_hh.shape()[0] % gates != 0 || w_hh.shape()[0] / gates != w_hh.shape()[1]) {
    throw_error<ShapeError>(where, op, "w_hh has the axes [{}hidden, hidden]: w_hh {}",
                            gates == 1 ? "" : fmt::format("{} ", gates), describe(w_hh));
  }
  const std::int64_t rows = w_hh.shape()[0], hidden = w_hh.shape()[1];
  if (x.rank() != 1 && x.rank() != 2) {
    throw_error<ShapeError>(where, op, "takes [batch, inputs] or [inputs]: input {}", describe(x));
  }
  const std::int64_t inputs = x.shape()[x.rank() - 1];
  const auto require = [&](const char* name, const Tensor& t, const Shape& shape) {
    if (t.shape() == shape) return;
    throw_error<ShapeError>(where, op,
                            "{} {} does not fit: w_hh is for {} hidden units and input {}, so it would be {}",
                            name, describe(t), hidden, describe(x),
                            format_shape({shape.data(), static_cast<std::size_t>(shape.size())}));
  };
  require("w_ih", w_ih, {rows, inputs});
  Shape state = x.shape();
  state[x.rank() - 1] = hidden;
  constexpr const char* kNames[] = {"h", "c"};
  for (std::size_t i = 0; i < states.size(); ++i) require(kNames[i], held(states[i]), state);
  if (weights.b_ih.defined()) require("b_ih", weights.b_ih, {rows});
  if (weights.b_hh.defined()) require("b_hh", weights.b_hh, {rows});
}

Tensor cell_product(const Operand& x, const Tensor& w, const Tensor& b) {
  const At at{x.where};
  return b.defined() ? linear(at(held(x)), at(w), at(b)) : linear(at(held(x)), at(w));
}

}  // namespace gradus
