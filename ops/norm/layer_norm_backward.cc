// layer_norm_backward: with xhat = (x - m) r and h = g weight, over rows of n elements:
// dx = r (h - mean(h) - xhat mean(h xhat)), dweight = sum(g xhat), dbias = sum(g) over the rows. In one pass
// over g and x. Derivatives: see second_order.cc.
#include "gradus/base/format.h"
#include "gradus/ops/norm/row_norms.h"
#include "gradus/ops/pack.h"
#include "gradus/ops/reduction.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  require_rows(c, 1, 2, 3);
  if (c.shape(0) != c.shape(1)) {
    c.shape_error(
        fmt::format("the cotangent has another shape than the input: {}, {}", c.describe(0), c.describe(1)));
  }
  require_statistics(c, 1, 2, 3, 5);
  c.set_out_like(0, 1);
  const bool parameters = c.attrs<RowNormBackwardAttrs>().parameters;
  const Shape shape = parameters ? c.shape(2) : Shape{0};
  c.set_out(1, c.dtype(0), shape);
  c.set_out(2, c.dtype(0), shape);
  std::size_t scratch = 0;
  for (int i = 0; i < 5; ++i) scratch += pack_room(c.impl(i));
  if (parameters) {
    scratch += kernels::row_norm_scratch(row_norm_params(c.impl(1).view(), c.impl(2).view(), true));
  }
  c.set_scratch(scratch);
}

void kernel(KernelContext& c) {
  auto* scratch = static_cast<std::byte*>(c.scratch);
  View in[5];
  for (int i = 0; i < 5; ++i) in[i] = pack(c.in[i], &scratch);
  const bool parameters = c.attrs<RowNormBackwardAttrs>().parameters;
  kernels::row_norm_backward(row_norm_params(in[1], in[2], true), in[0].data, in[1].data, in[2].data,
                             in[3].data, in[4].data, c.out[0].data, parameters ? c.out[1].data : nullptr,
                             parameters ? c.out[2].data : nullptr, scratch);
}

void rule(RuleContext& c) {
  const Tensor weight = c.input(2);
  const bool parameters = c.attrs<RowNormBackwardAttrs>().parameters;
  const NormGradients r =
      norm_second_order({c.input(0), c.input(1), weight, c.input(3), c.input(4), last_axes(weight.rank())},
                        c.grad(0), parameters ? c.grad(1) : Tensor(), parameters ? c.grad(2) : Tensor());
  if (c.needs(0)) c.set(0, r.g);
  if (c.needs(1)) c.set(1, r.x);
  if (c.needs(2)) c.set(2, sum_to(r.weight, weight.shape()));
  if (c.needs(3)) c.set(3, r.mean);
  if (c.needs(4)) c.set(4, r.rstd);
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4}), s.values({4}), s.values({3, 1}), s.values({3, 1})},
        RowNormBackwardAttrs{});
  s.add(
      {s.values({2, 3, 2}), s.values({2, 3, 2}), s.values({3, 2}), s.values({2, 1, 1}), s.values({2, 1, 1})},
      RowNormBackwardAttrs{false}, {.note = "dx alone"});
  s.add({s.values({35, 2}), s.values({35, 2}), s.values({2}), s.values({35, 1}), s.values({35, 1})},
        RowNormBackwardAttrs{}, {.note = "several blocks of rows"});
  s.add({s.values({2, 35}), s.values({2, 35}), s.values({35}), s.values({2, 1}), s.values({2, 1})},
        RowNormBackwardAttrs{}, {.note = "a tail behind whole vectors"});
  s.add({s.values({0, 3}), s.values({0, 3}), s.values({3}), s.values({0, 1}), s.values({0, 1})},
        RowNormBackwardAttrs{}, {.note = "no rows"});
  s.add_error(
      {s.values({4}), s.values({3, 4}), s.values({4}), s.values({3, 1}), s.values({3, 1})},
      RowNormBackwardAttrs{},
      "layer_norm_backward: the cotangent has another shape than the input: g [4] f64, input [3, 4] f64");
  s.add_error({s.values({3, 4}), s.values({3, 4}), s.values({4}), s.values({3}), s.values({3, 1})},
              RowNormBackwardAttrs{},
              "layer_norm_backward: the statistics of input [3, 4] f64 have the shape [3, 1]: mean [3] f64");
}

constexpr const char* kInputs[] = {"g", "input", "weight", "mean", "rstd"};
constexpr SaveMask kSaves[] = {in(0) | in(1) | in(2) | in(3) | in(4)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(RowNormBackwardAttrs, parameters, "true")};

}  // namespace

extern constinit const OpDef op_layer_norm_backward = {
    .name = "layer_norm_backward",
    .doc = "the gradients of layer_norm for input, weight and bias from the cotangent g and the statistics",
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

std::array<Tensor, 3> layer_norm_backward(Operand g, Operand input, Operand weight, Operand mean,
                                          Operand rstd, bool parameters) {
  const Operand operands[] = {g, input, weight, mean, rstd};
  const RowNormBackwardAttrs attrs{parameters};
  std::array<Tensor, 3> outs;
  apply(op_layer_norm_backward, operands, &attrs, outs);
  return outs;
}

}  // namespace gradus
