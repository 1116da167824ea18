// gru_cell_backward: the gradient of the pointwise part of a gru step. From the gates r, z, n, m (m = W_hn h
// + b_hn), the state before, the cotangent gh and that of the gates themselves, x_r ...:
//   an = (gh (1 - z) + x_n) (1 - n^2)      az = (gh (h_prev - n) + x_z) z (1 - z)
//   ar = (an m + x_r) r (1 - r)            am = an r + x_m
//   da_i = ar az an,  da_h = ar az am,  dh = gh z
// Derivative: by hand, of the formulas above: gru_cell_backward_gradients().
#include <fmt/format.h>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/math.h"
#include "gradus/ops/join.h"
#include "gradus/ops/kernels/recurrent.h"
#include "gradus/ops/pack.h"
#include "gradus/ops/recurrent/gru.h"
#include "gradus/ops/recurrent/layer.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  c.require_floating(1);
  if (c.rank(1) == 0)
    c.shape_error(fmt::format("h_prev has the axis [hidden]: {} is a scalar", c.describe(1)));
  Shape sums = c.shape(1), gates = c.shape(1);
  const int last = c.rank(1) - 1;
  if (__builtin_mul_overflow(gates[last], 4, &gates[last])) {
    c.shape_error(fmt::format("{} has too many elements", c.describe(1)));
  }
  sums[last] *= 3;
  const auto why = [&] { return fmt::format("the state is {}", c.describe(1)); };
  require_fits(c, 0, gates, c.dtype(1), why);
  require_fits(c, 2, c.shape(1), c.dtype(1), why);
  require_fits(c, 3, gates, c.dtype(1), why);
  c.set_out(0, c.dtype(1), sums);
  c.set_out(1, c.dtype(1), sums);
  c.set_out_like(2, 1);
  set_layer_scratch(c, 0);
}

void kernel(KernelContext& c) {
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const View gates = pack(c.in[0], &scratch), h_prev = pack(c.in[1], &scratch);
  const void *gh = packed_or_null(c.in[2], &scratch), *g_gates = packed_or_null(c.in[3], &scratch);
  if (h_prev.numel == 0) return;
  const std::int64_t hidden = h_prev.dims[h_prev.rank - 1];
  kernels::gru_step_backward(h_prev.dtype, {h_prev.numel / hidden, hidden, gates.data, h_prev.data, gh,
                                            nullptr, g_gates, c.out[0].data, c.out[1].data, c.out[2].data});
}

void rule(RuleContext& c) {
  const GruCellBackwardGradients d = gru_cell_backward_gradients(c.input(0), c.input(1), c.input(2),
                                                                 c.input(3), c.grad(0), c.grad(1), c.grad(2));
  const Tensor* gradients[] = {&d.gates, &d.h_prev, &d.gh, &d.g_gates};
  for (int i = 0; i < c.size(); ++i) {
    if (c.needs(i)) c.set(i, *gradients[i]);
  }
}

void samples(SampleSink& s) {
  const auto add = [&s](const Shape& state, const char* note) {
    Shape gates = state;
    gates[state.rank() - 1] *= 4;
    s.add({s.values(gates, 0.05, 0.95), s.values(state), s.values(state), s.values(gates)}, NoAttrs{},
          {.note = note});
  };
  add({2, 3}, "");
  add({1, 11}, "a tail behind whole vectors");
  add({3}, "one sample");
  add({1, 1}, "size 1");
  add({0, 3}, "no samples");
  s.add({s.values({2, 8}, 0.05, 0.95), s.values({2, 2}), s.values({2, 2}), zero_view({2, 8}, DType::f64)},
        NoAttrs{}, {.note = "cotangents that did not arrive"});
  s.add_error({s.values({2, 12}), s.values({2, 3}), s.values({2, 4}), s.values({2, 12})},
              "gru_cell_backward: gh [2, 4] f64 does not fit: the state is h_prev [2, 3] f64, so it would be "
              "[2, 3]");
  s.add_error({s.values({2, 9}), s.values({2, 3}), s.values({2, 3}), s.values({2, 12})},
              "gru_cell_backward: gates [2, 9] f64 does not fit: the state is h_prev [2, 3] f64, so it would "
              "be [2, 12]");
}

constexpr const char* kInputs[] = {"gates", "h_prev", "gh", "g_gates"};
constexpr SaveMask kSaves[] = {in(0) | in(1) | in(2) | in(3)};

}  // namespace

extern constinit const OpDef op_gru_cell_backward = {
    .name = "gru_cell_backward",
    .doc = "the gradient of the pointwise part of a gru step",
    .inputs = kInputs,
    .outputs = 3,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
};

GruCellBackward gru_cell_backward(const Tensor& gates, const Tensor& h_prev, const Tensor& gh,
                                  const Tensor& g_gates) {
  const Operand in[] = {gates, h_prev, gh, g_gates};
  Tensor outs[3];
  apply(op_gru_cell_backward, in, nullptr, outs);
  return {std::move(outs[0]), std::move(outs[1]), std::move(outs[2])};
}

GruCellBackwardGradients gru_cell_backward_gradients(const Tensor& gates, const Tensor& h_prev,
                                                     const Tensor& gh, const Tensor& g_gates,
                                                     const Tensor& w_i, const Tensor& w_h, const Tensor& u) {
  const std::int64_t hidden = h_prev.shape()[h_prev.rank() - 1];
  const auto part = [hidden](const Tensor& t, int k) { return slice(t, -1, k * hidden, (k + 1) * hidden); };
  const auto slope = [](const Tensor& y) { return mul(y, sub(1, y)); };  // of sigmoid
  const auto bend = [](const Tensor& y) { return sub(1, mul(y, 2)); };   // of slope()
  const Tensor r = part(gates, 0), z = part(gates, 1), n = part(gates, 2), m = part(gates, 3);
  const Tensor rest = sub(1, z), difference = sub(h_prev, n), n_slope = sub(1, square(n));
  const Tensor dn = add(mul(gh, rest), part(g_gates, 2)), dz = add(mul(gh, difference), part(g_gates, 1));
  const Tensor an = mul(dn, n_slope), dr = add(mul(an, m), part(g_gates, 0));
  const Tensor wr = add(part(w_i, 0), part(w_h, 0)), wz = add(part(w_i, 1), part(w_h, 1)), wm = part(w_h, 2);
  // Cotangents of dr, dz, an, dn.
  const Tensor qr = mul(wr, slope(r)), qz = mul(wz, slope(z));
  const Tensor wn = add(part(w_i, 2), add(mul(qr, m), mul(wm, r))), qn = mul(wn, n_slope);
  const Tensor gate_parts[] = {add(mul(mul(wr, dr), bend(r)), mul(wm, an)),
                               add(mul(mul(wz, dz), bend(z)), mul(gh, sub(u, qn))),
                               neg(add(mul(mul(wn, dn), mul(n, 2)), mul(qz, gh))), mul(qr, an)};
  const Tensor extra[] = {qr, qz, qn, wm};
  return {concat(gate_parts, -1), mul(qz, gh), add(mul(qn, rest), add(mul(qz, difference), mul(u, z))),
          concat(extra, -1)};
}

}  // namespace gradus
