// batch_norm_backward: with r = 1 / sqrt(var + eps), xhat = (x - m) r and h = g weight, over the n elements
// of a channel: dx = r (h - mean(h) - xhat mean(h xhat)), dweight = sum(g xhat), dbias = sum(g). Derivatives:
// see second_order.cc; that of r by var is -r^3 / 2.
#include "gradus/base/format.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/norm/params.h"
#include "gradus/ops/pack.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const double eps = c.attrs<NormEpsAttrs>().eps;
  c.require_floating(1);
  c.require_same_dtype();
  if (c.shape(0) != c.shape(1)) {
    c.shape_error(
        fmt::format("the cotangent has another shape than the input: {}, {}", c.describe(0), c.describe(1)));
  }
  require_channels(c, 1, 2, 5);
  require_eps(c, eps);
  plan_channels(c, 1, 0, 0, eps);
  c.set_out(1, c.dtype(0), c.shape(2));
  c.set_out(2, c.dtype(0), c.shape(2));
}

void kernel(KernelContext& c) {
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const View& x = c.in[1];
  const ChannelOrder order = channel_order(x.dims, x.strides, x.rank, false);
  const void* data = packed_channels(x, order, &scratch);
  const void* g = packed_like(c.in[0], x, order, &scratch);
  const void* lists[3];
  for (int i = 0; i < 3; ++i) lists[i] = packed_list(c.in[2 + i], &scratch);
  kernels::channel_norm_backward(channel_norm_params(x, order, 0, c.attrs<NormEpsAttrs>().eps), g, data,
                                 lists[0], lists[1], lists[2], c.out[0].data, c.out[1].data, c.out[2].data,
                                 scratch);
}

void rule(RuleContext& c) {
  const Tensor x = c.input(1), var = c.input(4);
  const int rank = x.rank();
  const auto wide = [&](const Tensor& list) { return by_channel(list, rank); };
  const Tensor rstd = rsqrt(add(var, c.attrs<NormEpsAttrs>().eps));
  const NormGradients r = norm_second_order(
      {c.input(0), x, wide(c.input(2)), wide(c.input(3)), wide(rstd), all_but_channels(rank)}, c.grad(0),
      wide(c.grad(1)), wide(c.grad(2)));
  if (c.needs(0)) c.set(0, r.g);
  if (c.needs(1)) c.set(1, r.x);
  if (c.needs(2)) c.set(2, channel_sum(r.weight));
  if (c.needs(3)) c.set(3, reshape(r.mean, var.shape()));
  if (c.needs(4)) c.set(4, variance_cotangent(reshape(r.rstd, var.shape()), rstd));
}

void samples(SampleSink& s) {
  const auto add = [&](const Shape& shape, double eps, const char* note) {
    const Shape list{shape[1]};
    s.add({s.values(shape), s.values(shape), s.values(list), s.values(list), s.values(list, 0.5, 2)},
          NormEpsAttrs{eps}, {.note = note});
  };
  add({4, 3}, 1e-5, "rows of channels");
  add({2, 3, 2, 2}, 0.1, "images");
  add({2, 1, 5}, 1e-5, "one channel");
  add({2, 2, 19}, 1e-5, "a tail behind whole vectors");
  add({19, 5}, 1e-5, "several blocks of rows");
  add({0, 3}, 1e-5, "no samples");
  s.add_error(
      {s.values({2, 2}), s.values({2, 3}), s.values({3}), s.values({3}), s.values({3})}, NormEpsAttrs{},
      "batch_norm_backward: the cotangent has another shape than the input: g [2, 2] f64, input [2, 3] f64");
  s.add_error({s.values({2, 3}), s.values({2, 3}), s.values({3}), s.values({2}), s.values({3})},
              NormEpsAttrs{},
              "batch_norm_backward: input [2, 3] f64 has 3 channels on axis 1, mean [2] f64 must be [3]");
}

constexpr const char* kInputs[] = {"g", "input", "weight", "mean", "var"};
constexpr SaveMask kSaves[] = {in(0) | in(1) | in(2) | in(3) | in(4)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(NormEpsAttrs, eps, "1e-05")};

}  // namespace

extern constinit const OpDef op_batch_norm_backward = {
    .name = "batch_norm_backward",
    .doc = "the gradients of batch_norm for input, weight and bias from the cotangent g, mean and var",
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

std::array<Tensor, 3> batch_norm_backward(Operand g, Operand input, Operand weight, Operand mean, Operand var,
                                          double eps) {
  const Operand operands[] = {g, input, weight, mean, var};
  const NormEpsAttrs attrs{eps};
  std::array<Tensor, 3> outs;
  apply(op_batch_norm_backward, operands, &attrs, outs);
  return outs;
}

}  // namespace gradus
