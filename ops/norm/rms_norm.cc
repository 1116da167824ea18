// rms_norm: y = x r weight with r = 1 / sqrt(mean(x^2) + eps) over the last axes, as many as weight has.
// Outputs r too, since the derivative reads it.
// Derivative: one fused op, rms_norm_backward; for r it is -r^3 x / n.
#include <limits>

#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/norm/row_norms.h"
#include "gradus/ops/pack.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  require_rows(c, 0, 1, 2);
  require_eps(c, c.attrs<NormEpsAttrs>().eps);
  c.set_out_like(0, 0);
  c.set_out(1, c.dtype(0), statistics_shape(c, 0, 1));
  c.set_scratch(pack_room(c.impl(0)) + pack_room(c.impl(1)));
}

void kernel(KernelContext& c) {
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const View x = pack(c.in[0], &scratch), weight = pack(c.in[1], &scratch);
  kernels::row_norm(row_norm_params(x, weight, false), x.data, weight.data, nullptr,
                    c.attrs<NormEpsAttrs>().eps, c.out[0].data, nullptr, c.out[1].data);
}

void rule(RuleContext& c) {
  const Tensor x = c.input(0), weight = c.input(1), rstd = c.output(1);
  auto [dx, dweight] = rms_norm_backward(c.grad(), x, weight, rstd, c.needs(1));
  if (c.needs(0) && c.has_grad(1)) {
    dx = add(dx,
             statistics_gradient(x, {}, {}, variance_cotangent(c.grad(1), rstd), last_axes(weight.rank())));
  }
  if (c.needs(0)) c.set(0, dx);
  if (c.needs(1)) c.set(1, dweight);
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({4})}, NormEpsAttrs{});
  s.add({s.values({2, 3, 2}), s.values({3, 2})}, NormEpsAttrs{0.1}, {.note = "two axes"});
  s.add({s.values({2, 2, 19}), s.values({19})}, NormEpsAttrs{}, {.note = "a tail behind whole vectors"});
  s.add({s.values({67, 3}), s.values({3})}, NormEpsAttrs{}, {.note = "several blocks of rows"});
  s.add({s.values({5}), s.values({5})}, NormEpsAttrs{}, {.note = "one row"});
  s.add({s.values({2, 1}), s.values({1})}, NormEpsAttrs{0.5}, {.note = "size 1"});
  s.add({SampleSink::f64({1, 3}, {0, 0, 0}), s.values({3})}, NormEpsAttrs{0.25}, {.note = "zeros"});
  s.add({s.values({0, 3}), s.values({3})}, NormEpsAttrs{}, {.note = "no rows"});
  s.add_error(
      {s.values({3, 4}), s.values({3, 5})}, NormEpsAttrs{},
      "rms_norm: the last axes of input are normalised, their sizes are those of weight [3, 5] f64: input "
      "[3, 4] f64");
  s.add_error(
      {s.values({3, 4}), s.values({})}, NormEpsAttrs{},
      "rms_norm: the last axes of input are normalised, their sizes are those of weight [] f64: input "
      "[3, 4] f64");
  s.add_error({s.values({3, 4}), s.values({4})}, NormEpsAttrs{-1},
              "rms_norm: eps is -1; it is added to a variance and not negative");
}

constexpr const char* kInputs[] = {"input", "weight"};
constexpr SaveMask kSaves[] = {in(0) | in(1) | out(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(NormEpsAttrs, eps, "1e-05")};

// What 1 and the next larger number of a floating dtype are apart.
double epsilon_of(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return std::numeric_limits<double>::epsilon();
    case DType::f16:
      return 0x1p-10;
    case DType::bf16:
      return 0x1p-7;
    default:
      return static_cast<double>(std::numeric_limits<float>::epsilon());
  }
}

}  // namespace

extern constinit const OpDef op_rms_norm = {
    .name = "rms_norm",
    .doc = "x / sqrt(mean(x^2) + eps) * weight over the last axes; also 1 / sqrt(mean(x^2) + eps)",
    .inputs = kInputs,
    .outputs = 2,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = x / sqrt(mean(x^2) + eps) * weight",
};

Tensor rms_norm(Operand input, const Shape& normalized_shape, const RmsNormOptions& options) {
  const Tensor x = held(input);
  check_normalized_shape(x, normalized_shape, "rms_norm", input.where);
  const Tensor weight = weight_or_ones(options.weight, x, normalized_shape, input.where);
  const Operand operands[] = {{x, input.where}, {weight, input.where}};
  const NormEpsAttrs attrs{options.eps.value_or(epsilon_of(x.dtype()))};
  Tensor outs[2];
  apply(op_rms_norm, operands, &attrs, outs);
  return outs[0];
}

}  // namespace gradus
