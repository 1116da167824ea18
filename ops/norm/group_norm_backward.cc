// group_norm_backward: with xhat = (x - m) r and h = g weight, over the n elements of a group: dx = r (h -
// mean(h)
// - xhat mean(h xhat)); over samples and places dweight = sum(g xhat), dbias = sum(g).
// Derivatives: see second_order.cc.
#include "gradus/base/format.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/norm/group_norm.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const auto& a = c.attrs<GroupNormAttrs>();
  c.require_floating(1);
  c.require_same_dtype();
  if (c.shape(0) != c.shape(1)) {
    c.shape_error(
        fmt::format("the cotangent has another shape than the input: {}, {}", c.describe(0), c.describe(1)));
  }
  require_channels(c, 1, 2, 3);
  require_groups(c, 1);
  const Shape statistics{c.dim(1, 0), a.num_groups};
  for (int i = 3; i < 5; ++i) {
    if (c.shape(i) == statistics) continue;
    c.shape_error(fmt::format("the statistics of {} in {} groups have the shape [{}, {}]: {}", c.describe(1),
                              a.num_groups, statistics[0], statistics[1], c.describe(i)));
  }
  plan_channels(c, 1, 0, a.num_groups, a.eps);
  c.set_out(1, c.dtype(0), c.shape(2));
  c.set_out(2, c.dtype(0), c.shape(2));
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<GroupNormAttrs>();
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const View& x = c.in[1];
  const ChannelOrder order = channel_order(x.dims, x.strides, x.rank, true);
  const void* data = packed_channels(x, order, &scratch);
  const void* g = packed_like(c.in[0], x, order, &scratch);
  const void* lists[3];
  for (int i = 0; i < 3; ++i) lists[i] = packed_list(c.in[2 + i], &scratch);
  kernels::channel_norm_backward(channel_norm_params(x, order, a.num_groups, a.eps), g, data, lists[0],
                                 lists[1], lists[2], c.out[0].data, c.out[1].data, c.out[2].data, scratch);
}

void rule(RuleContext& c) {
  const std::int64_t groups = c.attrs<GroupNormAttrs>().num_groups;
  const Tensor x = c.input(1), weight = c.input(2), mean = c.input(3);
  const auto list = [&](const Tensor& t) { return reshape(t, {1, groups, t.numel() / groups, 1}); };
  const NormGradients r = norm_second_order({by_group(c.input(0), groups),
                                             by_group(x, groups),
                                             list(weight),
                                             by_group(mean),
                                             by_group(c.input(4)),
                                             {2, 3}},
                                            by_group(c.grad(0), groups), list(c.grad(1)), list(c.grad(2)));
  if (c.needs(0)) c.set(0, reshape(r.g, x.shape()));
  if (c.needs(1)) c.set(1, reshape(r.x, x.shape()));
  if (c.needs(2)) c.set(2, reshape(sum(r.weight, {0, 3}), weight.shape()));
  if (c.needs(3)) c.set(3, reshape(r.mean, mean.shape()));
  if (c.needs(4)) c.set(4, reshape(r.rstd, mean.shape()));
}

void samples(SampleSink& s) {
  const auto add = [&](const Shape& shape, std::int64_t groups, const char* note) {
    const Shape list{shape[1]}, statistics{shape[0], groups};
    s.add({s.values(shape), s.values(shape), s.values(list), s.values(statistics), s.values(statistics)},
          GroupNormAttrs{groups}, {.note = note});
  };
  add({2, 4}, 2, "rows of channels");
  add({2, 4, 3}, 2, "signals");
  add({2, 2, 19}, 2, "a group a channel; a tail behind whole vectors");
  add({2, 6, 2, 2}, 3, "images");
  add({0, 2, 3}, 1, "no samples");
  s.add_error(
      {s.values({2, 2}), s.values({2, 3}), s.values({3}), s.values({2, 1}), s.values({2, 1})},
      GroupNormAttrs{1},
      "group_norm_backward: the cotangent has another shape than the input: g [2, 2] f64, input [2, 3] f64");
  s.add_error({s.values({2, 4}), s.values({2, 4}), s.values({4}), s.values({2, 2}), s.values({2})},
              GroupNormAttrs{2},
              "group_norm_backward: the statistics of input [2, 4] f64 in 2 groups have the shape [2, 2]: "
              "rstd [2] f64");
}

constexpr const char* kInputs[] = {"g", "input", "weight", "mean", "rstd"};
constexpr SaveMask kSaves[] = {in(0) | in(1) | in(2) | in(3) | in(4)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(GroupNormAttrs, num_groups, nullptr),
                              GRADUS_ATTR(GroupNormAttrs, eps, "1e-05")};

}  // namespace

extern constinit const OpDef op_group_norm_backward = {
    .name = "group_norm_backward",
    .doc = "the gradients of group_norm for input, weight and bias from the cotangent g and the statistics",
    .inputs = kInputs,
    .outputs = 3,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "dx = r (h - mean(h) - xhat mean(h xhat)), h = g weight, xhat = (x - m) r",
};

std::array<Tensor, 3> group_norm_backward(Operand g, Operand input, Operand weight, Operand mean,
                                          Operand rstd, const GroupNormAttrs& attrs) {
  const Operand operands[] = {g, input, weight, mean, rstd};
  std::array<Tensor, 3> outs;
  apply(op_group_norm_backward, operands, &attrs, outs);
  return outs;
}

}  // namespace gradus
