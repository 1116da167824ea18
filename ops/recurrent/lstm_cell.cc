// lstm_cell: one step. The op is the pointwise part, with the sums a = W_ih x + b_ih + W_hh h + b_hh of the
// four gates i, f, g, o side by side:
//   c' = sigmoid(a_f) c + sigmoid(a_i) tanh(a_g),  h' = sigmoid(a_o) tanh(c').
// S. Hochreiter, J. Schmidhuber, "Long short-term memory" (1997), with the forget gate of F. Gers et al.
// (2000). The gates are an output of the op, since the backward reads them.
// Derivative: lstm_cell_backward, one loop.
#include <fmt/format.h>

#include "gradus/graph/samples.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/kernels/recurrent.h"
#include "gradus/ops/pack.h"
#include "gradus/ops/recurrent.h"
#include "gradus/ops/recurrent/layer.h"
#include "gradus/ops/recurrent/lstm.h"

namespace gradus {

extern const OpDef op_lstm_cell;

namespace {

void infer(InferContext& c) {
  c.require_floating(1);
  if (c.rank(1) == 0) c.shape_error(fmt::format("c has the axis [hidden]: {} is a scalar", c.describe(1)));
  Shape gates = c.shape(1);
  const int last = c.rank(1) - 1;
  if (__builtin_mul_overflow(gates[last], 4, &gates[last])) {
    c.shape_error(fmt::format("{} has too many elements", c.describe(1)));
  }
  require_fits(c, 0, gates, c.dtype(1),
               [&] { return fmt::format("there are 4 gates a unit of {}", c.describe(1)); });
  c.set_out_like(0, 1);
  c.set_out_like(1, 1);
  c.set_out_like(2, 0);
  set_layer_scratch(c, 0);
}

void kernel(KernelContext& c) {
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const View a = pack(c.in[0], &scratch), c_prev = pack(c.in[1], &scratch);
  if (c_prev.numel == 0) return;
  const std::int64_t hidden = c_prev.dims[c_prev.rank - 1];
  kernels::lstm_step(a.dtype, {c_prev.numel / hidden, hidden, a.data, nullptr, c_prev.data, c.out[2].data,
                               c.out[1].data, c.out[0].data});
}

void rule(RuleContext& c) {
  const Tensor c_prev = c.input(1);
  const auto cotangent = [&](int i) { return grad_or_zero_view(c, i, c_prev.dtype()); };
  const LstmCellBackward d =
      lstm_cell_backward(c.output(2), c_prev, c.output(1), cotangent(0), cotangent(1), cotangent(2));
  if (c.needs(0)) c.set(0, d.da);
  if (c.needs(1)) c.set(1, d.dc);
}

void samples(SampleSink& s) {
  s.add({s.values({2, 12}), s.values({2, 3})});
  s.add({s.values({2, 76}), s.values({2, 19})}, {}, {.note = "a tail behind whole vectors"});
  s.add({s.values({12}), s.values({3})}, {}, {.note = "one sample"});
  s.add({s.values({1, 4}), s.values({1, 1})}, {}, {.note = "size 1"});
  s.add({s.values({0, 12}), s.values({0, 3})}, {}, {.note = "no samples"});
  s.add_error(
      {s.values({2, 8}), s.values({2, 3})},
      "lstm_cell: gates [2, 8] f64 does not fit: there are 4 gates a unit of c [2, 3] f64, so it would "
      "be [2, 12]");
  s.add_error({s.values({4}), s.values({})}, "lstm_cell: c has the axis [hidden]: c [] f64 is a scalar");
  s.add_error({s.i64({4}, {1, 2, 3, 4}), s.values({1})},
              "lstm_cell: gates [4] i64 has another dtype than it needs: there are 4 gates a unit of c [1] "
              "f64: f64; convert it with astype()");
}

constexpr const char* kInputs[] = {"gates", "c"};
constexpr SaveMask kSaves[] = {in(1) | out(1) | out(2)};

}  // namespace

extern constinit const OpDef op_lstm_cell = {
    .name = "lstm_cell",
    .doc = "the pointwise part of one step of lstm: the next h and c, and the gates",
    .inputs = kInputs,
    .outputs = 3,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "c' = f c + i g, h' = o tanh(c')",
};

LstmState lstm_cell(Operand input, Operand h, Operand c, const RecurrentWeights& weights) {
  const At at{input.where};
  const Operand states[] = {h, c};
  check_cell("lstm_cell", 4, input, states, weights);
  const Tensor state = held(h), cell = held(c);
  const Tensor a = add(at(cell_product(input, weights.w_ih, weights.b_ih)),
                       at(cell_product(at(state), weights.w_hh, weights.b_hh)));
  const Operand in[] = {at(a), at(cell)};
  Tensor outs[3];
  apply(op_lstm_cell, in, nullptr, outs);
  return {std::move(outs[0]), std::move(outs[1])};
}

}  // namespace gradus
