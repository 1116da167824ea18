// gru_backward: the gradient of a layer of gru, from the last step to the first: at each step the pointwise
// part (gru_cell_backward.cc) and dh = gh z + da_h W_hh, one product with a weight that was packed once. The
// outputs are da_i and da_h, the gradients of W_ih x + b_ih and of W_hh h + b_hh at all steps, and that of
// h0. Derivative: the recurrence read the other way, with gru_cell_backward_gradients at each step; what was
// dh at a step is computed again. Composed of ops.
#include <fmt/format.h>

#include <vector>

#include "gradus/graph/samples.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/kernels/gemm_packed.h"
#include "gradus/ops/kernels/recurrent.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/pack.h"
#include "gradus/ops/recurrent/gru.h"
#include "gradus/ops/recurrent/layer.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

enum Input { kWhh, kH0, kLengths, kHidden, kGates, kGh, kGgates };

void infer(InferContext& c) {
  c.require_floating(kHidden);
  if (c.rank(kHidden) != 3) {
    c.shape_error(fmt::format("hidden has the axes [steps, batch, hidden]: {}", c.describe(kHidden)));
  }
  const Shape states = c.shape(kHidden);
  const std::int64_t hidden = states[2];
  std::int64_t width = 0;
  if (__builtin_mul_overflow(hidden, 4, &width)) {
    c.shape_error(fmt::format("{} has too many elements", c.describe(kHidden)));
  }
  const DType dtype = c.dtype(kHidden);
  const auto why = [&] { return fmt::format("the states are {}", c.describe(kHidden)); };
  require_fits(c, kWhh, {3 * hidden, hidden}, dtype, why);
  require_fits(c, kH0, {states[1], hidden}, dtype, why);
  require_fits(c, kLengths, {states[1]}, DType::i64, why);
  require_fits(c, kGates, {states[0], states[1], width}, dtype, why);
  require_fits(c, kGh, states, dtype, why);
  require_fits(c, kGgates, c.shape(kGates), dtype, why);
  const Shape sums{states[0], states[1], 3 * hidden};
  c.set_out(0, dtype, sums);
  c.set_out(1, dtype, sums);
  c.set_out_like(2, kH0);
  set_layer_scratch(c, kernels::packed_bytes(dtype, 3 * hidden, hidden));
}

void kernel(KernelContext& c) {
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const View w_hh = pack(c.in[kWhh], &scratch), h0 = pack(c.in[kH0], &scratch),
             given = pack(c.in[kLengths], &scratch), h = pack(c.in[kHidden], &scratch),
             gates = pack(c.in[kGates], &scratch);
  const void *gh = packed_or_null(c.in[kGh], &scratch), *g_gates = packed_or_null(c.in[kGgates], &scratch);
  const std::int64_t steps = h.dims[0], batch = h.dims[1], hidden = h.dims[2];
  const std::int64_t* lengths = checked_lengths(c, kLengths, given, steps);
  const DType dtype = h.dtype;
  const std::int64_t width = 4 * hidden, sums = 3 * hidden, states = batch * hidden;
  void *da_i = c.out[0].data, *da_h = c.out[1].data, *dh = c.out[2].data;
  zero_elements(dh, states, dtype);
  if (states == 0) return;
  kernels::pack_matrix(dtype, false, sums, hidden, w_hh.data, hidden, scratch);
  const Order order{steps, c.attrs<LayerAttrs>().reverse};
  for_samples(batch, steps * sums * hidden, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = steps - 1; k >= 0; --k) {
      const std::int64_t t = order[k];
      const void* h_prev = k == 0 ? h0.data : offset(h.data, order[k - 1] * states, dtype);
      each_run(
          lengths, begin, end, t,
          [&](std::int64_t i, std::int64_t count) {
            const std::int64_t sample = t * batch + i, row = i * hidden;
            kernels::gru_step_backward(
                dtype, {count, hidden, offset(gates.data, sample * width, dtype), offset(h_prev, row, dtype),
                        offset_if(gh, sample * hidden, dtype), offset(dh, row, dtype),
                        offset_if(g_gates, sample * width, dtype), offset(da_i, sample * sums, dtype),
                        offset(da_h, sample * sums, dtype), offset(dh, row, dtype)});
          },
          [&](std::int64_t i, std::int64_t count) {
            const std::int64_t sample = t * batch + i;
            add_elements(offset(dh, i * hidden, dtype), offset_if(gh, sample * hidden, dtype), count * hidden,
                         dtype);
            zero_elements(offset(da_i, sample * sums, dtype), count * sums, dtype);
            zero_elements(offset(da_h, sample * sums, dtype), count * sums, dtype);
          });
      if (any_active(lengths, begin, end, t)) {
        kernels::gemm_packed(dtype, end - begin, hidden, sums,
                             offset(da_h, (t * batch + begin) * sums, dtype), sums, scratch, true,
                             offset(dh, begin * hidden, dtype), hidden);
      }
    }
  });
}

void rule(RuleContext& c) {
  const Order order{c.input(kHidden).shape()[0], c.attrs<LayerAttrs>().reverse};
  const auto n = static_cast<std::size_t>(order.steps);
  const Tensor w_hh = c.input(kWhh), h0 = c.input(kH0), lengths = c.input(kLengths), h = c.input(kHidden),
               gates = c.input(kGates), gh = c.input(kGh), g_gates = c.input(kGgates);
  struct Step {
    Tensor active, gates, h_prev, dh, g_gates, da_h;
  };
  std::vector<Step> steps(n);
  Tensor dh;
  for (std::size_t k = n; k-- > 0;) {
    const std::int64_t t = order[static_cast<std::int64_t>(k)];
    Step& s = steps[k];
    s.active = active_samples(lengths, t, order.steps);
    s.gates = select(gates, 0, t);
    s.h_prev = k == 0 ? h0 : select(h, 0, order[static_cast<std::int64_t>(k) - 1]);
    s.g_gates = select(g_gates, 0, t);
    s.dh = select(gh, 0, t);
    if (k + 1 < n) s.dh = add(s.dh, dh);
    const GruCellBackward d = gru_cell_backward(s.gates, s.h_prev, s.dh, s.g_gates);
    s.da_h = d.da_h;
    dh = choose(s.active, add(matmul(d.da_h, w_hh), d.dh), s.dh);
  }

  // u: the cotangent of what a step gave to the one before it.
  Tensor u = c.grad(2), d_w, d_h0;
  const Tensor w_i = c.grad(0), w_h = c.grad(1);
  std::vector<Tensor> d_hidden(n), d_gates(n), d_gh(n), d_extra(n);
  for (std::size_t k = 0; k < n; ++k) {
    const Step& s = steps[k];
    const std::int64_t t = order[static_cast<std::int64_t>(k)];
    const auto kept = [&](const Tensor& x) { return s.active.defined() ? where(s.active, x, 0.0) : x; };
    const Tensor through = kept(u);
    const Tensor of_da = add(select(w_h, 0, t), matmul(through, w_hh, {.trans_b = true}));
    const Tensor of_w = matmul(s.da_h, through, {.trans_a = true});
    d_w = d_w.defined() ? add(d_w, of_w) : of_w;
    const GruCellBackwardGradients d = gru_cell_backward_gradients(
        s.gates, s.h_prev, s.dh, s.g_gates, kept(select(w_i, 0, t)), kept(of_da), through);
    d_gates[k] = d.gates;
    d_extra[k] = d.g_gates;
    if (k == 0)
      d_h0 = d.h_prev;
    else
      d_hidden[k - 1] = d.h_prev;
    d_gh[k] = u = choose(s.active, d.gh, u);
  }
  d_hidden[n - 1] = zeros_like(d_h0);  // the last state is no step's state before
  const bool reverse = order.reverse;
  if (c.needs(kWhh)) c.set(kWhh, d_w);
  if (c.needs(kH0)) c.set(kH0, d_h0);
  if (c.needs(kHidden)) c.set(kHidden, stack_steps(d_hidden, reverse));
  if (c.needs(kGates)) c.set(kGates, stack_steps(d_gates, reverse));
  if (c.needs(kGh)) c.set(kGh, stack_steps(d_gh, reverse));
  if (c.needs(kGgates)) c.set(kGgates, stack_steps(d_extra, reverse));
}

void samples(SampleSink& s) {
  const auto inputs = [&s](std::int64_t steps, std::int64_t batch, std::int64_t hidden,
                           std::initializer_list<std::int64_t> lengths) {
    const Shape states{steps, batch, hidden}, gates{steps, batch, 4 * hidden};
    return std::vector<Tensor>{s.values({3 * hidden, hidden}),
                               s.values({batch, hidden}),
                               SampleSink::i64({batch}, lengths),
                               s.values(states),
                               s.values(gates, 0.05, 0.95),
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
  zeros[kGgates] = zero_view({2, 2, 8}, DType::f64);
  s.add(std::move(zeros), LayerAttrs{}, {.note = "cotangents that did not arrive"});

  std::vector<Tensor> bad = inputs(2, 2, 2, {2, 2});
  bad[kGates] = s.values({2, 2, 6});
  s.add_error(
      std::move(bad), LayerAttrs{},
      "gru_backward: gates [2, 2, 6] f64 does not fit: the states are hidden [2, 2, 2] f64, so it would "
      "be [2, 2, 8]");
  s.add_error(inputs(2, 2, 2, {2, 3}), LayerAttrs{},
              "gru_backward: length 3 at [1] of lengths is outside 0..2: x has 2 steps");
}

constexpr const char* kInputs[] = {"w_hh", "h0", "lengths", "hidden", "gates", "gh", "g_gates"};
constexpr SaveMask kSaves[] = {in(kWhh) | in(kH0) | in(kLengths) | in(kHidden) | in(kGates) | in(kGh) |
                               in(kGgates)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(LayerAttrs, reverse, "false")};

}  // namespace

extern constinit const OpDef op_gru_backward = {
    .name = "gru_backward",
    .doc = "the gradient of a layer of gru: of the two sums before the gates, and of h0",
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
