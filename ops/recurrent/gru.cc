// gru: a whole sequence, as torch.nn.GRU computes it; the formulas are in gru_cell.cc. The op is one layer in
// one direction. W_ih x is one product over all steps, written to where the gates will be; each step takes
// W_hh h, one product with a weight that was packed once, and runs the pointwise part in place.
// The outputs are the state at every step and the gates, which the backward reads.
// Derivative: gru_backward gives the gradients of both sums before the gates at all steps; those of x, the
// weights and the biases are each one product or sum over all steps.
#include "gradus/ops/recurrent/gru.h"

#include <fmt/format.h>

#include "gradus/graph/samples.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/kernels/gemm.h"
#include "gradus/ops/kernels/gemm_packed.h"
#include "gradus/ops/kernels/recurrent.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/pack.h"
#include "gradus/ops/recurrent.h"
#include "gradus/ops/recurrent/layer.h"
#include "gradus/ops/reduction.h"

namespace gradus {

extern const OpDef op_gru;

namespace {

enum Input { kX, kH0, kWih, kWhh, kBih, kBhh, kLengths };
constexpr LayerInputs kLayer{.gates = 3, .states = 1, .biases = 2};

void infer(InferContext& c) {
  const LayerSizes s = infer_layer(c, kLayer);
  const DType dtype = c.dtype(kX);
  std::int64_t width = 0;
  if (__builtin_mul_overflow(s.hidden, 4, &width)) {
    c.shape_error(fmt::format("{} has too many elements", c.describe(kWhh)));
  }
  c.set_out(0, dtype, {s.steps, s.batch, s.hidden});
  c.set_out(1, dtype, {s.steps, s.batch, width});
  // Beside the packed weight the products of one step; the states, as large, are checked by then.
  set_layer_scratch(
      c, kernels::packed_bytes(dtype, s.hidden, 3 * s.hidden) + 3 * room(s.batch * s.hidden, dtype));
}

void kernel(KernelContext& c) {
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const View x = pack(c.in[kX], &scratch), h0 = pack(c.in[kH0], &scratch), w_ih = pack(c.in[kWih], &scratch),
             w_hh = pack(c.in[kWhh], &scratch), b_ih = pack(c.in[kBih], &scratch),
             b_hh = pack(c.in[kBhh], &scratch), given = pack(c.in[kLengths], &scratch);
  const std::int64_t steps = x.dims[0], batch = x.dims[1], inputs = x.dims[2], hidden = w_hh.dims[1];
  const std::int64_t* lengths = checked_lengths(c, kLengths, given, steps);
  if (batch == 0 || hidden == 0) return;
  const DType dtype = x.dtype;
  const std::int64_t width = 4 * hidden, sums = 3 * hidden, states = batch * hidden;
  void *h = c.out[0].data, *gates = c.out[1].data;
  kernels::gemm(dtype, false, true, steps * batch, sums, inputs, 1, x.data, inputs, w_ih.data, inputs, 0,
                gates, width);
  void* b = scratch;
  std::byte* packed = scratch + 3 * room(states, dtype);
  kernels::pack_matrix(dtype, true, hidden, sums, w_hh.data, hidden, packed);
  const Order order{steps, c.attrs<LayerAttrs>().reverse};
  for_samples(batch, steps * sums * hidden, [&](std::int64_t begin, std::int64_t end) {
    const void* h_prev = h0.data;
    for (std::int64_t k = 0; k < steps; ++k) {
      const std::int64_t t = order[k];
      void* h_now = offset(h, t * states, dtype);
      void* a = offset(gates, t * batch * width, dtype);
      if (any_active(lengths, begin, end, t)) {
        kernels::gemm_packed(dtype, end - begin, sums, hidden, offset(h_prev, begin * hidden, dtype), hidden,
                             packed, false, offset(b, begin * sums, dtype), sums);
      }
      each_run(
          lengths, begin, end, t,
          [&](std::int64_t i, std::int64_t count) {
            void* row = offset(a, i * width, dtype);
            kernels::gru_step(dtype,
                              {count, hidden, row, width, b_ih.data, offset(b, i * sums, dtype), b_hh.data,
                               offset(h_prev, i * hidden, dtype), row, offset(h_now, i * hidden, dtype)});
          },
          [&](std::int64_t i, std::int64_t count) {
            copy_elements(offset(h_now, i * hidden, dtype), offset(h_prev, i * hidden, dtype), count * hidden,
                          dtype);
            zero_elements(offset(a, i * width, dtype), count * width, dtype);
          });
      h_prev = h_now;
    }
  });
}

void rule(RuleContext& c) {
  const auto& attrs = c.attrs<LayerAttrs>();
  const Tensor w_hh = c.input(kWhh), h0 = c.input(kH0), lengths = c.input(kLengths), hidden = c.output(0),
               gates = c.output(1), gh = grad_or_zero_view(c, 0, hidden.dtype()),
               g_gates = grad_or_zero_view(c, 1, hidden.dtype());
  const Operand in[] = {w_hh, h0, lengths, hidden, gates, gh, g_gates};
  Tensor d[3];
  apply(op_gru_backward, in, &attrs, d);
  if (c.needs(kX)) c.set(kX, matmul(d[0], c.input(kWih)));
  if (c.needs(kH0)) c.set(kH0, d[2]);
  if (c.needs(kWih)) {
    c.set(kWih, matmul(rows_of_steps(d[0]), rows_of_steps(c.input(kX)), {.trans_a = true}));
  }
  if (c.needs(kWhh)) c.set(kWhh, recurrent_weight_gradient(d[1], hidden, h0, attrs.reverse));
  if (c.needs(kBih)) c.set(kBih, sum(d[0], {0, 1}));
  if (c.needs(kBhh)) c.set(kBhh, sum(d[1], {0, 1}));
}

void samples(SampleSink& s) {
  const auto add = [&s](std::int64_t steps, std::int64_t batch, std::int64_t inputs, std::int64_t hidden,
                        std::initializer_list<std::int64_t> lengths, bool reverse, const char* note) {
    s.add({s.values({steps, batch, inputs}), s.values({batch, hidden}), s.values({3 * hidden, inputs}),
           s.values({3 * hidden, hidden}), s.values({3 * hidden}), s.values({3 * hidden}),
           SampleSink::i64({batch}, lengths)},
          LayerAttrs{reverse}, {.note = note});
  };
  add(3, 2, 2, 2, {3, 3}, false, "");
  add(3, 2, 2, 2, {3, 3}, true, "reverse");
  add(3, 3, 1, 2, {1, 3, 0}, false, "lengths");
  add(3, 3, 1, 2, {2, 0, 3}, true, "lengths, reverse");
  add(2, 1, 2, 9, {2}, false, "a tail behind whole vectors");
  add(1, 1, 1, 1, {1}, false, "size 1");
  add(2, 0, 2, 2, {}, false, "no samples");
  add(2, 2, 0, 1, {2, 2}, false, "no inputs");
  const auto fails = [&s](int i, const Tensor& t, const char* message) {
    std::vector<Tensor> in = {s.values({4, 2, 3}),
                              s.values({2, 2}),
                              s.values({6, 3}),
                              s.values({6, 2}),
                              s.values({6}),
                              s.values({6}),
                              SampleSink::i64({2}, {4, 4})};
    in[static_cast<std::size_t>(i)] = t;
    s.add_error(std::move(in), LayerAttrs{}, message);
  };
  fails(kWhh, s.values({8, 2}), "gru: w_hh has the axes [3 hidden, hidden]: w_hh [8, 2] f64");
  fails(kWih, s.values({6, 4}),
        "gru: w_ih [6, 4] f64 does not fit: w_hh is for 2 hidden units and x has 3 inputs, so it would be "
        "[6, 3]");
  fails(kH0, s.values({1, 2}),
        "gru: h0 [1, 2] f64 does not fit: x has 2 samples and w_hh is for 2 hidden units, so it would be "
        "[2, 2]");
  fails(kBhh, s.values({8}),
        "gru: b_hh [8] f64 does not fit: w_hh is for 2 hidden units, so it would be [6]");
  fails(kLengths, SampleSink::i64({1}, {4}),
        "gru: lengths [1] i64 does not fit: x has 2 samples, so it would be [2]");
  fails(kLengths, SampleSink::i64({2}, {5, 4}),
        "gru: length 5 at [0] of lengths is outside 0..4: x has 4 steps");
}

constexpr const char* kInputs[] = {"x", "h0", "w_ih", "w_hh", "b_ih", "b_hh", "lengths"};
constexpr SaveMask kBackward = in(kH0) | in(kWhh) | in(kLengths) | out(0) | out(1);
constexpr SaveMask kSaves[] = {
    kBackward | in(kWih), kBackward, kBackward | in(kX), kBackward, kBackward, kBackward, 0};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(LayerAttrs, reverse, "false")};

}  // namespace

extern constinit const OpDef op_gru = {
    .name = "gru",
    .doc = "one layer of gru in one direction: the state at every step and the gates",
    .inputs = kInputs,
    .outputs = 2,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "GRU",
    .formula = "h[t] = (1 - z) n + z h[t-1]",
};

RnnResult gru(Operand input, std::span<const RecurrentWeights> weights, const GruOptions& options) {
  const At at{input.where};
  const SequenceArgs args{"gru",
                          false,
                          options.h0,
                          {},
                          options.lengths,
                          options.batch_first,
                          options.bidirectional,
                          options.training,
                          options.dropout,
                          options.generator};
  LstmResult r = run_layers(input, weights, args, [&](const LayerCall& l) {
    const Tensor b_ih = bias_or_zeros(l.weights.b_ih, l.weights, at.where);
    const Tensor b_hh = bias_or_zeros(l.weights.b_hh, l.weights, at.where);
    const Operand in[] = {at(l.x),  at(l.h0), at(l.weights.w_ih), at(l.weights.w_hh),
                          at(b_ih), at(b_hh), at(l.lengths)};
    const LayerAttrs attrs{l.reverse};
    Tensor outs[2];
    apply(op_gru, in, &attrs, outs);
    return LayerStates{std::move(outs[0]), {}};
  });
  return {std::move(r.output), std::move(r.h_n)};
}

}  // namespace gradus
