// Recurrent layers. LSTM, GRU and RNN where the trace uses what they give: the states of whole sequences.
// Else (lengths, gates, all states of an LSTM's cell) one step after the other.
#include <algorithm>

#include "gradus/data/format/onnx/emit.h"
#include "gradus/data/format/onnx/writers.h"

namespace gradus::onnx {
namespace {

struct Layer {
  int gates, states, biases;
  int w_ih() const { return 1 + states; }
  int w_hh() const { return 2 + states; }
  int bias() const { return 3 + states; }
  int lengths() const { return 3 + states + biases; }
};
constexpr Layer kLstm{4, 2, 1}, kGru{3, 1, 2}, kRnn{1, 1, 1};

struct Sizes {
  std::int64_t steps, batch, hidden;
};
Sizes sizes_of(const Emit& e, const Layer& l) { return {e.size(0), e.size(1), e.size(1, l.w_hh())}; }

bool all_steps(const Emit& e, const Layer& l) {
  if (e.is_open(l.lengths())) return false;
  const auto lengths = e.tensor(l.lengths()).to_vector<std::int64_t>();
  return std::all_of(lengths.begin(), lengths.end(), [&](std::int64_t n) { return n == e.size(0); });
}

// Runtimes have no recurrent operators of doubles, and end at empty arrays.
bool one_by_one(const Emit& e, const Layer& l) {
  return e.is_f64() || !all_steps(e, l) || e.shape().numel() == 0 || e.size(1, l.w_hh()) == 0;
}

// True where output i is read for its state at the end alone.
bool only_last_read(const Emit& e, int i) {
  const std::int64_t last = e.flag("reverse") ? 0 : e.size(0) - 1;
  const auto& readers = e.readers(i);
  return std::all_of(readers.begin(), readers.end(), [&](const OpCall* c) {
    if (c == nullptr || std::string_view(c->op->name) != "select") return false;
    // select's attributes: dim, index.
    std::int64_t at[2];
    std::copy_n(reinterpret_cast<const std::int64_t*>(c->attrs.data()), 2, at);
    return at[0] == 0 && at[1] == last;
  });
}

// Blocks of a weight or bias in the order of the operator, with an axis for the direction.
Id reordered(Emit& e, Id x, std::int64_t hidden, const List& order) {
  List rows;
  for (const std::int64_t gate : order) {
    for (std::int64_t i = 0; i < hidden; ++i) rows.push_back(gate * hidden + i);
  }
  if (order.size() > 1) x = e.gather(x, 0, tensor_of(rows, {static_cast<std::int64_t>(rows.size())}));
  return e.op("Unsqueeze", {x, e.wholes({0})});
}

std::vector<Id> whole_sequence(Emit& e, const Layer& l, const char* op, const List& order, int outputs,
                               std::vector<Attribute> attributes) {
  const Sizes s = sizes_of(e, l);
  const auto with_direction = [&](Id x) { return e.op("Unsqueeze", {x, e.wholes({0})}); };
  const Id b = reordered(e, e.in(l.bias()), s.hidden, order);
  const Id second = l.biases > 1 ? reordered(e, e.in(l.bias() + 1), s.hidden, order) : e.sub(b, b);
  std::vector<Id> in{e.in(0),
                     reordered(e, e.in(l.w_ih()), s.hidden, order),
                     reordered(e, e.in(l.w_hh()), s.hidden, order),
                     e.op("Concat", {b, second}, {whole("axis", 1)}),
                     kNone,
                     with_direction(e.in(1))};
  if (l.states > 1) in.push_back(with_direction(e.in(2)));
  attributes.push_back(whole("hidden_size", s.hidden));
  attributes.push_back(text("direction", e.flag("reverse") ? "reverse" : "forward"));
  return e.ops(op, in, outputs, std::move(attributes));
}

// One step after the other: `step` gets the product of the input with its weight at that step and the states,
// and gives the new states, then what else is kept of a step.
template <class Step>
void step_by_step(Emit& e, const Layer& l, Step step) {
  const Sizes s = sizes_of(e, l);
  const std::size_t outputs = e.call().outputs.size(), states = static_cast<std::size_t>(l.states);
  const Id w_hh = e.transpose(e.in(l.w_hh()), {1, 0});
  const Id sums = e.add(e.op("MatMul", {e.in(0), e.transpose(e.in(l.w_ih()), {1, 0})}), e.in(l.bias()));
  std::vector<std::vector<Id>> kept(outputs, std::vector<Id>(static_cast<std::size_t>(s.steps)));
  std::vector<Id> state;
  state.reserve(states);
  for (int i = 0; i < l.states; ++i) state.push_back(e.in(1 + i));
  const bool full = all_steps(e, l);
  const Id lengths = full ? kNone : e.op("Unsqueeze", {e.in(l.lengths()), e.wholes({1})});
  for (std::int64_t k = 0; k < s.steps; ++k) {
    const std::int64_t t = e.flag("reverse") ? s.steps - 1 - k : k;
    const Id sum = e.op("Gather", {sums, e.index(t)}, {whole("axis", 0)});
    Id product = e.op("MatMul", {state[0], w_hh});
    if (l.biases > 1) product = e.add(product, e.in(l.bias() + 1));
    std::vector<Id> now = step(sum, product, state);
    // Behind a sample's length its states stay, and the gates are 0.
    const Id active = full ? kNone : e.op("Less", {e.index(t), lengths});
    for (std::size_t i = 0; i < now.size() && !full; ++i) {
      now[i] = e.where(active, now[i], i < states ? state[i] : e.number(0));
    }
    for (std::size_t i = 0; i < outputs; ++i) {
      kept[i][static_cast<std::size_t>(t)] = e.op("Unsqueeze", {now[i], e.wholes({0})});
    }
    state.assign(now.begin(), now.begin() + l.states);
  }
  for (std::size_t i = 0; i < outputs; ++i) {
    if (e.wants(static_cast<int>(i))) {
      e.set(static_cast<int>(i), e.op("Concat", kept[i], {whole("axis", 0)}));
    }
  }
}

// Equal parts along the last axis.
std::vector<Id> parts_of(Emit& e, Id x, int rank, int parts) {
  return e.ops("Split", {x}, parts, {whole("axis", rank - 1)});
}

// h', c' and the gates from the sums before them.
std::vector<Id> lstm_step(Emit& e, Id sums, Id c, int rank) {
  const std::vector<Id> a = parts_of(e, sums, rank, 4);
  const Id i = e.op("Sigmoid", {a[0]}), f = e.op("Sigmoid", {a[1]}), g = e.op("Tanh", {a[2]}),
           o = e.op("Sigmoid", {a[3]});
  const Id next = e.add(e.mul(f, c), e.mul(i, g));
  return {e.mul(o, e.op("Tanh", {next})), next, e.op("Concat", {i, f, g, o}, {whole("axis", rank - 1)})};
}

// h' and the gates, with the product for n beside them.
std::vector<Id> gru_step(Emit& e, Id sums, Id products, Id h, int rank) {
  const std::vector<Id> a = parts_of(e, sums, rank, 3), b = parts_of(e, products, rank, 3);
  const Id r = e.op("Sigmoid", {e.add(a[0], b[0])}), z = e.op("Sigmoid", {e.add(a[1], b[1])});
  const Id n = e.op("Tanh", {e.add(a[2], e.mul(r, b[2]))});
  const Id next = e.add(e.mul(e.sub(e.number(1), z), n), e.mul(z, h));
  return {next, e.op("Concat", {r, z, n, b[2]}, {whole("axis", rank - 1)})};
}

void lstm(Emit& e) {
  const Sizes s = sizes_of(e, kLstm);
  if (one_by_one(e, kLstm) || e.wants(2) || !only_last_read(e, 1)) {
    return step_by_step(e, kLstm, [&](Id sum, Id product, const std::vector<Id>& state) {
      return lstm_step(e, e.add(sum, product), state[1], 2);
    });
  }
  // Gates i, f, g, o here; i, o, f, g there.
  const auto y = whole_sequence(e, kLstm, "LSTM", {0, 3, 1, 2}, 3, {});
  e.set(0, e.op("Squeeze", {y[0], e.wholes({1})}));
  // Only the last state is there, and only that is read.
  if (e.wants(1)) e.set(1, e.op("Expand", {y[2], e.wholes({s.steps, s.batch, s.hidden})}));
}

void gru(Emit& e) {
  if (one_by_one(e, kGru) || e.wants(1)) {
    return step_by_step(e, kGru, [&](Id sum, Id product, const std::vector<Id>& state) {
      return gru_step(e, sum, product, state[0], 2);
    });
  }
  // Gates r, z, n here; z, r, n there.
  const auto y = whole_sequence(e, kGru, "GRU", {1, 0, 2}, 1, {whole("linear_before_reset", 1)});
  e.set(0, e.op("Squeeze", {y[0], e.wholes({1})}));
}

void rnn(Emit& e) {
  const bool relu = e.text("nonlinearity") == "relu";
  if (one_by_one(e, kRnn)) {
    return step_by_step(e, kRnn, [&](Id sum, Id product, const std::vector<Id>&) {
      return std::vector<Id>{e.op(relu ? "Relu" : "Tanh", {e.add(sum, product)})};
    });
  }
  const auto y = whole_sequence(e, kRnn, "RNN", {0}, 1, {texts("activations", {relu ? "Relu" : "Tanh"})});
  e.set(0, e.op("Squeeze", {y[0], e.wholes({1})}));
}

void lstm_cell(Emit& e) {
  const auto now = lstm_step(e, e.in(0), e.in(1), e.rank(1));
  for (int i = 0; i < 3; ++i) e.set(i, now[static_cast<std::size_t>(i)]);
}

void gru_cell(Emit& e) {
  const auto now = gru_step(e, e.in(0), e.in(1), e.in(2), e.rank(2));
  for (int i = 0; i < 2; ++i) e.set(i, now[static_cast<std::size_t>(i)]);
}

constexpr OpWriter kWriters[] = {
    {"gru", gru}, {"gru_cell", gru_cell}, {"lstm", lstm}, {"lstm_cell", lstm_cell}, {"rnn", rnn},
};

}  // namespace

std::span<const OpWriter> recurrent_writers() { return kWriters; }

}  // namespace gradus::onnx
