// var: y = sum((x - mean(x))^2) / max(0, n - correction) over the axes `dims`, in two passes.
// Derivative: dy/dx_i = 2 (x_i - mean(x)) / max(0, n - correction): NaN for one element with correction 1,
// like y.

#include "gradus/graph/samples.h"
#include "gradus/ops/kernels/reduce.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/reduction/axes.h"
#include "gradus/ops/reduction/variance.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  c.require_floating(0);
  const auto& a = c.attrs<VarAttrs>();
  set_out_reduced(c, 0, a.dims, a.keepdim, c.dtype(0));
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<VarAttrs>();
  kernels::variance(c.in[0], axes_of(a.dims, c.in[0].rank), a.correction, c.out[0]);
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<VarAttrs>();
  c.set(0, variance_gradient(c.grad(), c.input(0), a));
}

void samples(SampleSink& s) {
  sample_variance(s);
  s.add_error({SampleSink::i64({2}, {1, 2})}, VarAttrs{},
              "var: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
  s.add_error({s.values({2, 3})}, VarAttrs{.dims = {2}},
              "var: axis 2 is out of range: input [2, 3] f64 has the axes -2..1");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(VarAttrs, dims, "{}"), GRADUS_ATTR(VarAttrs, correction, "1"),
                              GRADUS_ATTR(VarAttrs, keepdim, "false")};

}  // namespace

extern constinit const OpDef op_var = {
    .name = "var",
    .doc = "variance over the axes dims, all of them where dims is empty",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kReduction,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = sum_i (x_i - mean(x))^2 / (n - correction)",
};

Tensor var(Operand input, const Dims& dims, VarOptions options) {
  return apply(op_var, {input}, VarAttrs{dims, options.correction, options.keepdim});
}

}  // namespace gradus
