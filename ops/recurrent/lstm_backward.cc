// lstm_backward: the gradient of a layer of lstm, from the last step to the first: at each step the pointwise
// part (lstm_cell_backward.cc) and dh = da W_hh, one product with a weight that was packed once. The outputs
// are da, the gradient of the sums before the gates at all steps, and the gradients of h0 and c0.
// Derivative: the recurrence read the other way, with lstm_cell_backward_gradients at each step; what was dh
// and dc at a step is computed again. Composed of ops.
#include <fmt/format.h>

#include <vector>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/kernels/gemm_packed.h"
#include "gradus/ops/kernels/recurrent.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/pack.h"
#include "gradus/ops/recurrent/layer.h"
#include "gradus/ops/recurrent/lstm.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

enum Input { kWhh, kC0, kLengths, kCells, kGates, kGh, kGc, kGgates };

void infer(InferContext& c) {
  c.require_floating(kCells);
  if (c.rank(kCells) != 3) {
    c.shape_error(fmt::format("cells has the axes [steps, batch, hidden]: {}", c.describe(kCells)));
  }
  const Shape cells = c.shape(kCells);
  const std::int64_t hidden = cells[2];
  std::int64_t width = 0;
  if (__builtin_mul_overflow(hidden, 4, &width)) {
    c.shape_error(fmt::format("{} has too many elements", c.describe(kCells)));
  }
  const DType dtype = c.dtype(kCells);
  const auto why = [&] { return fmt::format("the states are {}", c.describe(kCells)); };
  require_fits(c, kWhh, {width, hidden}, dtype, why);
  require_fits(c, kC0, {cells[1], hidden}, dtype, why);
  require_fits(c, kLengths, {cells[1]}, DType::i64, why);
  require_fits(c, kGates, {cells[0], cells[1], width}, dtype, why);
  require_fits(c, kGh, cells, dtype, why);
  require_fits(c, kGc, cells, dtype, why);
  require_fits(c, kGgates, c.shape(kGates), dtype, why);
  c.set_out_like(0, kGates);
  c.set_out_like(1, kC0);
  c.set_out_like(2, kC0);
  set_layer_scratch(c, kernels::packed_bytes(dtype, width, hidden));
}

void kernel(KernelContext& c) {
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const View w_hh = pack(c.in[kWhh], &scratch), c0 = pack(c.in[kC0], &scratch),
             given = pack(c.in[kLengths], &scratch), cells = pack(c.in[kCells], &scratch),
             gates = pack(c.in[kGates], &scratch);
  const void *gh = packed_or_null(c.in[kGh], &scratch), *gc = packed_or_null(c.in[kGc], &scratch),
             *g_gates = packed_or_null(c.in[kGgates], &scratch);
  const std::int64_t steps = cells.dims[0], batch = cells.dims[1], hidden = cells.dims[2];
  const std::int64_t* lengths = checked_lengths(c, kLengths, given, steps);
  const DType dtype = cells.dtype;
  const std::int64_t width = 4 * hidden, states = batch * hidden;
  void *da = c.out[0].data, *dh = c.out[1].data, *dc = c.out[2].data;
  zero_elements(dh, states, dtype);
  zero_elements(dc, states, dtype);
  if (states == 0) return;
  kernels::pack_matrix(dtype, false, width, hidden, w_hh.data, hidden, scratch);
  const Order order{steps, c.attrs<LayerAttrs>().reverse};
  for_samples(batch, steps * width * hidden, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = steps - 1; k >= 0; --k) {
      const std::int64_t t = order[k];
      const void* c_prev = k == 0 ? c0.data : offset(cells.data, order[k - 1] * states, dtype);
      void* da_now = offset(da, t * batch * width, dtype);
      each_run(
          lengths, begin, end, t,
          [&](std::int64_t i, std::int64_t count) {
            const std::int64_t at = t * states + i * hidden, gate = (t * batch + i) * width, row = i * hidden;
            kernels::lstm_step_backward(
                dtype, {count, hidden, offset(gates.data, gate, dtype), offset(c_prev, row, dtype),
                        offset(cells.data, at, dtype), offset_if(gh, at, dtype), offset(dh, row, dtype),
                        offset_if(gc, at, dtype), offset(dc, row, dtype), offset_if(g_gates, gate, dtype),
                        offset(da, gate, dtype), offset(dc, row, dtype)});
            zero_elements(offset(dh, row, dtype), count * hidden, dtype);
          },
          [&](std::int64_t i, std::int64_t count) {
            const std::int64_t at = t * states + i * hidden, row = i * hidden, n = count * hidden;
            add_elements(offset(dh, row, dtype), offset_if(gh, at, dtype), n, dtype);
            add_elements(offset(dc, row, dtype), offset_if(gc, at, dtype), n, dtype);
            zero_elements(offset(da_now, i * width, dtype), count * width, dtype);
          });
      if (any_active(lengths, begin, end, t)) {
        kernels::gemm_packed(dtype, end - begin, hidden, width, offset(da_now, begin * width, dtype), width,
                             scratch, true, offset(dh, begin * hidden, dtype), hidden);
      }
    }
  });
}

void rule(RuleContext& c) {
  const Order order{c.input(kCells).shape()[0], c.attrs<LayerAttrs>().reverse};
  const auto n = static_cast<std::size_t>(order.steps);
  const Tensor w_hh = c.input(kWhh), c0 = c.input(kC0), lengths = c.input(kLengths), cells = c.input(kCells),
               gates = c.input(kGates), gh = c.input(kGh), gc = c.input(kGc), g_gates = c.input(kGgates);
  struct Step {
    Tensor active, gates, c_prev, c, dh, dc, g_gates, da;
  };
  std::vector<Step> steps(n);
  Tensor dh, dc;
  for (std::size_t k = n; k-- > 0;) {
    const std::int64_t t = order[static_cast<std::int64_t>(k)];
    Step& s = steps[k];
    s.active = active_samples(lengths, t, order.steps);
    s.gates = select(gates, 0, t);
    s.c = select(cells, 0, t);
    s.c_prev = k == 0 ? c0 : select(cells, 0, order[static_cast<std::int64_t>(k) - 1]);
    s.g_gates = select(g_gates, 0, t);
    s.dh = select(gh, 0, t);
    s.dc = select(gc, 0, t);
    if (k + 1 < n) {
      s.dh = add(s.dh, dh);
      s.dc = add(s.dc, dc);
    }
    const LstmCellBackward d = lstm_cell_backward(s.gates, s.c_prev, s.c, s.dh, s.dc, s.g_gates);
    s.da = d.da;
    dh = choose(s.active, matmul(d.da, w_hh), s.dh);
    dc = choose(s.active, d.dc, s.dc);
  }

  // u_h and u_c: the cotangents of what a step gave to the one before it.
  Tensor u_h = c.grad(1), u_c = c.grad(2), d_w, d_c0;
  const Tensor w = c.grad(0);
  std::vector<Tensor> d_cells(n), d_gates(n), d_gh(n), d_gc(n), d_extra(n);
  for (std::size_t k = 0; k < n; ++k) {
    const Step& s = steps[k];
    const auto kept = [&](const Tensor& t) { return s.active.defined() ? where(s.active, t, 0.0) : t; };
    const Tensor through = kept(u_h);
    const Tensor of_da =
        add(select(w, 0, order[static_cast<std::int64_t>(k)]), matmul(through, w_hh, {.trans_b = true}));
    const Tensor of_w = matmul(s.da, through, {.trans_a = true});
    d_w = d_w.defined() ? add(d_w, of_w) : of_w;
    const LstmCellBackwardGradients d =
        lstm_cell_backward_gradients(s.gates, s.c_prev, s.c, s.dh, s.dc, s.g_gates, kept(of_da), kept(u_c));
    d_gates[k] = d.gates;
    d_extra[k] = d.g_gates;
    d_cells[k] = d.c;
    if (k == 0)
      d_c0 = d.c_prev;
    else
      d_cells[k - 1] = add(d_cells[k - 1], d.c_prev);
    d_gh[k] = u_h = choose(s.active, d.gh, u_h);
    d_gc[k] = u_c = choose(s.active, d.gc, u_c);
  }
  const bool reverse = order.reverse;
  if (c.needs(kWhh)) c.set(kWhh, d_w);
  if (c.needs(kC0)) c.set(kC0, d_c0);
  if (c.needs(kCells)) c.set(kCells, stack_steps(d_cells, reverse));
  if (c.needs(kGates)) c.set(kGates, stack_steps(d_gates, reverse));
  if (c.needs(kGh)) c.set(kGh, stack_steps(d_gh, reverse));
  if (c.needs(kGc)) c.set(kGc, stack_steps(d_gc, reverse));
  if (c.needs(kGgates)) c.set(kGgates, stack_steps(d_extra, reverse));
}

void samples(SampleSink& s) {
  const auto inputs = [&s](std::int64_t steps, std::int64_t batch, std::int64_t hidden,
                           std::initializer_list<std::int64_t> lengths) {
    const Shape states{steps, batch, hidden}, gates{steps, batch, 4 * hidden};
    return std::vector<Tensor>{s.values({4 * hidden, hidden}),
                               s.values({batch, hidden}),
                               SampleSink::i64({batch}, lengths),
                               s.values(states),
                               s.values(gates, 0.05, 0.95),
                               s.values(states),
                               s.values(states),
                               s.values(gates)};
  };
  s.add(inputs(3, 2, 2, {3, 3}), LayerAttrs{});
  s.add(inputs(3, 2, 2, {3, 3}), LayerAttrs{true}, {.note = "reverse"});
  s.add(inputs(3, 3, 1, {1, 3, 0}), LayerAttrs{}, {.note = "lengths"});
  s.add(inputs(3, 3, 1, {2, 0, 3}), LayerAttrs{true}, {.note = "lengths, reverse"});
  s.add(inputs(1, 1, 9, {1}), LayerAttrs{}, {.note = "a tail behind whole vectors"});
  s.add(inputs(1, 1, 1, {1}), LayerAttrs{}, {.note = "size 1"});
  s.add(inputs(2, 0, 2, {}), LayerAttrs{}, {.note = "no samples"});
  std::vector<Tensor> zeros = inputs(2, 2, 2, {2, 2});
  zeros[kGc] = zero_view({2, 2, 2}, DType::f64);
  zeros[kGgates] = zero_view({2, 2, 8}, DType::f64);
  s.add(std::move(zeros), LayerAttrs{}, {.note = "cotangents that did not arrive"});

  std::vector<Tensor> bad = inputs(2, 2, 2, {2, 2});
  bad[kWhh] = s.values({6, 2});
  s.add_error(
      std::move(bad), LayerAttrs{},
      "lstm_backward: w_hh [6, 2] f64 does not fit: the states are cells [2, 2, 2] f64, so it would be "
      "[8, 2]");
  bad = inputs(2, 2, 2, {2, 3});
  s.add_error(std::move(bad), LayerAttrs{},
              "lstm_backward: length 3 at [1] of lengths is outside 0..2: x has 2 steps");
}

constexpr const char* kInputs[] = {"w_hh", "c0", "lengths", "cells", "gates", "gh", "gc", "g_gates"};
constexpr SaveMask kAll =
    in(kWhh) | in(kC0) | in(kLengths) | in(kCells) | in(kGates) | in(kGh) | in(kGc) | in(kGgates);
constexpr SaveMask kSaves[] = {kAll};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(LayerAttrs, reverse, "false")};

}  // namespace

extern constinit const OpDef op_lstm_backward = {
    .name = "lstm_backward",
    .doc = "the gradient of a layer of lstm: of the sums before the gates, h0 and c0",
    .inputs = kInputs,
    .outputs = 3,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
};

}  // namespace gradus
