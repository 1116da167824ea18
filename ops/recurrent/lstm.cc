// lstm: a whole sequence, as torch.nn.LSTM computes it; the formulas are in lstm_cell.cc. The op is one layer
// in one direction. W_ih x is one product over all steps, written to where the gates will be; then each step
// adds W_hh h, by one product with a weight that was packed once, and runs the pointwise part in place.
// The outputs are the states at every step and the gates, which the backward reads.
// Derivative: lstm_backward gives the gradient of the sums before the gates at all steps; those of x, the
// weights and the bias are each one product or sum over all steps.
#include "gradus/ops/recurrent/lstm.h"

#include "gradus/graph/samples.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/kernels/gemm.h"
#include "gradus/ops/kernels/gemm_packed.h"
#include "gradus/ops/kernels/recurrent.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/pack.h"
#include "gradus/ops/recurrent.h"
#include "gradus/ops/recurrent/layer.h"
#include "gradus/ops/reduction.h"

namespace gradus {

extern const OpDef op_lstm;

namespace {

enum Input { kX, kH0, kC0, kWih, kWhh, kBias, kLengths };
constexpr LayerInputs kLayer{.gates = 4, .states = 2, .biases = 1};

void infer(InferContext& c) {
  const LayerSizes s = infer_layer(c, kLayer);
  const DType dtype = c.dtype(kX);
  const Shape states{s.steps, s.batch, s.hidden};
  c.set_out(0, dtype, states);
  c.set_out(1, dtype, states);
  c.set_out(2, dtype, {s.steps, s.batch, c.dim(kWhh, 0)});
  set_layer_scratch(c, kernels::packed_bytes(dtype, s.hidden, c.dim(kWhh, 0)));
}

void kernel(KernelContext& c) {
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const View x = pack(c.in[kX], &scratch), h0 = pack(c.in[kH0], &scratch), c0 = pack(c.in[kC0], &scratch),
             w_ih = pack(c.in[kWih], &scratch), w_hh = pack(c.in[kWhh], &scratch),
             bias = pack(c.in[kBias], &scratch), given = pack(c.in[kLengths], &scratch);
  const std::int64_t steps = x.dims[0], batch = x.dims[1], inputs = x.dims[2], hidden = w_hh.dims[1];
  const std::int64_t* lengths = checked_lengths(c, kLengths, given, steps);
  if (batch == 0 || hidden == 0) return;
  const DType dtype = x.dtype;
  const std::int64_t width = 4 * hidden, states = batch * hidden;
  void *h = c.out[0].data, *cells = c.out[1].data, *gates = c.out[2].data;
  kernels::gemm(dtype, false, true, steps * batch, width, inputs, 1, x.data, inputs, w_ih.data, inputs, 0,
                gates, width);
  kernels::pack_matrix(dtype, true, hidden, width, w_hh.data, hidden, scratch);
  const Order order{steps, c.attrs<LayerAttrs>().reverse};
  for_samples(batch, steps * width * hidden, [&](std::int64_t begin, std::int64_t end) {
    const void *h_prev = h0.data, *c_prev = c0.data;
    for (std::int64_t k = 0; k < steps; ++k) {
      const std::int64_t t = order[k];
      void *h_now = offset(h, t * states, dtype), *c_now = offset(cells, t * states, dtype);
      void* a = offset(gates, t * batch * width, dtype);
      if (any_active(lengths, begin, end, t)) {
        kernels::gemm_packed(dtype, end - begin, width, hidden, offset(h_prev, begin * hidden, dtype), hidden,
                             scratch, true, offset(a, begin * width, dtype), width);
      }
      each_run(
          lengths, begin, end, t,
          [&](std::int64_t i, std::int64_t count) {
            const std::int64_t at = i * hidden;
            void* row = offset(a, i * width, dtype);
            kernels::lstm_step(dtype, {count, hidden, row, bias.data, offset(c_prev, at, dtype), row,
                                       offset(c_now, at, dtype), offset(h_now, at, dtype)});
          },
          [&](std::int64_t i, std::int64_t count) {
            const std::int64_t at = i * hidden, n = count * hidden;
            copy_elements(offset(h_now, at, dtype), offset(h_prev, at, dtype), n, dtype);
            copy_elements(offset(c_now, at, dtype), offset(c_prev, at, dtype), n, dtype);
            zero_elements(offset(a, i * width, dtype), count * width, dtype);
          });
      h_prev = h_now;
      c_prev = c_now;
    }
  });
}

void rule(RuleContext& c) {
  const auto& attrs = c.attrs<LayerAttrs>();
  const Tensor w_hh = c.input(kWhh), c0 = c.input(kC0), lengths = c.input(kLengths), cells = c.output(1),
               gates = c.output(2);
  Tensor g[3];
  for (int i = 0; i < 3; ++i) g[i] = grad_or_zero_view(c, i, cells.dtype());
  const Operand in[] = {w_hh, c0, lengths, cells, gates, g[0], g[1], g[2]};
  Tensor d[3];
  apply(op_lstm_backward, in, &attrs, d);
  if (c.needs(kX)) c.set(kX, matmul(d[0], c.input(kWih)));
  if (c.needs(kH0)) c.set(kH0, d[1]);
  if (c.needs(kC0)) c.set(kC0, d[2]);
  if (c.needs(kWih)) {
    c.set(kWih, matmul(rows_of_steps(d[0]), rows_of_steps(c.input(kX)), {.trans_a = true}));
  }
  if (c.needs(kWhh)) c.set(kWhh, recurrent_weight_gradient(d[0], c.output(0), c.input(kH0), attrs.reverse));
  if (c.needs(kBias)) c.set(kBias, sum(d[0], {0, 1}));
}

void samples(SampleSink& s) {
  const auto add = [&s](std::int64_t steps, std::int64_t batch, std::int64_t inputs, std::int64_t hidden,
                        std::initializer_list<std::int64_t> lengths, bool reverse, const char* note) {
    s.add({s.values({steps, batch, inputs}), s.values({batch, hidden}), s.values({batch, hidden}),
           s.values({4 * hidden, inputs}), s.values({4 * hidden, hidden}), s.values({4 * hidden}),
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
                              s.values({2, 2}),
                              s.values({8, 3}),
                              s.values({8, 2}),
                              s.values({8}),
                              SampleSink::i64({2}, {4, 4})};
    in[static_cast<std::size_t>(i)] = t;
    s.add_error(std::move(in), LayerAttrs{}, message);
  };
  fails(kX, s.values({4, 3}), "lstm: x has the axes [steps, batch, inputs]: x [4, 3] f64");
  fails(kX, s.values({0, 2, 3}), "lstm: x has no steps: x [0, 2, 3] f64");
  fails(kWhh, s.values({6, 2}), "lstm: w_hh has the axes [4 hidden, hidden]: w_hh [6, 2] f64");
  fails(kWih, s.values({6, 3}),
        "lstm: w_ih [6, 3] f64 does not fit: w_hh is for 2 hidden units and x has 3 inputs, so it would be "
        "[8, 3]");
  fails(kWhh, s.values({12, 3}),
        "lstm: w_ih [8, 3] f64 does not fit: w_hh is for 3 hidden units and x has 3 inputs, so it would be "
        "[12, 3]");
  fails(kH0, s.values({3, 2}),
        "lstm: h0 [3, 2] f64 does not fit: x has 2 samples and w_hh is for 2 hidden units, so it would be "
        "[2, 2]");
  fails(kC0, s.values({2, 1}),
        "lstm: c0 [2, 1] f64 does not fit: x has 2 samples and w_hh is for 2 hidden units, so it would be "
        "[2, 2]");
  fails(kBias, s.values({4}),
        "lstm: bias [4] f64 does not fit: w_hh is for 2 hidden units, so it would be [8]");
  fails(kLengths, SampleSink::i64({3}, {4, 4, 4}),
        "lstm: lengths [3] i64 does not fit: x has 2 samples, so it would be [2]");
  fails(kLengths, s.values({2}),
        "lstm: lengths [2] f64 has another dtype than it needs: x has 2 samples: i64; convert it with "
        "astype()");
  fails(kLengths, SampleSink::i64({2}, {4, 5}),
        "lstm: length 5 at [1] of lengths is outside 0..4: x has 4 steps");
  fails(kLengths, SampleSink::i64({2}, {-1, 4}),
        "lstm: length -1 at [0] of lengths is outside 0..4: x has 4 steps");
}

constexpr const char* kInputs[] = {"x", "h0", "c0", "w_ih", "w_hh", "bias", "lengths"};
constexpr SaveMask kBackward = in(kC0) | in(kWhh) | in(kLengths) | out(1) | out(2);
constexpr SaveMask kSaves[] = {kBackward | in(kWih),         kBackward, kBackward, kBackward | in(kX),
                               kBackward | in(kH0) | out(0), kBackward, 0};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(LayerAttrs, reverse, "false")};

}  // namespace

extern constinit const OpDef op_lstm = {
    .name = "lstm",
    .doc = "one layer of lstm in one direction: the states at every step and the gates",
    .inputs = kInputs,
    .outputs = 3,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "LSTM",
    .formula = "c[t] = f c[t-1] + i g, h[t] = o tanh(c[t])",
};

LstmResult lstm(Operand input, std::span<const RecurrentWeights> weights, const LstmOptions& options) {
  const At at{input.where};
  const SequenceArgs args{"lstm",
                          true,
                          options.h0,
                          options.c0,
                          options.lengths,
                          options.batch_first,
                          options.bidirectional,
                          options.training,
                          options.dropout,
                          options.generator};
  return run_layers(input, weights, args, [&](const LayerCall& l) {
    const Tensor bias = sum_of_biases(l.weights, "lstm", at.where);
    const Operand in[] = {at(l.x),  at(l.h0),     at(l.c0), at(l.weights.w_ih), at(l.weights.w_hh),
                          at(bias), at(l.lengths)};
    const LayerAttrs attrs{l.reverse};
    Tensor outs[3];
    apply(op_lstm, in, &attrs, outs);
    return LayerStates{std::move(outs[0]), std::move(outs[1])};
  });
}

}  // namespace gradus
