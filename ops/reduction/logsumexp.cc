// logsumexp: y = log(sum(exp(x))) over the axes `dims`, computed as m + log(sum(exp(x - m))) with m = max(x).
// Derivative: dy/dx_i = exp(x_i - y). Where y is -inf every x_i is: the gradient there is 0, where the
// formula would be NaN.
#include <limits>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/math.h"
#include "gradus/ops/kernels/reduce.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/reduction/axes.h"

namespace gradus {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

void infer(InferContext& c) {
  c.require_floating(0);
  const auto& a = c.attrs<ReduceAttrs>();
  set_out_reduced(c, 0, a.dims, a.keepdim, c.dtype(0));
}

void kernel(KernelContext& c) {
  kernels::logsumexp(c.in[0], axes_of(c.attrs<ReduceAttrs>().dims, c.in[0].rank), c.out[0]);
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<ReduceAttrs>();
  const Tensor x = c.input(0);
  const Shape shape = x.shape();
  Tensor y = c.output();
  y = where(eq(y.detach(), -kInf), 0.0, y);
  y = keep_axes(y, shape, a.dims, a.keepdim);
  c.set(0, mul(keep_axes(c.grad(), shape, a.dims, a.keepdim), exp(sub(x, y))));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4})}, ReduceAttrs{});
  s.add({s.values({3, 4})}, ReduceAttrs{.dims = {0}});
  s.add({s.values({2, 3, 5})}, ReduceAttrs{.dims = {0, -1}, .keepdim = true});
  s.add({s.values({5})}, ReduceAttrs{.dims = {0}}, {.note = "a vector"});
  s.add({s.values({})}, ReduceAttrs{}, {.note = "scalar"});
  s.add({s.values({2, 3}, 900, 1000)}, ReduceAttrs{.dims = {1}}, {.note = "exp would overflow"});
  s.add({SampleSink::f64({3, 2}, {-kInf, -kInf, 1, -kInf, kInf, 0})}, ReduceAttrs{.dims = {1}},
        {.gradcheck = false, .note = "infinities"});
  s.add({s.values({0, 3})}, ReduceAttrs{.dims = {0}}, {.note = "of nothing: -inf"});
  s.add_error(
      {SampleSink::i64({2}, {1, 2})}, ReduceAttrs{},
      "logsumexp: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0) | out(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(ReduceAttrs, dims, nullptr),
                              GRADUS_ATTR(ReduceAttrs, keepdim, "false")};

}  // namespace

extern constinit const OpDef op_logsumexp = {
    .name = "logsumexp",
    .doc = "log(sum(exp(x))) over the axes dims, without overflow",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kReduction,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "ReduceLogSumExp",
    .formula = "y = log sum_i exp(x_i)",
};

Tensor logsumexp(Operand input, const Dims& dims, bool keepdim) {
  return apply(op_logsumexp, {input}, ReduceAttrs{dims, keepdim});
}

}  // namespace gradus
