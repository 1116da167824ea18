// std: y = sqrt(var(x)) over the axes `dims`.
// Derivative: dy/dx_i = (x_i - mean(x)) / (y max(0, n - correction)), and 0 where y = 0, as PyTorch has it.
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
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
  const std::int64_t n = c.out[0].numel;
  if (c.out[0].dtype == DType::f32) {
    float* y = c.out[0].as<float>();
    for (std::int64_t i = 0; i < n; ++i) y[i] = std::sqrt(y[i]);
  } else {
    double* y = c.out[0].as<double>();
    for (std::int64_t i = 0; i < n; ++i) y[i] = std::sqrt(y[i]);
  }
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<VarAttrs>();
  const Tensor y = c.output();
  const Tensor g = c.grad();
  // where() cuts the division by 0 off, in higher derivatives too.
  const Tensor of_variance = where(eq(y.detach(), 0.0), 0.0, div(g, mul(y, 2.0)));
  c.set(0, variance_gradient(of_variance, c.input(0), a));
}

void samples(SampleSink& s) {
  sample_variance(s);
  s.add_error({SampleSink::i64({2}, {1, 2})}, VarAttrs{},
              "std: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
  s.add_error({s.values({2, 3})}, VarAttrs{.dims = {2}},
              "std: axis 2 is out of range: input [2, 3] f64 has the axes -2..1");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0) | out(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(VarAttrs, dims, "{}"), GRADUS_ATTR(VarAttrs, correction, "1"),
                              GRADUS_ATTR(VarAttrs, keepdim, "false")};

}  // namespace

extern constinit const OpDef op_std = {
    .name = "std",
    .doc = "standard deviation over the axes dims, all of them where dims is empty",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kReduction,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = sqrt(sum_i (x_i - mean(x))^2 / (n - correction))",
};

Tensor std(Operand input, const Dims& dims, VarOptions options) {
  return apply(op_std, {input}, VarAttrs{dims, options.correction, options.keepdim});
}

}  // namespace gradus
