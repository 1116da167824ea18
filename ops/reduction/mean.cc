// mean: y = the arithmetic mean of x over the axes `dims`.
// Derivative: dy/dx_i = 1/n. The mean of nothing is NaN.
#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/kernels/reduce.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/reduction/axes.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  c.require_floating(0);
  const auto& a = c.attrs<ReduceAttrs>();
  set_out_reduced(c, 0, a.dims, a.keepdim, c.dtype(0));
}

void kernel(KernelContext& c) {
  kernels::reduce(kernels::Reduction::mean, c.in[0], axes_of(c.attrs<ReduceAttrs>().dims, c.in[0].rank),
                  c.out[0]);
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<ReduceAttrs>();
  const Shape shape = c.input_shape(0);
  // Divided before it is expanded: few elements.
  const Tensor share = div(c.grad(), static_cast<double>(reduced_count(shape, a.dims)));
  c.set(0, expand_axes(share, shape, a.dims, a.keepdim));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4})}, ReduceAttrs{});
  s.add({s.values({3, 4})}, ReduceAttrs{.dims = {0}});
  s.add({s.values({3, 4})}, ReduceAttrs{.dims = {-1}, .keepdim = true});
  s.add({s.values({2, 3, 2, 5})}, ReduceAttrs{.dims = {0, 2}}, {.note = "axes that are not neighbours"});
  s.add({s.values({5})}, ReduceAttrs{.dims = {0}}, {.note = "a vector"});
  s.add({s.values({})}, ReduceAttrs{}, {.note = "scalar"});
  s.add({s.values({1, 3})}, ReduceAttrs{.dims = {0}}, {.note = "size 1"});
  s.add({s.values({0, 3})}, ReduceAttrs{.dims = {0}}, {.gradcheck = false, .note = "means of nothing: NaN"});
  s.add({s.values({0, 3})}, ReduceAttrs{.dims = {1}}, {.note = "no means"});
  s.add_error({SampleSink::i64({2}, {1, 2})}, ReduceAttrs{},
              "mean: takes floating-point numbers: input [2] i64; convert it with astype(x, DType::f32)");
  s.add_error({s.values({2, 3})}, ReduceAttrs{.dims = {-3}},
              "mean: axis -3 is out of range: input [2, 3] f64 has the axes -2..1");
}

constexpr const char* kInputs[] = {"input"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(ReduceAttrs, dims, "{}"),
                              GRADUS_ATTR(ReduceAttrs, keepdim, "false")};

}  // namespace

extern constinit const OpDef op_mean = {
    .name = "mean",
    .doc = "arithmetic mean over the axes dims, all of them where dims is empty",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kReduction,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "ReduceMean",
    .formula = "y = (1/n) sum_i x_i",
};

Tensor mean(Operand input) { return apply(op_mean, {input}, ReduceAttrs{}); }
Tensor mean(Operand input, const Dims& dims, bool keepdim) {
  return apply(op_mean, {input}, ReduceAttrs{dims, keepdim});
}

}  // namespace gradus
