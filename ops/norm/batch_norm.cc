// batch_norm, in training: y = (x - m) r weight + bias with r = 1 / sqrt(var + eps), m and the biased
// variance over all axes but the channels' (axis 1). Outputs m and var too: the derivative reads them, and
// running statistics follow them. Derivative: one fused op, batch_norm_backward; for m it is 1 / n, for var 2
// (x - m) / n.
#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/norm/params.h"
#include "gradus/ops/pack.h"
#include "gradus/ops/reduction.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const double eps = c.attrs<NormEpsAttrs>().eps;
  c.require_floating(0);
  c.require_same_dtype();
  require_channels(c, 0, 1, 3);
  require_eps(c, eps);
  const std::int64_t channels = c.dim(0, 1);
  if (c.numel(0) <= channels) {
    c.value_error(fmt::format("takes more than one value a channel in training: {} has {}", c.describe(0),
                              channels == 0 ? 0 : c.numel(0) / channels));
  }
  plan_channels(c, 0, -1, 0, eps);
  c.set_out(1, c.dtype(0), Shape{channels});
  c.set_out(2, c.dtype(0), Shape{channels});
}

void kernel(KernelContext& c) {
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const View& x = c.in[0];
  const ChannelOrder order = channel_order(x.dims, x.strides, x.rank, false);
  const void* data = packed_channels(x, order, &scratch);
  const void* weight = packed_list(c.in[1], &scratch);
  const void* bias = packed_list(c.in[2], &scratch);
  kernels::channel_norm(channel_norm_params(x, order, 0, c.attrs<NormEpsAttrs>().eps), data, weight, bias,
                        c.out[0].data, c.out[1].data, c.out[2].data, scratch);
}

void rule(RuleContext& c) {
  if (!c.needs(0) && !c.needs(1)) {
    c.set(2, channel_sum(c.grad()));
    return;
  }
  const Tensor x = c.input(0), mean = c.output(1);
  auto [dx, dweight, dbias] =
      batch_norm_backward(c.grad(), x, c.input(1), mean, c.output(2), c.attrs<NormEpsAttrs>().eps);
  if (c.needs(0) && (c.has_grad(1) || c.has_grad(2))) {
    const int rank = x.rank();
    dx = add(dx, statistics_gradient(x, by_channel(mean, rank), by_channel(c.grad(1), rank),
                                     by_channel(c.grad(2), rank), all_but_channels(rank)));
  }
  if (c.needs(0)) c.set(0, dx);
  if (c.needs(1)) c.set(1, dweight);
  if (c.needs(2)) c.set(2, dbias);
}

void samples(SampleSink& s) {
  const auto add = [&](const Shape& shape, double eps, const char* note) {
    const Shape list{shape[1]};
    s.add({s.values(shape), s.values(list), s.values(list)}, NormEpsAttrs{eps}, {.note = note});
  };
  add({4, 3}, 1e-5, "rows of channels");
  add({2, 3, 2, 2}, 0.1, "images");
  add({2, 1, 5}, 1e-5, "one channel");
  add({2, 2, 37}, 1e-5, "a tail behind whole vectors");
  add({41, 19}, 1e-5, "several blocks of rows");
  add({1, 2, 3}, 1e-5, "one sample");
  s.add({s.values({2, 2, 3}, 4, 8), s.values({2}), s.values({2})}, NormEpsAttrs{},
        {.note = "a mean far from 0"});
  s.add({SampleSink::f64({2, 1, 2}, {3, 3, 3, 3}), s.values({1}), s.values({1})}, NormEpsAttrs{},
        {.gradcheck = false, .note = "no spread"});
  s.add_error({s.values({1, 3}), s.values({3}), s.values({3})}, NormEpsAttrs{},
              "batch_norm: takes more than one value a channel in training: input [1, 3] f64 has 1");
  s.add_error({s.values({0, 3}), s.values({3}), s.values({3})}, NormEpsAttrs{},
              "batch_norm: takes more than one value a channel in training: input [0, 3] f64 has 0");
  s.add_error({s.values({2, 3}), s.values({3}), s.values({2})}, NormEpsAttrs{},
              "batch_norm: input [2, 3] f64 has 3 channels on axis 1, bias [2] f64 must be [3]");
  s.add_error({s.values({3}), s.values({3}), s.values({3})}, NormEpsAttrs{},
              "batch_norm: takes an array with channels on axis 1: input [3] f64");
  s.add_error({s.values({2, 3}), s.values({3}), s.values({3})}, NormEpsAttrs{-2},
              "batch_norm: eps is -2; it is added to a variance and not negative");
}

constexpr const char* kInputs[] = {"input", "weight", "bias"};
constexpr SaveMask kAll = in(0) | in(1) | out(1) | out(2);
constexpr SaveMask kSaves[] = {kAll, kAll, 0};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(NormEpsAttrs, eps, "1e-05")};

// The statistics that a user gave: one of each a channel.
void check_running(const Tensor& t, const char* name, const Tensor& x, Location where) {
  if (!t.defined()) return;
  if (t.rank() != 1 || x.rank() < 2 || t.size(0) != x.size(1)) {
    throw_error<ShapeError>(where, "batch_norm",
                            "there is one running statistic a channel (axis 1): {} {}, input {}", name,
                            describe(t), describe(x));
  }
  if (t.dtype() != x.dtype()) {
    throw_error<DtypeError>(where, "batch_norm", "dtypes differ: input {}, {} {}; convert one with astype()",
                            describe(x), name, describe(t));
  }
}

}  // namespace

extern constinit const OpDef op_batch_norm = {
    .name = "batch_norm",
    .doc =
        "(x - mean) / sqrt(var + eps) * weight + bias by channels, with the statistics of x; also mean and "
        "var",
    .inputs = kInputs,
    .outputs = 3,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "BatchNormalization",
    .formula = "y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias",
};

void follow_statistics(const Tensor& running_mean, const Tensor& running_var, const Tensor& mean,
                       const Tensor& var, double count, double momentum, Location where) {
  const NoGrad guard;
  const auto move = [&](Tensor running, const Tensor& to) {
    if (running.defined()) running.copy_(lerp(Operand(running, where), Operand(to, where), momentum), where);
  };
  move(running_mean, mean);
  move(running_var, mul(Operand(var, where), count / (count - 1)));
}

Tensor batch_norm(Operand input, const Tensor& running_mean, const Tensor& running_var,
                  const BatchNormOptions& options) {
  const Location where = input.where;
  const Tensor x = held(input);
  check_running(running_mean, "running_mean", x, where);
  check_running(running_var, "running_var", x, where);
  const Shape list{x.rank() < 2 ? 0 : x.size(1)};
  const Tensor weight = weight_or_ones(options.weight, x, list, where);
  const Tensor bias = bias_or_zeros(options.bias, x, list, where);
  const NormEpsAttrs attrs{options.eps};
  if (!options.training) {
    if (!running_mean.defined() || !running_var.defined()) {
      throw_error<ValueError>(where, "batch_norm",
                              "running_mean and running_var are the statistics outside of training; pass "
                              "both, or {{.training = true}}");
    }
    return batch_norm_eval(Operand(x, where), Operand(weight, where), Operand(bias, where),
                           Operand(running_mean, where), Operand(running_var, where), options.eps);
  }
  const Operand operands[] = {{x, where}, {weight, where}, {bias, where}};
  Tensor outs[3];
  apply(op_batch_norm, operands, &attrs, outs);
  const std::int64_t count = x.numel() / x.size(1);
  follow_statistics(running_mean, running_var, outs[1].detach(), outs[2].detach(), static_cast<double>(count),
                    options.momentum, where);
  return outs[0];
}

}  // namespace gradus
