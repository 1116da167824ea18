// References of the recurrent networks: the formulas of torch.nn.RNN, LSTM and GRU, one sample, step and unit
// after the other. The backwards are written as sums over units as well.
#include <cmath>

#include "gradus/ops/recurrent/layer.h"
#include "gradus/tests/ops/reference.h"

namespace gradus::reference {
namespace {

using Inputs = std::span<const Tensor>;
using Vector = std::vector<double>;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

// W v + b of one gate's row.
double row_product(const Vector& w, std::int64_t row, const Vector& v, std::int64_t at, std::int64_t n) {
  double s = 0;
  for (std::int64_t i = 0; i < n; ++i) s += w[index(row * n + i)] * v[index(at + i)];
  return s;
}

struct Layer {
  std::int64_t steps, batch, inputs, hidden;
  Vector x, w_ih, w_hh, lengths;
  Layer(const Tensor& x_, const Tensor& ih, const Tensor& hh, const Tensor& lengths_)
      : steps(x_.shape()[0]),
        batch(x_.shape()[1]),
        inputs(x_.shape()[2]),
        hidden(hh.shape()[1]),
        x(read(x_)),
        w_ih(read(ih)),
        w_hh(read(hh)),
        lengths(read(lengths_)) {}
  // W_ih x of a row at a step.
  double in(std::int64_t row, std::int64_t t, std::int64_t n) const {
    return row_product(w_ih, row, x, (t * batch + n) * inputs, inputs);
  }
  double state(std::int64_t row, const Vector& h, std::int64_t n) const {
    return row_product(w_hh, row, h, n * hidden, hidden);
  }
  Shape states() const { return {steps, batch, hidden}; }
  Shape gates() const { return {steps, batch, 4 * hidden}; }
};

std::vector<Tensor> lstm(Inputs in, const void* attrs) {
  const Layer l(in[0], in[3], in[4], in[6]);
  const bool reverse = static_cast<const LayerAttrs*>(attrs)->reverse;
  Vector h = read(in[1]), c = read(in[2]);
  const Vector bias = read(in[5]);
  Vector all_h(index(l.states().numel())), all_c = all_h, gates(index(l.gates().numel()));
  const std::int64_t H = l.hidden;
  for (std::int64_t k = 0; k < l.steps; ++k) {
    const std::int64_t t = reverse ? l.steps - 1 - k : k;
    const Vector before = h;
    for (std::int64_t n = 0; n < l.batch; ++n) {
      for (std::int64_t j = 0; j < H; ++j) {
        if (static_cast<double>(t) < l.lengths[index(n)]) {
          double a[4];
          for (int g = 0; g < 4; ++g) {
            const std::int64_t row = g * H + j;
            a[g] = l.in(row, t, n) + l.state(row, before, n) + bias[index(row)];
            a[g] = g == 2 ? std::tanh(a[g]) : sigmoid(a[g]);
            gates[index((t * l.batch + n) * 4 * H + row)] = a[g];
          }
          double& cell = c[index(n * H + j)];
          cell = a[1] * cell + a[0] * a[2];
          h[index(n * H + j)] = a[3] * std::tanh(cell);
        }
        all_h[index((t * l.batch + n) * H + j)] = h[index(n * H + j)];
        all_c[index((t * l.batch + n) * H + j)] = c[index(n * H + j)];
      }
    }
  }
  return {make(l.states(), all_h), make(l.states(), all_c), make(l.gates(), gates)};
}

std::vector<Tensor> gru(Inputs in, const void* attrs) {
  const Layer l(in[0], in[2], in[3], in[6]);
  const bool reverse = static_cast<const LayerAttrs*>(attrs)->reverse;
  Vector h = read(in[1]);
  const Vector b_ih = read(in[4]), b_hh = read(in[5]);
  Vector all(index(l.states().numel())), gates(index(l.gates().numel()));
  const std::int64_t H = l.hidden;
  for (std::int64_t k = 0; k < l.steps; ++k) {
    const std::int64_t t = reverse ? l.steps - 1 - k : k;
    const Vector before = h;
    for (std::int64_t n = 0; n < l.batch; ++n) {
      for (std::int64_t j = 0; j < H; ++j) {
        if (static_cast<double>(t) < l.lengths[index(n)]) {
          double a[3], b[3];
          for (int g = 0; g < 3; ++g) {
            a[g] = l.in(g * H + j, t, n) + b_ih[index(g * H + j)];
            b[g] = l.state(g * H + j, before, n) + b_hh[index(g * H + j)];
          }
          const double r = sigmoid(a[0] + b[0]), z = sigmoid(a[1] + b[1]), m = std::tanh(a[2] + r * b[2]);
          const double values[] = {r, z, m, b[2]};
          for (int g = 0; g < 4; ++g) gates[index((t * l.batch + n) * 4 * H + g * H + j)] = values[g];
          h[index(n * H + j)] = (1 - z) * m + z * before[index(n * H + j)];
        }
        all[index((t * l.batch + n) * H + j)] = h[index(n * H + j)];
      }
    }
  }
  return {make(l.states(), all), make(l.gates(), gates)};
}

std::vector<Tensor> rnn(Inputs in, const void* attrs) {
  const Layer l(in[0], in[2], in[3], in[5]);
  const auto& a = *static_cast<const RnnLayerAttrs*>(attrs);
  Vector h = read(in[1]);
  const Vector bias = read(in[4]);
  Vector all(index(l.states().numel()));
  const std::int64_t H = l.hidden;
  for (std::int64_t k = 0; k < l.steps; ++k) {
    const std::int64_t t = a.reverse ? l.steps - 1 - k : k;
    const Vector before = h;
    for (std::int64_t n = 0; n < l.batch; ++n) {
      for (std::int64_t j = 0; j < H; ++j) {
        if (static_cast<double>(t) < l.lengths[index(n)]) {
          const double s = l.in(j, t, n) + l.state(j, before, n) + bias[index(j)];
          h[index(n * H + j)] = std::string_view(a.nonlinearity) == "relu" ? std::fmax(s, 0) : std::tanh(s);
        }
        all[index((t * l.batch + n) * H + j)] = h[index(n * H + j)];
      }
    }
  }
  return {make(l.states(), all)};
}

// One unit of the pointwise part backward.
struct LstmUnit {
  double da[4], dc;
};
LstmUnit lstm_unit(const double (&a)[4], double c_prev, double c, double gh, double gc,
                   const double (&x)[4]) {
  const double i = a[0], f = a[1], g = a[2], o = a[3], tc = std::tanh(c);
  const double dc = gc + gh * o * (1 - tc * tc);
  return {{(dc * g + x[0]) * i * (1 - i), (dc * c_prev + x[1]) * f * (1 - f), (dc * i + x[2]) * (1 - g * g),
           (gh * tc + x[3]) * o * (1 - o)},
          dc * f};
}
struct GruUnit {
  double ar, az, an, am, dh;
};
GruUnit gru_unit(const double (&a)[4], double h_prev, double gh, const double (&x)[4]) {
  const double r = a[0], z = a[1], n = a[2], m = a[3];
  const double an = (gh * (1 - z) + x[2]) * (1 - n * n);
  return {(an * m + x[0]) * r * (1 - r), (gh * (h_prev - n) + x[1]) * z * (1 - z), an, an * r + x[3], gh * z};
}

// The four gates of unit j of the row that begins at `row`.
void gather_gates(const Vector& v, std::int64_t row, std::int64_t j, std::int64_t hidden, double (&to)[4]) {
  for (int g = 0; g < 4; ++g) to[g] = v[index(row * 4 * hidden + g * hidden + j)];
}

std::vector<Tensor> lstm_backward(Inputs in, const void* attrs) {
  const bool reverse = static_cast<const LayerAttrs*>(attrs)->reverse;
  const Shape shape = in[3].shape();
  const std::int64_t steps = shape[0], batch = shape[1], H = shape[2];
  const Vector w = read(in[0]), c0 = read(in[1]), lengths = read(in[2]), cells = read(in[3]),
               gates = read(in[4]), gh = read(in[5]), gc = read(in[6]), extra = read(in[7]);
  Vector da(gates.size()), dh(c0.size()), dc(c0.size());
  for (std::int64_t k = steps - 1; k >= 0; --k) {
    const std::int64_t t = reverse ? steps - 1 - k : k, before = reverse ? t + 1 : t - 1;
    for (std::int64_t n = 0; n < batch; ++n) {
      const std::int64_t row = t * batch + n;
      for (std::int64_t j = 0; j < H; ++j) {
        dh[index(n * H + j)] += gh[index(row * H + j)];
        dc[index(n * H + j)] += gc[index(row * H + j)];
      }
      if (static_cast<double>(t) >= lengths[index(n)]) continue;
      for (std::int64_t j = 0; j < H; ++j) {
        double a[4], x[4];
        gather_gates(gates, row, j, H, a);
        gather_gates(extra, row, j, H, x);
        const double c_prev = k == 0 ? c0[index(n * H + j)] : cells[index((before * batch + n) * H + j)];
        const LstmUnit u =
            lstm_unit(a, c_prev, cells[index(row * H + j)], dh[index(n * H + j)], dc[index(n * H + j)], x);
        for (int g = 0; g < 4; ++g) da[index(row * 4 * H + g * H + j)] = u.da[g];
        dc[index(n * H + j)] = u.dc;
      }
      for (std::int64_t j = 0; j < H; ++j) {
        double s = 0;
        for (std::int64_t g = 0; g < 4 * H; ++g) s += da[index(row * 4 * H + g)] * w[index(g * H + j)];
        dh[index(n * H + j)] = s;
      }
    }
  }
  return {make(in[4].shape(), da), make(in[1].shape(), dh), make(in[1].shape(), dc)};
}

std::vector<Tensor> gru_backward(Inputs in, const void* attrs) {
  const bool reverse = static_cast<const LayerAttrs*>(attrs)->reverse;
  const Shape shape = in[3].shape();
  const std::int64_t steps = shape[0], batch = shape[1], H = shape[2];
  const Vector w = read(in[0]), h0 = read(in[1]), lengths = read(in[2]), h = read(in[3]), gates = read(in[4]),
               gh = read(in[5]), extra = read(in[6]);
  Vector da_i(h.size() * 3), da_h = da_i, dh(h0.size());
  for (std::int64_t k = steps - 1; k >= 0; --k) {
    const std::int64_t t = reverse ? steps - 1 - k : k, before = reverse ? t + 1 : t - 1;
    for (std::int64_t n = 0; n < batch; ++n) {
      const std::int64_t row = t * batch + n;
      for (std::int64_t j = 0; j < H; ++j) dh[index(n * H + j)] += gh[index(row * H + j)];
      if (static_cast<double>(t) >= lengths[index(n)]) continue;
      Vector through(index(H));
      for (std::int64_t j = 0; j < H; ++j) {
        double a[4], x[4];
        gather_gates(gates, row, j, H, a);
        gather_gates(extra, row, j, H, x);
        const double h_prev = k == 0 ? h0[index(n * H + j)] : h[index((before * batch + n) * H + j)];
        const GruUnit u = gru_unit(a, h_prev, dh[index(n * H + j)], x);
        const double of_i[] = {u.ar, u.az, u.an}, of_h[] = {u.ar, u.az, u.am};
        for (int g = 0; g < 3; ++g) {
          da_i[index(row * 3 * H + g * H + j)] = of_i[g];
          da_h[index(row * 3 * H + g * H + j)] = of_h[g];
        }
        through[index(j)] = u.dh;
      }
      for (std::int64_t j = 0; j < H; ++j) {
        double s = through[index(j)];
        for (std::int64_t g = 0; g < 3 * H; ++g) s += da_h[index(row * 3 * H + g)] * w[index(g * H + j)];
        dh[index(n * H + j)] = s;
      }
    }
  }
  const Shape sums{steps, batch, 3 * H};
  return {make(sums, da_i), make(sums, da_h), make(in[1].shape(), dh)};
}

std::vector<Tensor> rnn_backward(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const RnnLayerAttrs*>(attrs);
  const bool relu = std::string_view(a.nonlinearity) == "relu";
  const Shape shape = in[2].shape();
  const std::int64_t steps = shape[0], batch = shape[1], H = shape[2];
  const Vector w = read(in[0]), lengths = read(in[1]), h = read(in[2]), gh = read(in[3]);
  Vector da(h.size()), dh(index(batch * H));
  for (std::int64_t k = steps - 1; k >= 0; --k) {
    const std::int64_t t = a.reverse ? steps - 1 - k : k;
    for (std::int64_t n = 0; n < batch; ++n) {
      const std::int64_t row = t * batch + n;
      for (std::int64_t j = 0; j < H; ++j) dh[index(n * H + j)] += gh[index(row * H + j)];
      if (static_cast<double>(t) >= lengths[index(n)]) continue;
      for (std::int64_t j = 0; j < H; ++j) {
        const double y = h[index(row * H + j)], g = dh[index(n * H + j)];
        da[index(row * H + j)] = relu ? (y > 0 ? g : 0) : g * (1 - y * y);
      }
      for (std::int64_t j = 0; j < H; ++j) {
        double s = 0;
        for (std::int64_t i = 0; i < H; ++i) s += da[index(row * H + i)] * w[index(i * H + j)];
        dh[index(n * H + j)] = s;
      }
    }
  }
  return {make(shape, da), make({batch, H}, dh)};
}

// Rows of units: hidden, and the rows of a state.
struct Rows {
  std::int64_t hidden, count;
  explicit Rows(const Tensor& state)
      : hidden(state.shape()[state.rank() - 1]), count(hidden == 0 ? 0 : state.numel() / hidden) {}
};

std::vector<Tensor> lstm_cell(Inputs in, const void*) {
  const Rows rows(in[1]);
  const Vector a = read(in[0]), c = read(in[1]);
  Vector gates(a.size()), next_c(c.size()), next_h(c.size());
  for (std::int64_t n = 0; n < rows.count; ++n) {
    for (std::int64_t j = 0; j < rows.hidden; ++j) {
      double v[4];
      gather_gates(a, n, j, rows.hidden, v);
      for (int g = 0; g < 4; ++g) {
        v[g] = g == 2 ? std::tanh(v[g]) : sigmoid(v[g]);
        gates[index(n * 4 * rows.hidden + g * rows.hidden + j)] = v[g];
      }
      const std::size_t at = index(n * rows.hidden + j);
      next_c[at] = v[1] * c[at] + v[0] * v[2];
      next_h[at] = v[3] * std::tanh(next_c[at]);
    }
  }
  return {make(in[1].shape(), next_h), make(in[1].shape(), next_c), make(in[0].shape(), gates)};
}

std::vector<Tensor> lstm_cell_backward(Inputs in, const void*) {
  const Rows rows(in[1]);
  const Vector gates = read(in[0]), c_prev = read(in[1]), c = read(in[2]), gh = read(in[3]), gc = read(in[4]),
               extra = read(in[5]);
  Vector da(gates.size()), dc(c.size());
  for (std::int64_t n = 0; n < rows.count; ++n) {
    for (std::int64_t j = 0; j < rows.hidden; ++j) {
      double a[4], x[4];
      gather_gates(gates, n, j, rows.hidden, a);
      gather_gates(extra, n, j, rows.hidden, x);
      const std::size_t at = index(n * rows.hidden + j);
      const LstmUnit u = lstm_unit(a, c_prev[at], c[at], gh[at], gc[at], x);
      for (int g = 0; g < 4; ++g) da[index(n * 4 * rows.hidden + g * rows.hidden + j)] = u.da[g];
      dc[at] = u.dc;
    }
  }
  return {make(in[0].shape(), da), make(in[1].shape(), dc)};
}

std::vector<Tensor> gru_cell(Inputs in, const void*) {
  const Rows rows(in[2]);
  const std::int64_t H = rows.hidden;
  const Vector a = read(in[0]), b = read(in[1]), h = read(in[2]);
  Vector next(h.size()), gates(h.size() * 4);
  Shape shape = in[2].shape();
  shape[shape.rank() - 1] *= 4;
  for (std::int64_t n = 0; n < rows.count; ++n) {
    for (std::int64_t j = 0; j < H; ++j) {
      const auto at = [&](const Vector& v, int g) { return v[index(n * 3 * H + g * H + j)]; };
      const double m = at(b, 2), r = sigmoid(at(a, 0) + at(b, 0)), z = sigmoid(at(a, 1) + at(b, 1));
      const double candidate = std::tanh(at(a, 2) + r * m);
      const double values[] = {r, z, candidate, m};
      for (int g = 0; g < 4; ++g) gates[index(n * 4 * H + g * H + j)] = values[g];
      next[index(n * H + j)] = (1 - z) * candidate + z * h[index(n * H + j)];
    }
  }
  return {make(in[2].shape(), next), make(shape, gates)};
}

std::vector<Tensor> gru_cell_backward(Inputs in, const void*) {
  const Rows rows(in[1]);
  const std::int64_t H = rows.hidden;
  const Vector gates = read(in[0]), h_prev = read(in[1]), gh = read(in[2]), extra = read(in[3]);
  Vector da_i(h_prev.size() * 3), da_h = da_i, dh(h_prev.size());
  Shape shape = in[1].shape();
  shape[shape.rank() - 1] *= 3;
  for (std::int64_t n = 0; n < rows.count; ++n) {
    for (std::int64_t j = 0; j < H; ++j) {
      double a[4], x[4];
      gather_gates(gates, n, j, H, a);
      gather_gates(extra, n, j, H, x);
      const GruUnit u = gru_unit(a, h_prev[index(n * H + j)], gh[index(n * H + j)], x);
      const double of_i[] = {u.ar, u.az, u.an}, of_h[] = {u.ar, u.az, u.am};
      for (int g = 0; g < 3; ++g) {
        da_i[index(n * 3 * H + g * H + j)] = of_i[g];
        da_h[index(n * 3 * H + g * H + j)] = of_h[g];
      }
      dh[index(n * H + j)] = u.dh;
    }
  }
  return {make(shape, da_i), make(shape, da_h), make(in[1].shape(), dh)};
}

constexpr ReferenceEntry kEntries[] = {
    {"rnn", rnn},
    {"rnn_backward", rnn_backward},
    {"lstm", lstm},
    {"lstm_backward", lstm_backward},
    {"gru", gru},
    {"gru_backward", gru_backward},
    {"lstm_cell", lstm_cell},
    {"lstm_cell_backward", lstm_cell_backward},
    {"gru_cell", gru_cell},
    {"gru_cell_backward", gru_cell_backward},
};

}  // namespace

std::span<const ReferenceEntry> recurrent_references() { return kEntries; }

}  // namespace gradus::reference
