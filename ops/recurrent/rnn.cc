// rnn: a whole sequence, as torch.nn.RNN computes it: h[t] = tanh(W_ih x[t] + b_ih + W_hh h[t-1] + b_hh), or
// relu in place of tanh. The op is one layer in one direction. W_ih x is one product over all steps, written
// to where the states will be; each step adds W_hh h, by one product with a weight that was packed once.
// Derivative: rnn_backward gives the gradient of the sums at all steps; those of x, the weights and the bias
// are each one product or sum over all steps.
#include "gradus/graph/samples.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/kernels/gemm.h"
#include "gradus/ops/kernels/gemm_packed.h"
#include "gradus/ops/kernels/recurrent.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/pack.h"
#include "gradus/ops/recurrent.h"
#include "gradus/ops/recurrent/gru.h"
#include "gradus/ops/recurrent/layer.h"
#include "gradus/ops/reduction.h"

namespace gradus {

extern const OpDef op_rnn;

namespace {

enum Input { kX, kH0, kWih, kWhh, kBias, kLengths };
constexpr LayerInputs kLayer{.gates = 1, .states = 1, .biases = 1};

void infer(InferContext& c) {
  const LayerSizes s = infer_layer(c, kLayer);
  c.set_out(0, c.dtype(kX), {s.steps, s.batch, s.hidden});
  set_layer_scratch(c, kernels::packed_bytes(c.dtype(kX), s.hidden, s.hidden));
}

void kernel(KernelContext& c) {
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const View x = pack(c.in[kX], &scratch), h0 = pack(c.in[kH0], &scratch), w_ih = pack(c.in[kWih], &scratch),
             w_hh = pack(c.in[kWhh], &scratch), bias = pack(c.in[kBias], &scratch),
             given = pack(c.in[kLengths], &scratch);
  const std::int64_t steps = x.dims[0], batch = x.dims[1], inputs = x.dims[2], hidden = w_hh.dims[1];
  const auto& attrs = c.attrs<RnnLayerAttrs>();
  const std::int64_t* lengths = checked_lengths(c, kLengths, given, steps);
  if (batch == 0 || hidden == 0) return;
  const DType dtype = x.dtype;
  const std::int64_t states = batch * hidden;
  void* h = c.out[0].data;
  kernels::gemm(dtype, false, true, steps * batch, hidden, inputs, 1, x.data, inputs, w_ih.data, inputs, 0, h,
                hidden);
  kernels::pack_matrix(dtype, true, hidden, hidden, w_hh.data, hidden, scratch);
  const Order order{steps, attrs.reverse};
  for_samples(batch, steps * hidden * hidden, [&](std::int64_t begin, std::int64_t end) {
    const void* h_prev = h0.data;
    for (std::int64_t k = 0; k < steps; ++k) {
      const std::int64_t t = order[k];
      void* h_now = offset(h, t * states, dtype);
      if (any_active(lengths, begin, end, t)) {
        kernels::gemm_packed(dtype, end - begin, hidden, hidden, offset(h_prev, begin * hidden, dtype),
                             hidden, scratch, true, offset(h_now, begin * hidden, dtype), hidden);
      }
      each_run(
          lengths, begin, end, t,
          [&](std::int64_t i, std::int64_t count) {
            kernels::rnn_step(dtype,
                              {count, hidden, is_relu(attrs), bias.data, offset(h_now, i * hidden, dtype)});
          },
          [&](std::int64_t i, std::int64_t count) {
            copy_elements(offset(h_now, i * hidden, dtype), offset(h_prev, i * hidden, dtype), count * hidden,
                          dtype);
          });
      h_prev = h_now;
    }
  });
}

void rule(RuleContext& c) {
  const auto& attrs = c.attrs<RnnLayerAttrs>();
  const Tensor w_hh = c.input(kWhh), lengths = c.input(kLengths), hidden = c.output(0), gh = c.grad(0);
  const Operand in[] = {w_hh, lengths, hidden, gh};
  Tensor d[2];
  apply(op_rnn_backward, in, &attrs, d);
  if (c.needs(kX)) c.set(kX, matmul(d[0], c.input(kWih)));
  if (c.needs(kH0)) c.set(kH0, d[1]);
  if (c.needs(kWih)) {
    c.set(kWih, matmul(rows_of_steps(d[0]), rows_of_steps(c.input(kX)), {.trans_a = true}));
  }
  if (c.needs(kWhh)) c.set(kWhh, recurrent_weight_gradient(d[0], hidden, c.input(kH0), attrs.reverse));
  if (c.needs(kBias)) c.set(kBias, sum(d[0], {0, 1}));
}

void samples(SampleSink& s) {
  const auto add = [&s](std::int64_t steps, std::int64_t batch, std::int64_t inputs, std::int64_t hidden,
                        std::initializer_list<std::int64_t> lengths, RnnLayerAttrs attrs, const char* note) {
    s.add({s.values({steps, batch, inputs}), s.values({batch, hidden}), s.values({hidden, inputs}),
           s.values({hidden, hidden}), s.values({hidden}), SampleSink::i64({batch}, lengths)},
          attrs, {.note = note});
  };
  add(3, 2, 2, 2, {3, 3}, {}, "");
  add(3, 2, 2, 2, {3, 3}, {true, "relu"}, "reverse, relu");
  add(3, 3, 1, 2, {1, 3, 0}, {false, "relu"}, "lengths, relu");
  add(3, 3, 1, 2, {2, 0, 3}, {true, "tanh"}, "lengths, reverse");
  add(2, 1, 2, 9, {2}, {}, "a tail behind whole vectors");
  add(1, 1, 1, 1, {1}, {}, "size 1");
  add(2, 0, 2, 2, {}, {}, "no samples");
  add(2, 2, 0, 1, {2, 2}, {}, "no inputs");
  const auto fails = [&s](int i, const Tensor& t, const char* message) {
    std::vector<Tensor> in = {s.values({4, 2, 3}), s.values({2, 2}), s.values({2, 3}),
                              s.values({2, 2}),    s.values({2}),    SampleSink::i64({2}, {4, 4})};
    in[static_cast<std::size_t>(i)] = t;
    s.add_error(std::move(in), RnnLayerAttrs{}, message);
  };
  fails(kWhh, s.values({2, 3}), "rnn: w_hh has the axes [hidden, hidden]: w_hh [2, 3] f64");
  fails(kWih, s.values({3, 3}),
        "rnn: w_ih [3, 3] f64 does not fit: w_hh is for 2 hidden units and x has 3 inputs, so it would be "
        "[2, 3]");
  fails(kH0, s.values({2, 3}),
        "rnn: h0 [2, 3] f64 does not fit: x has 2 samples and w_hh is for 2 hidden units, so it would be "
        "[2, 2]");
  fails(kBias, s.i64({2}, {1, 2}),
        "rnn: bias [2] i64 has another dtype than it needs: w_hh is for 2 hidden units: f64; convert it with "
        "astype()");
  fails(kLengths, SampleSink::i64({2}, {4, 6}),
        "rnn: length 6 at [1] of lengths is outside 0..4: x has 4 steps");
}

constexpr const char* kInputs[] = {"x", "h0", "w_ih", "w_hh", "bias", "lengths"};
constexpr SaveMask kBackward = in(kWhh) | in(kLengths) | out(0);
constexpr SaveMask kSaves[] = {kBackward | in(kWih), kBackward, kBackward | in(kX),
                               kBackward | in(kH0),  kBackward, 0};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(RnnLayerAttrs, reverse, "false"),
                              GRADUS_ATTR(RnnLayerAttrs, nonlinearity, "\"tanh\"")};

}  // namespace

extern constinit const OpDef op_rnn = {
    .name = "rnn",
    .doc = "one layer of a recurrent network in one direction: the state at every step",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "RNN",
    .formula = "h[t] = tanh(W_ih x[t] + W_hh h[t-1] + b)",
};

RnnResult rnn(Operand input, std::span<const RecurrentWeights> weights, const RnnOptions& options) {
  const At at{input.where};
  const char* nonlinearity = nonlinearity_of(options.nonlinearity, "rnn", at.where);
  const SequenceArgs args{"rnn",
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
    const Tensor bias = sum_of_biases(l.weights, "rnn", at.where);
    const Operand in[] = {at(l.x), at(l.h0), at(l.weights.w_ih), at(l.weights.w_hh), at(bias), at(l.lengths)};
    const RnnLayerAttrs attrs{l.reverse, nonlinearity};
    Tensor out;
    apply(op_rnn, in, &attrs, std::span(&out, 1));
    return LayerStates{std::move(out), {}};
  });
  return {std::move(r.output), std::move(r.h_n)};
}

}  // namespace gradus
