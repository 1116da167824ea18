// gru_cell: one step. The op is the pointwise part, with the sums a = W_ih x + b_ih and b = W_hh h + b_hh of
// the gates r, z, n side by side:
//   r = sigmoid(a_r + b_r), z = sigmoid(a_z + b_z), n = tanh(a_n + r b_n), h' = (1 - z) n + z h.
// K. Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014), in the variant that
// PyTorch and cuDNN compute: the reset gate acts behind the product. The gates, and b_n beside them, are an
// output of the op, since the backward reads them.
// Derivative: gru_cell_backward, one loop.
#include <fmt/format.h>

#include "gradus/graph/samples.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/kernels/recurrent.h"
#include "gradus/ops/pack.h"
#include "gradus/ops/recurrent.h"
#include "gradus/ops/recurrent/gru.h"
#include "gradus/ops/recurrent/layer.h"

namespace gradus {

extern const OpDef op_gru_cell;

namespace {

void infer(InferContext& c) {
  c.require_floating(2);
  if (c.rank(2) == 0) c.shape_error(fmt::format("h has the axis [hidden]: {} is a scalar", c.describe(2)));
  Shape sums = c.shape(2), gates = c.shape(2);
  const int last = c.rank(2) - 1;
  if (__builtin_mul_overflow(gates[last], 4, &gates[last])) {
    c.shape_error(fmt::format("{} has too many elements", c.describe(2)));
  }
  sums[last] *= 3;
  const auto why = [&] { return fmt::format("there are 3 gates a unit of {}", c.describe(2)); };
  for (int i = 0; i < 2; ++i) require_fits(c, i, sums, c.dtype(2), why);
  c.set_out_like(0, 2);
  c.set_out(1, c.dtype(2), gates);
  set_layer_scratch(c, 0);
}

void kernel(KernelContext& c) {
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const View a = pack(c.in[0], &scratch), b = pack(c.in[1], &scratch), h = pack(c.in[2], &scratch);
  if (h.numel == 0) return;
  const std::int64_t hidden = h.dims[h.rank - 1];
  kernels::gru_step(h.dtype, {h.numel / hidden, hidden, a.data, 3 * hidden, nullptr, b.data, nullptr, h.data,
                              c.out[1].data, c.out[0].data});
}

void rule(RuleContext& c) {
  const Tensor h = c.input(2);
  const GruCellBackward d = gru_cell_backward(c.output(1), h, grad_or_zero_view(c, 0, h.dtype()),
                                              grad_or_zero_view(c, 1, h.dtype()));
  if (c.needs(0)) c.set(0, d.da_i);
  if (c.needs(1)) c.set(1, d.da_h);
  if (c.needs(2)) c.set(2, d.dh);
}

void samples(SampleSink& s) {
  s.add({s.values({2, 9}), s.values({2, 9}), s.values({2, 3})});
  s.add({s.values({2, 57}), s.values({2, 57}), s.values({2, 19})}, NoAttrs{},
        {.note = "a tail behind whole vectors"});
  s.add({s.values({9}), s.values({9}), s.values({3})}, NoAttrs{}, {.note = "one sample"});
  s.add({s.values({1, 3}), s.values({1, 3}), s.values({1, 1})}, NoAttrs{}, {.note = "size 1"});
  s.add({s.values({0, 9}), s.values({0, 9}), s.values({0, 3})}, NoAttrs{}, {.note = "no samples"});
  s.add_error({s.values({2, 12}), s.values({2, 9}), s.values({2, 3})},
              "gru_cell: gates_i [2, 12] f64 does not fit: there are 3 gates a unit of h [2, 3] f64, so it "
              "would be [2, 9]");
  s.add_error({s.values({2, 9}), s.values({1, 9}), s.values({2, 3})},
              "gru_cell: gates_h [1, 9] f64 does not fit: there are 3 gates a unit of h [2, 3] f64, so it "
              "would be [2, 9]");
  s.add_error({s.values({3}), s.values({3}), s.values({})},
              "gru_cell: h has the axis [hidden]: h [] f64 is a scalar");
}

constexpr const char* kInputs[] = {"gates_i", "gates_h", "h"};
constexpr SaveMask kSaves[] = {in(2) | out(1)};

}  // namespace

extern constinit const OpDef op_gru_cell = {
    .name = "gru_cell",
    .doc = "the pointwise part of one step of gru: the next h, and the gates",
    .inputs = kInputs,
    .outputs = 2,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "h' = (1 - z) n + z h",
};

Tensor gru_cell(Operand input, Operand h, const RecurrentWeights& weights) {
  const At at{input.where};
  check_cell("gru_cell", 3, input, std::span(&h, 1), weights);
  const Tensor state = held(h), a = cell_product(input, weights.w_ih, weights.b_ih),
               b = cell_product(at(state), weights.w_hh, weights.b_hh);
  const Operand in[] = {at(a), at(b), at(state)};
  Tensor outs[2];
  apply(op_gru_cell, in, nullptr, outs);
  return std::move(outs[0]);
}

}  // namespace gradus
