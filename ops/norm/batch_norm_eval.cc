// batch_norm_eval: y = (x - mean) r weight + bias by channels (axis 1), r = 1 / sqrt(var + eps), with
// statistics that are given. Derivatives, with d = x - mean and sums over all axes but the channels': for x g
// r weight; for weight sum(g d) r; for bias sum(g); for mean -sum(g) r weight; for var -sum(g d) r^3 weight
// / 2.
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/norm/params.h"
#include "gradus/ops/pack.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const double eps = c.attrs<NormEpsAttrs>().eps;
  c.require_floating(0);
  c.require_same_dtype();
  require_channels(c, 0, 1, 5);
  require_eps(c, eps);
  plan_channels(c, 0, -1, 0, eps);
}

void kernel(KernelContext& c) {
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const View& x = c.in[0];
  const ChannelOrder order = channel_order(x.dims, x.strides, x.rank, false);
  const void* data = packed_channels(x, order, &scratch);
  const void* lists[4];
  for (int i = 0; i < 4; ++i) lists[i] = packed_list(c.in[1 + i], &scratch);
  kernels::channel_norm_given(channel_norm_params(x, order, 0, c.attrs<NormEpsAttrs>().eps), data, lists[0],
                              lists[1], lists[2], lists[3], c.out[0].data, scratch);
}

void rule(RuleContext& c) {
  const Tensor g = c.grad();
  const int rank = g.rank();
  if (c.needs(2)) c.set(2, channel_sum(g));
  if (!c.needs(0) && !c.needs(1) && !c.needs(3) && !c.needs(4)) return;
  const Tensor rstd = rsqrt(add(c.input(4), c.attrs<NormEpsAttrs>().eps));
  if (c.needs(0)) c.set(0, mul(g, by_channel(mul(rstd, c.input(1)), rank)));
  if (c.needs(3)) c.set(3, neg(mul(channel_sum(g), mul(rstd, c.input(1)))));
  if (!c.needs(1) && !c.needs(4)) return;
  const Tensor dot = channel_sum(mul(g, sub(c.input(0), by_channel(c.input(3), rank))));
  if (c.needs(1)) c.set(1, mul(dot, rstd));
  if (c.needs(4)) c.set(4, variance_cotangent(mul(dot, c.input(1)), rstd));
}

void samples(SampleSink& s) {
  const auto add = [&](const Shape& shape, double eps, const char* note) {
    const Shape list{shape[1]};
    s.add({s.values(shape), s.values(list), s.values(list), s.values(list), s.values(list, 0.5, 2)},
          NormEpsAttrs{eps}, {.note = note});
  };
  add({4, 3}, 1e-5, "rows of channels");
  add({2, 3, 2, 2}, 0.1, "images");
  add({2, 2, 19}, 1e-5, "a tail behind whole vectors");
  add({1, 2}, 1e-5, "one value a channel");
  add({0, 3}, 1e-5, "no samples");
  add({2, 0, 2}, 1e-5, "no channels");
  s.add_error({s.values({2, 3}), s.values({3}), s.values({3}), s.values({1}), s.values({3})}, NormEpsAttrs{},
              "batch_norm_eval: input [2, 3] f64 has 3 channels on axis 1, mean [1] f64 must be [3]");
}

constexpr const char* kInputs[] = {"input", "weight", "bias", "mean", "var"};
constexpr SaveMask kSaves[] = {in(1) | in(4), in(0) | in(3) | in(4), 0, in(1) | in(4),
                               in(0) | in(1) | in(3) | in(4)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(NormEpsAttrs, eps, "1e-05")};

}  // namespace

extern constinit const OpDef op_batch_norm_eval = {
    .name = "batch_norm_eval",
    .doc = "(x - mean) / sqrt(var + eps) * weight + bias by channels, with mean and var given",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "BatchNormalization",
    .formula = "y = (x - mean) / sqrt(var + eps) * weight + bias",
};

Tensor batch_norm_eval(Operand input, Operand weight, Operand bias, Operand mean, Operand var, double eps) {
  return apply(op_batch_norm_eval, {input, weight, bias, mean, var}, NormEpsAttrs{eps});
}

}  // namespace gradus
