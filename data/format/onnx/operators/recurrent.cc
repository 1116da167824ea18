// RNN, GRU and LSTM with everything that the format allows: activations to choose, peepholes, clipping,
// lengths, two directions, both layouts. What gradus has a fused op for goes there; the rest is put together
// step by step from ops, so that gradients follow.
#include "gradus/ops/recurrent.h"

#include <cmath>

#include "gradus/base/format.h"
#include "gradus/data/format/onnx/call.h"
#include "gradus/data/format/onnx/operators.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/join.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/view.h"

namespace gradus::onnx {
namespace {

struct Activation {
  Tensor (*f)(const Tensor& x, double alpha, double beta);
  double alpha;
  double beta;

  Tensor operator()(const Tensor& x) const { return f(x, alpha, beta); }
};

struct KnownActivation {
  const char* name;
  Tensor (*f)(const Tensor&, double, double);
  int parameters;  // of alpha and beta
  double alpha;    // where the file gives none
  double beta;
};

constexpr KnownActivation kActivations[] = {
    {"Relu", [](const Tensor& x, double, double) { return relu(x); }, 0, 0, 0},
    {"Tanh", [](const Tensor& x, double, double) { return tanh(x); }, 0, 0, 0},
    {"Sigmoid", [](const Tensor& x, double, double) { return sigmoid(x); }, 0, 0, 0},
    {"Affine", [](const Tensor& x, double a, double b) { return x * a + b; }, 2, 1, 0},
    {"LeakyRelu", [](const Tensor& x, double a, double) { return leaky_relu(x, a); }, 1, 0.01, 0},
    {"ThresholdedRelu", [](const Tensor& x, double a, double) { return threshold(x, a, 0); }, 1, 1, 0},
    {"ScaledTanh", [](const Tensor& x, double a, double b) { return tanh(x * b) * a; }, 2, 1, 1},
    {"HardSigmoid", [](const Tensor& x, double a, double b) { return clamp(x * a + b, 0.0, 1.0); }, 2, 0.2,
     0.5},
    {"Elu", [](const Tensor& x, double a, double) { return elu(x, a); }, 1, 1, 0},
    {"Softsign", [](const Tensor& x, double, double) { return softsign(x); }, 0, 0, 0},
    {"Softplus", [](const Tensor& x, double, double) { return softplus(x); }, 0, 0, 0},
};

// Whether the file asks for no other functions than these, and no more than gradus's own formulas have.
bool is_plain(const Call& c, const std::vector<std::string>& defaults) {
  const auto names = c.texts("activations");
  c.ignore("activation_alpha");  // these functions have no parameters
  c.ignore("activation_beta");
  return (!names.has_value() || *names == defaults) && c.real("clip", 0) == 0 &&
         c.text("direction", "forward") != "reverse";
}

// The functions of all directions in a row; their parameters are used up in the same order.
std::vector<Activation> read_activations(const Call& c, std::vector<std::string> defaults) {
  const std::vector<std::string> names = c.texts("activations").value_or(std::move(defaults));
  const std::vector<double> alphas = c.reals("activation_alpha").value_or(std::vector<double>{});
  const std::vector<double> betas = c.reals("activation_beta").value_or(std::vector<double>{});
  std::size_t alpha = 0, beta = 0;
  std::vector<Activation> all;
  for (const std::string& name : names) {
    const auto known = std::find_if(std::begin(kActivations), std::end(kActivations),
                                    [&](const KnownActivation& k) { return name == k.name; });
    if (known == std::end(kActivations)) c.unsupported("the activation \"{}\"", name);
    Activation a{known->f, known->alpha, known->beta};
    if (known->parameters > 0 && alpha < alphas.size()) a.alpha = alphas[alpha++];
    if (known->parameters > 1 && beta < betas.size()) a.beta = betas[beta++];
    all.push_back(a);
  }
  return all;
}

// What RNN, GRU and LSTM have in common.
struct Sequence {
  const Call& c;
  int gates;
  Tensor x;  // [times, batch, input]
  std::int64_t times = 0, batch = 0, hidden = 0;
  int directions = 1;
  bool first_is_reverse = false;
  bool batch_first = false;
  double clip = 0;
  Tensor lengths;  // [batch] i64; undefined: all times
  Tensor mask;     // [times, batch, 1] bool: within the length; undefined: always

  Sequence(const Call& call, int gate_count) : c(call), gates(gate_count) {
    batch_first = c.flag("layout");
    if (c.in(0).rank() != 3) c.fail("X {} must have 3 axes", format_shape(c.in(0).shape()));
    x = batch_first ? transpose(c.in(0), 0, 1) : c.in(0);
    times = x.size(0);
    batch = x.size(1);
    const Tensor& w = c.in(1);
    const Tensor& r = c.in(2);
    if (w.rank() != 3 || r.rank() != 3 || r.size(1) != gates * r.size(2) || w.size(1) != r.size(1) ||
        w.size(0) != r.size(0) || w.size(2) != x.size(2)) {
      c.fail("W {} and R {} do not fit X {} and {} gates", format_shape(w.shape()), format_shape(r.shape()),
             format_shape(c.in(0).shape()), gates);
    }
    hidden = r.size(2);
    if (c.whole("hidden_size", hidden) != hidden) {
      c.fail("hidden_size is {}, R {} has {}", c.whole("hidden_size"), format_shape(r.shape()), hidden);
    }
    const std::string direction = c.text("direction", "forward");
    if (direction == "bidirectional") {
      directions = 2;
    } else if (direction == "reverse") {
      first_is_reverse = true;
    } else if (direction != "forward") {
      c.fail("the direction \"{}\" is none", direction);
    }
    if (w.size(0) != directions) c.fail("W has {} directions, not {}", w.size(0), directions);
    clip = c.real("clip", 0);
    if (clip < 0) c.fail("clip is {}", clip);
    c.ignore("output_sequence");  // of operator set 1: whether Y is wanted, which the outputs say
    if (c.has(4)) read_lengths();
  }

  void read_lengths() {
    const std::vector<std::int64_t> all = c.wholes_in(4);
    if (static_cast<std::int64_t>(all.size()) != batch) {
      c.fail("{} lengths are given for a batch of {}", all.size(), batch);
    }
    lengths = tensor(all);
    std::vector<std::uint8_t> inside;
    for (std::int64_t t = 0; t < times; ++t) {
      for (const std::int64_t length : all) {
        if (length < 0 || length > times) c.fail("length {} is not in 0 .. {}", length, times);
        inside.push_back(t < length ? 1 : 0);
      }
    }
    mask = astype(tensor(inside, {times, batch, 1}), DType::boolean);
  }

  bool is_reverse(int direction) const { return directions == 2 ? direction == 1 : first_is_reverse; }

  // Part `direction` of an input [directions, ...]; undefined where it was left out.
  Tensor part(int i, int direction, std::initializer_list<std::int64_t> shape) const {
    if (!c.has(i)) return {};
    const Tensor& t = c.in(i);
    Shape whole;
    whole.push_back(directions);
    for (const std::int64_t d : shape) whole.push_back(d);
    if (!(t.shape() == whole))
      c.fail("input {} {} must be {}", i, format_shape(t.shape()), format_shape(whole));
    return select(t, 0, direction);
  }

  // A state [directions, batch, hidden], or with the batch first; zeros where it was left out.
  Tensor initial(int i, int direction) const {
    if (!c.has(i)) return zeros({batch, hidden}, x.dtype());
    const Tensor& t = c.in(i);
    const Tensor s = batch_first && t.rank() == 3 ? transpose(t, 0, 1) : t;
    if (!(s.shape() == Shape{directions, batch, hidden})) {
      c.fail("input {} {} does not fit {} directions, a batch of {} and {} hidden", i,
             format_shape(t.shape()), directions, batch, hidden);
    }
    return select(s, 0, direction);
  }

  Tensor clipped(const Tensor& t) const { return clip > 0 ? clamp(t, -clip, clip) : t; }

  // Behind the end of a sequence the state stays.
  Tensor kept(std::int64_t t, const Tensor& next, const Tensor& before) const {
    return mask.defined() ? where(select(mask, 0, t), next, before) : next;
  }
  Tensor output_at(std::int64_t t, const Tensor& h) const {
    return mask.defined() ? where(select(mask, 0, t), h, Scalar(0.0)) : h;
  }
};

// Runs `step(t, gates of the input at t)` over the times of one direction; it returns the output at t.
template <class Step>
Tensor run_direction(const Sequence& s, int direction, const Tensor& input_bias, Step step) {
  const Tensor w = s.part(1, direction, {s.gates * s.hidden, s.x.size(2)});
  const Tensor from_input = input_bias.defined() ? linear(s.x, w, input_bias) : linear(s.x, w);
  std::vector<Tensor> outputs(static_cast<std::size_t>(s.times));
  for (std::int64_t k = 0; k < s.times; ++k) {
    const std::int64_t t = s.is_reverse(direction) ? s.times - 1 - k : k;
    outputs[static_cast<std::size_t>(t)] = step(t, select(from_input, 0, t));
  }
  if (outputs.empty()) return zeros({0, s.batch, s.hidden}, s.x.dtype());
  return stack(outputs);
}

void set_outputs(Call& c, const Sequence& s, const std::vector<Tensor>& y,
                 const std::vector<std::vector<Tensor>>& states) {
  Tensor all = stack(y, 1);  // [times, directions, batch, hidden]
  if (s.batch_first) all = permute(all, {2, 0, 1, 3});
  c.set(0, all);
  for (std::size_t i = 0; i < states.size(); ++i) {
    const Tensor last = stack(states[i]);  // [directions, batch, hidden]
    c.set(static_cast<int>(i) + 1, s.batch_first ? transpose(last, 0, 1) : last);
  }
}

// The biases of the input and of the state, [gates * hidden] each.
struct Biases {
  Tensor input, state;
};
Biases read_biases(const Sequence& s, int direction) {
  const Tensor b = s.part(3, direction, {2 * s.gates * s.hidden});
  if (!b.defined()) return {};
  const std::int64_t n = s.gates * s.hidden;
  return {slice(b, 0, 0, n), slice(b, 0, n, 2 * n)};
}

Tensor sum_of(const Biases& b) { return b.input.defined() ? b.input + b.state : Tensor(); }

// Rows of gates in another order.
Tensor in_order(const Tensor& t, const std::vector<std::int64_t>& order, std::int64_t hidden) {
  std::vector<Tensor> parts;
  parts.reserve(order.size());
  for (const std::int64_t k : order) parts.push_back(slice(t, 0, k * hidden, (k + 1) * hidden));
  return parts.size() == 1 ? parts[0] : concat(parts);
}

// The weights of gradus's own functions; `order` says which gate of the file each of theirs is.
std::vector<RecurrentWeights> fused_weights(const Sequence& s, const std::vector<std::int64_t>& order) {
  std::vector<RecurrentWeights> all;
  for (int d = 0; d < s.directions; ++d) {
    RecurrentWeights w;
    w.w_ih = in_order(s.part(1, d, {s.gates * s.hidden, s.x.size(2)}), order, s.hidden);
    w.w_hh = in_order(s.part(2, d, {s.gates * s.hidden, s.hidden}), order, s.hidden);
    if (const Biases b = read_biases(s, d); b.input.defined()) {
      w.b_ih = in_order(b.input, order, s.hidden);
      w.b_hh = in_order(b.state, order, s.hidden);
    }
    all.push_back(w);
  }
  return all;
}

// The states [directions, batch, hidden] of all directions; undefined where they were left out.
Tensor fused_state(const Sequence& s, int i) {
  if (!s.c.has(i)) return {};
  std::vector<Tensor> parts;
  parts.reserve(static_cast<std::size_t>(s.directions));
  for (int d = 0; d < s.directions; ++d) parts.push_back(s.initial(i, d));
  return stack(parts);
}

// output [times, batch, directions * hidden] and the last states [directions, batch, hidden].
void set_fused(Call& c, const Sequence& s, const Tensor& output, const std::vector<Tensor>& states) {
  const Tensor y = reshape(output, {s.times, s.batch, s.directions, s.hidden});
  c.set(0, s.batch_first ? permute(y, {1, 0, 2, 3}) : permute(y, {0, 2, 1, 3}));
  for (std::size_t i = 0; i < states.size(); ++i) {
    c.set(static_cast<int>(i) + 1, s.batch_first ? transpose(states[i], 0, 1) : states[i]);
  }
}

void check_count(const Call& c, const std::vector<Activation>& f, std::size_t needed) {
  if (f.size() < needed) c.fail("{} activations are given, {} are needed", f.size(), needed);
}

void run_rnn(Call& c) {
  const Sequence s(c, 1);
  const std::vector<std::string> defaults(static_cast<std::size_t>(s.directions), "Tanh");
  if (s.times > 0 && is_plain(c, defaults)) {
    const RnnResult r =
        rnn(s.x, fused_weights(s, {0}),
            {.h0 = fused_state(s, 5), .lengths = s.lengths, .bidirectional = s.directions == 2});
    return set_fused(c, s, r.output, {r.h_n});
  }
  const auto f = read_activations(c, defaults);
  check_count(c, f, static_cast<std::size_t>(s.directions));
  std::vector<Tensor> y, last;
  for (int d = 0; d < s.directions; ++d) {
    const Tensor r = s.part(2, d, {s.hidden, s.hidden});
    Tensor h = s.initial(5, d);
    y.push_back(run_direction(s, d, sum_of(read_biases(s, d)), [&](std::int64_t t, const Tensor& in) {
      const Tensor next = f[static_cast<std::size_t>(d)](s.clipped(in + linear(h, r)));
      h = s.kept(t, next, h);
      return s.output_at(t, h);
    }));
    last.push_back(h);
  }
  set_outputs(c, s, y, {last});
}

// Gates z (update), r (reset), h (hidden).
void run_gru(Call& c) {
  const Sequence s(c, 3);
  std::vector<std::string> defaults;
  for (int d = 0; d < s.directions; ++d) defaults.insert(defaults.end(), {"Sigmoid", "Tanh"});
  const bool linear_first = c.flag("linear_before_reset");
  if (linear_first && s.times > 0 && is_plain(c, defaults)) {
    const RnnResult r =
        gru(s.x, fused_weights(s, {1, 0, 2}),
            {.h0 = fused_state(s, 5), .lengths = s.lengths, .bidirectional = s.directions == 2});
    return set_fused(c, s, r.output, {r.h_n});
  }
  const auto functions = read_activations(c, defaults);
  check_count(c, functions, defaults.size());
  std::vector<Tensor> y, last;
  for (int d = 0; d < s.directions; ++d) {
    const std::size_t first = std::size_t{2} * static_cast<std::size_t>(d);
    const Activation &f = functions[first], &g = functions[first + 1];
    const Tensor r = s.part(2, d, {3 * s.hidden, s.hidden});
    const std::int64_t n = s.hidden;
    const Tensor r_zr = slice(r, 0, 0, 2 * n), r_h = slice(r, 0, 2 * n, 3 * n);
    const Biases b = read_biases(s, d);
    Tensor h = s.initial(5, d);
    y.push_back(run_direction(s, d, b.input, [&](std::int64_t t, const Tensor& in) {
      Tensor zr = slice(in, 1, 0, 2 * n) + linear(h, r_zr);
      if (b.state.defined()) zr = zr + slice(b.state, 0, 0, 2 * n);
      zr = f(s.clipped(zr));
      const Tensor z = slice(zr, 1, 0, n), reset = slice(zr, 1, n, 2 * n);
      Tensor from_state = linear_first ? linear(h, r_h) : linear(reset * h, r_h);
      if (b.state.defined()) from_state = from_state + slice(b.state, 0, 2 * n, 3 * n);
      if (linear_first) from_state = reset * from_state;
      const Tensor candidate = g(s.clipped(slice(in, 1, 2 * n, 3 * n) + from_state));
      h = s.kept(t, (1 - z) * candidate + z * h, h);
      return s.output_at(t, h);
    }));
    last.push_back(h);
  }
  set_outputs(c, s, y, {last});
}

// Gates i (input), o (output), f (forget), c (cell); peepholes i, o, f.
void run_lstm(Call& c) {
  const Sequence s(c, 4);
  std::vector<std::string> defaults;
  for (int d = 0; d < s.directions; ++d) defaults.insert(defaults.end(), {"Sigmoid", "Tanh", "Tanh"});
  const bool coupled = c.flag("input_forget");
  if (!coupled && !c.has(7) && s.times > 0 && is_plain(c, defaults)) {
    const LstmResult r = lstm(s.x, fused_weights(s, {0, 2, 3, 1}),
                              {.h0 = fused_state(s, 5),
                               .c0 = fused_state(s, 6),
                               .lengths = s.lengths,
                               .bidirectional = s.directions == 2});
    return set_fused(c, s, r.output, {r.h_n, r.c_n});
  }
  const auto functions = read_activations(c, defaults);
  check_count(c, functions, defaults.size());
  std::vector<Tensor> y, last_h, last_c;
  for (int d = 0; d < s.directions; ++d) {
    const std::size_t first = std::size_t{3} * static_cast<std::size_t>(d);
    const Activation &f = functions[first], &g = functions[first + 1], &out = functions[first + 2];
    const std::int64_t n = s.hidden;
    const Tensor r = s.part(2, d, {4 * n, n});
    const Tensor p = s.part(7, d, {3 * n});
    Tensor h = s.initial(5, d), cell = s.initial(6, d);
    y.push_back(run_direction(s, d, sum_of(read_biases(s, d)), [&](std::int64_t t, const Tensor& in) {
      const Tensor all = in + linear(h, r);
      const auto gate = [&](std::int64_t k) { return slice(all, 1, k * n, (k + 1) * n); };
      const auto peep = [&](const Tensor& a, std::int64_t k, const Tensor& from) {
        return p.defined() ? a + slice(p, 0, k * n, (k + 1) * n) * from : a;
      };
      const Tensor i = f(s.clipped(peep(gate(0), 0, cell)));
      const Tensor forget = coupled ? 1 - i : f(s.clipped(peep(gate(2), 2, cell)));
      const Tensor next = forget * cell + i * g(s.clipped(gate(3)));
      const Tensor o = f(s.clipped(peep(gate(1), 1, next)));
      h = s.kept(t, o * out(next), h);
      cell = s.kept(t, next, cell);
      return s.output_at(t, h);
    }));
    last_h.push_back(h);
    last_c.push_back(cell);
  }
  set_outputs(c, s, y, {last_h, last_c});
}

constexpr Operator kOperators[] = {
    {"RNN", run_rnn, 3, 6},
    {"GRU", run_gru, 3, 6},
    {"LSTM", run_lstm, 3, 8},
};

}  // namespace

std::span<const Operator> recurrent_operators() { return kOperators; }

}  // namespace gradus::onnx
