// group_norm: y = (x - m) r weight + bias with r = 1 / sqrt(var + eps); m and the biased variance for each
// sample (axis 0) and each group of neighbouring channels (axis 1); weight and bias by channels. Outputs m
// and r too. Derivative: one fused op, group_norm_backward; for m it is 1 / n, for r -r^3 (x - m) / n.
#include "gradus/ops/norm/group_norm.h"

#include "gradus/base/format.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const auto& a = c.attrs<GroupNormAttrs>();
  c.require_floating(0);
  c.require_same_dtype();
  require_channels(c, 0, 1, 3);
  require_eps(c, a.eps);
  require_groups(c, 0);
  std::int64_t values = c.dim(0, 1) / a.num_groups;
  for (int i = 2; i < c.rank(0); ++i) values *= c.dim(0, i);
  if (values < 2) {
    c.value_error(fmt::format("takes more than one value a group: {} in {} groups has {}", c.describe(0),
                              a.num_groups, values));
  }
  plan_channels(c, 0, -1, a.num_groups, a.eps);
  const Shape statistics{c.dim(0, 0), a.num_groups};
  c.set_out(1, c.dtype(0), statistics);
  c.set_out(2, c.dtype(0), statistics);
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<GroupNormAttrs>();
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const View& x = c.in[0];
  const ChannelOrder order = channel_order(x.dims, x.strides, x.rank, true);
  const void* data = packed_channels(x, order, &scratch);
  const void* weight = packed_list(c.in[1], &scratch);
  const void* bias = packed_list(c.in[2], &scratch);
  kernels::channel_norm(channel_norm_params(x, order, a.num_groups, a.eps), data, weight, bias, c.out[0].data,
                        c.out[1].data, c.out[2].data, scratch);
}

void rule(RuleContext& c) {
  if (!c.needs(0) && !c.needs(1)) {
    c.set(2, channel_sum(c.grad()));
    return;
  }
  const auto& a = c.attrs<GroupNormAttrs>();
  const Tensor x = c.input(0), mean = c.output(1), rstd = c.output(2);
  auto [dx, dweight, dbias] = group_norm_backward(c.grad(), x, c.input(1), mean, rstd, a);
  if (c.needs(0) && (c.has_grad(1) || c.has_grad(2))) {
    const Tensor extra = statistics_gradient(by_group(x, a.num_groups), by_group(mean), by_group(c.grad(1)),
                                             by_group(variance_cotangent(c.grad(2), rstd)), {2, 3});
    dx = add(dx, reshape(extra, x.shape()));
  }
  if (c.needs(0)) c.set(0, dx);
  if (c.needs(1)) c.set(1, dweight);
  if (c.needs(2)) c.set(2, dbias);
}

void samples(SampleSink& s) {
  const auto add = [&](const Shape& shape, std::int64_t groups, const char* note) {
    const Shape list{shape[1]};
    s.add({s.values(shape), s.values(list), s.values(list)}, GroupNormAttrs{groups}, {.note = note});
  };
  add({2, 4}, 2, "rows of channels");
  add({2, 4, 3}, 2, "signals");
  add({2, 6, 2, 2}, 3, "images");
  add({2, 2, 19}, 2, "a group a channel; a tail behind whole vectors");
  add({1, 2, 3}, 1, "one group");
  add({0, 2, 3}, 1, "no samples");
  s.add({s.values({1, 2, 3}, 4, 8), s.values({2}), s.values({2})}, GroupNormAttrs{1},
        {.note = "a mean far from 0"});
  s.add_error({s.values({2, 3, 2}), s.values({3}), s.values({3})}, GroupNormAttrs{2},
              "group_norm: num_groups = 2 does not divide the 3 channels of input [2, 3, 2] f64");
  s.add_error({s.values({2, 3, 2}), s.values({3}), s.values({3})}, GroupNormAttrs{0},
              "group_norm: num_groups = 0 does not divide the 3 channels of input [2, 3, 2] f64");
  s.add_error({s.values({2, 3}), s.values({3}), s.values({3})}, GroupNormAttrs{3},
              "group_norm: takes more than one value a group: input [2, 3] f64 in 3 groups has 1");
  s.add_error({s.values({2, 3, 2}), s.values({4}), s.values({3})}, GroupNormAttrs{3},
              "group_norm: input [2, 3, 2] f64 has 3 channels on axis 1, weight [4] f64 must be [3]");
}

constexpr const char* kInputs[] = {"input", "weight", "bias"};
constexpr SaveMask kAll = in(0) | in(1) | out(1) | out(2);
constexpr SaveMask kSaves[] = {kAll, kAll, 0};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(GroupNormAttrs, num_groups, nullptr),
                              GRADUS_ATTR(GroupNormAttrs, eps, "1e-05")};

}  // namespace

extern constinit const OpDef op_group_norm = {
    .name = "group_norm",
    .doc =
        "(x - mean) / sqrt(var + eps) * weight + bias by groups of channels; also mean and 1 / sqrt(var + "
        "eps)",
    .inputs = kInputs,
    .outputs = 3,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "GroupNormalization",
    .formula = "y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias",
};

void require_groups(const InferContext& c, int input) {
  const std::int64_t groups = c.attrs<GroupNormAttrs>().num_groups, channels = c.dim(input, 1);
  if (groups > 0 && channels > 0 && channels % groups == 0) return;
  c.value_error(fmt::format("num_groups = {} does not divide the {} channels of {}", groups, channels,
                            c.describe(input)));
}

Tensor by_group(const Tensor& x, std::int64_t groups) {
  return reshape(
      x, {x.size(0), groups, x.size(1) / groups, x.numel() == 0 ? 0 : x.numel() / (x.size(0) * x.size(1))});
}
Tensor by_group(const Tensor& statistics) {
  return reshape(statistics, {statistics.size(0), statistics.size(1), 1, 1});
}

std::array<Tensor, 3> group_norm_with_statistics(Operand input, Operand weight, Operand bias,
                                                 const GroupNormAttrs& attrs) {
  const Operand operands[] = {input, weight, bias};
  std::array<Tensor, 3> outs;
  apply(op_group_norm, operands, &attrs, outs);
  return outs;
}

Tensor group_norm(Operand input, std::int64_t num_groups, const GroupNormOptions& options) {
  const Location where = input.where;
  const Tensor x = held(input);
  const Shape list{x.rank() < 2 ? 0 : x.size(1)};
  const Tensor weight = weight_or_ones(options.weight, x, list, where);
  const Tensor bias = bias_or_zeros(options.bias, x, list, where);
  return group_norm_with_statistics(Operand(x, where), Operand(weight, where), Operand(bias, where),
                                    {num_groups, options.eps})[0];
}

}  // namespace gradus
