// layer_norm: y = (x - m) r weight + bias with r = 1 / sqrt(var + eps), m and the biased variance over the
// last axes, as many as weight has. Outputs m and r too, since the derivative reads them.
// Derivative: one fused op, layer_norm_backward; for m it is 1 / n, for r -r^3 (x - m) / n.
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/norm/row_norms.h"
#include "gradus/ops/pack.h"
#include "gradus/ops/reduction.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  require_rows(c, 0, 1, 3);
  require_eps(c, c.attrs<NormEpsAttrs>().eps);
  c.set_out_like(0, 0);
  const Shape statistics = statistics_shape(c, 0, 1);
  c.set_out(1, c.dtype(0), statistics);
  c.set_out(2, c.dtype(0), statistics);
  c.set_scratch(pack_room(c.impl(0)) + pack_room(c.impl(1)) + pack_room(c.impl(2)));
}

void kernel(KernelContext& c) {
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const View x = pack(c.in[0], &scratch), weight = pack(c.in[1], &scratch), bias = pack(c.in[2], &scratch);
  kernels::row_norm(row_norm_params(x, weight, true), x.data, weight.data, bias.data,
                    c.attrs<NormEpsAttrs>().eps, c.out[0].data, c.out[1].data, c.out[2].data);
}

void rule(RuleContext& c) {
  if (c.needs(0) || c.needs(1)) {
    const Tensor x = c.input(0), weight = c.input(1), mean = c.output(1), rstd = c.output(2);
    const bool parameters = c.needs(1) || c.needs(2);
    auto [dx, dweight, dbias] = layer_norm_backward(c.grad(), x, weight, mean, rstd, parameters);
    if (c.needs(0) && (c.has_grad(1) || c.has_grad(2))) {
      dx = add(dx, statistics_gradient(x, mean, c.grad(1), variance_cotangent(c.grad(2), rstd),
                                       last_axes(weight.rank())));
    }
    if (c.needs(0)) c.set(0, dx);
    if (c.needs(1)) c.set(1, dweight);
    if (c.needs(2)) c.set(2, dbias);
  } else {
    c.set(2, sum_to(c.grad(), c.input_shape(2)));
  }
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({4}), s.values({4})}, NormEpsAttrs{});
  s.add({s.values({2, 3, 2}), s.values({3, 2}), s.values({3, 2})}, NormEpsAttrs{0.1}, {.note = "two axes"});
  s.add({s.values({2, 2, 19}), s.values({19}), s.values({19})}, NormEpsAttrs{},
        {.note = "a tail behind whole vectors"});
  s.add({s.values({67, 3}), s.values({3}), s.values({3})}, NormEpsAttrs{},
        {.note = "several blocks of rows"});
  s.add({s.values({5}), s.values({5}), s.values({5})}, NormEpsAttrs{}, {.note = "one row"});
  s.add({s.values({2, 6}, 8, 12), s.values({6}), s.values({6})}, NormEpsAttrs{},
        {.note = "a mean far from 0"});
  s.add({s.values({2, 1}), s.values({1}), s.values({1})}, NormEpsAttrs{0.5}, {.note = "size 1: the bias"});
  s.add({SampleSink::f64({1, 3}, {2, 2, 2}), s.values({3}), s.values({3})}, NormEpsAttrs{},
        {.gradcheck = false, .note = "no spread"});
  s.add({s.values({0, 3}), s.values({3}), s.values({3})}, NormEpsAttrs{}, {.note = "no rows"});
  s.add_error(
      {s.values({3, 4}), s.values({3}), s.values({3})}, NormEpsAttrs{},
      "layer_norm: the last axes of input are normalised, their sizes are those of weight [3] f64: input "
      "[3, 4] f64");
  s.add_error({s.values({3, 4}), s.values({4}), s.values({1})}, NormEpsAttrs{},
              "layer_norm: shapes differ: weight [4] f64, bias [1] f64");
  s.add_error({s.values({3, 4}), s.values({4}), s.values({4})}, NormEpsAttrs{-1},
              "layer_norm: eps is -1; it is added to a variance and not negative");
  s.add_error(
      {SampleSink::i64({2}, {1, 2}), s.values({2}), s.values({2})}, NormEpsAttrs{},
      "layer_norm: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input", "weight", "bias"};
constexpr SaveMask kAll = in(0) | in(1) | out(1) | out(2);
constexpr SaveMask kSaves[] = {kAll, kAll, 0};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(NormEpsAttrs, eps, "1e-05")};

}  // namespace

extern constinit const OpDef op_layer_norm = {
    .name = "layer_norm",
    .doc =
        "(x - mean) / sqrt(var + eps) * weight + bias over the last axes; also mean and 1 / sqrt(var + eps)",
    .inputs = kInputs,
    .outputs = 3,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "LayerNormalization",
    .formula = "y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias",
};

Tensor layer_norm(Operand input, const Shape& normalized_shape, const LayerNormOptions& options) {
  const Tensor x = held(input);
  check_normalized_shape(x, normalized_shape, "layer_norm", input.where);
  const Tensor weight = weight_or_ones(options.weight, x, normalized_shape, input.where);
  const Tensor bias = bias_or_zeros(options.bias, x, normalized_shape, input.where);
  const Operand operands[] = {{x, input.where}, {weight, input.where}, {bias, input.where}};
  const NormEpsAttrs attrs{options.eps};
  Tensor outs[3];
  apply(op_layer_norm, operands, &attrs, outs);
  return outs[0];
}

}  // namespace gradus
