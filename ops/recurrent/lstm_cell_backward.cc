// lstm_cell_backward: the gradient of the pointwise part of an lstm step. From the gates i, f, g, o, the
// states c_prev and c, the cotangents gh and gc and that of the gates themselves, x_i ...:
//   dc = gc + gh o (1 - tanh(c)^2)
//   da_i = (dc g + x_i) i (1 - i)         da_f = (dc c_prev + x_f) f (1 - f)
//   da_g = (dc i + x_g) (1 - g^2)         da_o = (gh tanh(c) + x_o) o (1 - o)
//   dc_prev = dc f
// Derivative: by hand, of the formulas above: lstm_cell_backward_gradients().
#include <fmt/format.h>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/math.h"
#include "gradus/ops/join.h"
#include "gradus/ops/kernels/recurrent.h"
#include "gradus/ops/pack.h"
#include "gradus/ops/recurrent/layer.h"
#include "gradus/ops/recurrent/lstm.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  c.require_floating(1);
  if (c.rank(1) == 0)
    c.shape_error(fmt::format("c_prev has the axis [hidden]: {} is a scalar", c.describe(1)));
  const Shape states = c.shape(1);
  Shape gates = states;
  const int last = c.rank(1) - 1;
  if (__builtin_mul_overflow(gates[last], 4, &gates[last])) {
    c.shape_error(fmt::format("{} has too many elements", c.describe(1)));
  }
  const auto why = [&] { return fmt::format("the state is {}", c.describe(1)); };
  require_fits(c, 0, gates, c.dtype(1), why);
  for (int i = 2; i < 5; ++i) require_fits(c, i, states, c.dtype(1), why);
  require_fits(c, 5, gates, c.dtype(1), why);
  c.set_out_like(0, 0);
  c.set_out_like(1, 1);
  set_layer_scratch(c, 0);
}

void kernel(KernelContext& c) {
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const View gates = pack(c.in[0], &scratch), c_prev = pack(c.in[1], &scratch), now = pack(c.in[2], &scratch);
  const void* cotangents[3];
  for (int i = 0; i < 3; ++i) cotangents[i] = packed_or_null(c.in[3 + i], &scratch);
  if (now.numel == 0) return;
  const std::int64_t hidden = now.dims[now.rank - 1];
  kernels::lstm_step_backward(
      now.dtype, {now.numel / hidden, hidden, gates.data, c_prev.data, now.data, cotangents[0], nullptr,
                  cotangents[1], nullptr, cotangents[2], c.out[0].data, c.out[1].data});
}

void rule(RuleContext& c) {
  const LstmCellBackwardGradients d = lstm_cell_backward_gradients(
      c.input(0), c.input(1), c.input(2), c.input(3), c.input(4), c.input(5), c.grad(0), c.grad(1));
  const Tensor* gradients[] = {&d.gates, &d.c_prev, &d.c, &d.gh, &d.gc, &d.g_gates};
  for (int i = 0; i < c.size(); ++i) {
    if (c.needs(i)) c.set(i, *gradients[i]);
  }
}

void samples(SampleSink& s) {
  const auto add = [&s](const Shape& state, const char* note) {
    Shape gates = state;
    gates[state.rank() - 1] *= 4;
    std::vector<Tensor> in = {s.values(gates, 0.05, 0.95)};
    for (int i = 0; i < 4; ++i) in.push_back(s.values(state));
    in.push_back(s.values(gates));
    s.add(std::move(in), NoAttrs{}, {.note = note});
  };
  add({2, 3}, "");
  add({1, 11}, "a tail behind whole vectors");
  add({3}, "one sample");
  add({1, 1}, "size 1");
  add({0, 3}, "no samples");
  s.add({s.values({2, 8}, 0.05, 0.95), s.values({2, 2}), s.values({2, 2}), s.values({2, 2}),
         zero_view({2, 2}, DType::f64), zero_view({2, 8}, DType::f64)},
        NoAttrs{}, {.note = "cotangents that did not arrive"});
  s.add_error({s.values({2, 12}), s.values({2, 3}), s.values({2, 4}), s.values({2, 3}), s.values({2, 3}),
               s.values({2, 12})},
              "lstm_cell_backward: c [2, 4] f64 does not fit: the state is c_prev [2, 3] f64, so it would be "
              "[2, 3]");
  s.add_error(
      {s.values({2, 9}), s.values({2, 3}), s.values({2, 3}), s.values({2, 3}), s.values({2, 3}),
       s.values({2, 9})},
      "lstm_cell_backward: gates [2, 9] f64 does not fit: the state is c_prev [2, 3] f64, so it would "
      "be [2, 12]");
}

constexpr const char* kInputs[] = {"gates", "c_prev", "c", "gh", "gc", "g_gates"};
constexpr SaveMask kSaves[] = {in(0) | in(1) | in(2) | in(3) | in(4) | in(5)};

}  // namespace

extern constinit const OpDef op_lstm_cell_backward = {
    .name = "lstm_cell_backward",
    .doc = "the gradient of the pointwise part of an lstm step",
    .inputs = kInputs,
    .outputs = 2,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
};

LstmCellBackward lstm_cell_backward(const Tensor& gates, const Tensor& c_prev, const Tensor& c,
                                    const Tensor& gh, const Tensor& gc, const Tensor& g_gates) {
  const Operand in[] = {gates, c_prev, c, gh, gc, g_gates};
  Tensor outs[2];
  apply(op_lstm_cell_backward, in, nullptr, outs);
  return {std::move(outs[0]), std::move(outs[1])};
}

LstmCellBackwardGradients lstm_cell_backward_gradients(const Tensor& gates, const Tensor& c_prev,
                                                       const Tensor& c, const Tensor& gh, const Tensor& gc,
                                                       const Tensor& g_gates, const Tensor& w,
                                                       const Tensor& u) {
  const std::int64_t hidden = c.shape()[c.rank() - 1];
  const auto part = [hidden](const Tensor& t, int k) { return slice(t, -1, k * hidden, (k + 1) * hidden); };
  const auto slope = [](const Tensor& y) { return mul(y, sub(1, y)); };       // of sigmoid
  const auto tanh_slope = [](const Tensor& y) { return sub(1, square(y)); };  // of tanh
  const auto bend = [](const Tensor& y) { return sub(1, mul(y, 2)); };        // of slope()
  const Tensor i = part(gates, 0), f = part(gates, 1), g = part(gates, 2), o = part(gates, 3);
  const Tensor tc = tanh(c), tc_slope = tanh_slope(tc);
  const Tensor dc = add(gc, mul(mul(gh, o), tc_slope));
  const Tensor di = add(mul(dc, g), part(g_gates, 0)), df = add(mul(dc, c_prev), part(g_gates, 1)),
               dg = add(mul(dc, i), part(g_gates, 2)), d_o = add(mul(gh, tc), part(g_gates, 3));
  const Tensor wi = part(w, 0), wf = part(w, 1), wg = part(w, 2), wo = part(w, 3);
  // Cotangents of di, df, dg, do and with them of dc.
  const Tensor qi = mul(wi, slope(i)), qf = mul(wf, slope(f)), qg = mul(wg, tanh_slope(g)),
               qo = mul(wo, slope(o));
  const Tensor q = add(add(mul(qi, g), mul(qf, c_prev)), add(mul(qg, i), mul(u, f)));
  const Tensor gate_parts[] = {add(mul(mul(wi, di), bend(i)), mul(qg, dc)),
                               add(mul(mul(wf, df), bend(f)), mul(u, dc)),
                               sub(mul(qi, dc), mul(mul(wg, dg), mul(g, 2))),
                               add(mul(mul(wo, d_o), bend(o)), mul(mul(q, gh), tc_slope))};
  const Tensor extra[] = {qi, qf, qg, qo};
  const Tensor c_bar = mul(sub(mul(qo, gh), mul(mul(mul(q, gh), o), mul(tc, 2))), tc_slope);
  return {concat(gate_parts, -1), mul(qf, dc), c_bar, add(mul(qo, tc), mul(mul(q, o), tc_slope)), q,
          concat(extra, -1)};
}

}  // namespace gradus
