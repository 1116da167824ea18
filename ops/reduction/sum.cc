// sum: y = the sum of x over the axes `dims`.
// Derivative: dy/dx_i = 1, so the gradient is the cotangent, expanded.
// Sums are blocked and cascaded (ops/kernels/reduce.h): the error grows with the logarithm of the count.
// Integers and bool add up in i64.
#include "gradus/graph/samples.h"
#include "gradus/ops/kernels/reduce.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/reduction/axes.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const auto& a = c.attrs<ReduceAttrs>();
  set_out_reduced(c, 0, a.dims, a.keepdim, is_floating(c.dtype(0)) ? c.dtype(0) : DType::i64);
}

void kernel(KernelContext& c) {
  kernels::reduce(kernels::Reduction::sum, c.in[0], axes_of(c.attrs<ReduceAttrs>().dims, c.in[0].rank),
                  c.out[0]);
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<ReduceAttrs>();
  c.set(0, expand_axes(c.grad(), c.input_shape(0), a.dims, a.keepdim));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4})}, ReduceAttrs{});
  s.add({s.values({3, 4})}, ReduceAttrs{.dims = {0}});
  s.add({s.values({3, 4})}, ReduceAttrs{.dims = {-1}, .keepdim = true});
  s.add({s.values({2, 3, 2, 5})}, ReduceAttrs{.dims = {0, 2}}, {.note = "axes that are not neighbours"});
  s.add({s.values({2, 1, 67})}, ReduceAttrs{.dims = {2, 1}}, {.note = "a tail behind whole vectors"});
  s.add({s.values({5})}, ReduceAttrs{.dims = {0}}, {.note = "a vector"});
  s.add({s.values({})}, ReduceAttrs{}, {.note = "scalar"});
  s.add({s.values({1, 1})}, ReduceAttrs{.dims = {1}}, {.note = "size 1"});
  s.add({s.values({0, 3})}, ReduceAttrs{.dims = {0}}, {.note = "sums of nothing"});
  s.add({s.values({0, 3})}, ReduceAttrs{.dims = {1}}, {.note = "no sums"});
  s.add({SampleSink::i64({2, 3}, {1, -2, 3, 4, 5, 6})}, ReduceAttrs{.dims = {1}});
  s.add({SampleSink::boolean({2, 3}, {1, 0, 1, 1, 1, 1})}, ReduceAttrs{}, {.note = "counts the true ones"});
  s.add_error({s.values({2, 3})}, ReduceAttrs{.dims = {2}},
              "sum: axis 2 is out of range: input [2, 3] f64 has the axes -2..1");
  s.add_error({s.values({2, 3})}, ReduceAttrs{.dims = {0, -2}},
              "sum: dims {0, -2} name axis 0 of input [2, 3] f64 twice; name each axis once");
}

constexpr const char* kInputs[] = {"input"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(ReduceAttrs, dims, "{}"),
                              GRADUS_ATTR(ReduceAttrs, keepdim, "false")};

}  // namespace

extern constinit const OpDef op_sum = {
    .name = "sum",
    .doc = "sum over the axes dims, all of them where dims is empty",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kReduction,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "ReduceSum",
    .formula = "y = sum_i x_i",
};

Tensor sum(Operand input) { return apply(op_sum, {input}, ReduceAttrs{}); }
Tensor sum(Operand input, const Dims& dims, bool keepdim) {
  return apply(op_sum, {input}, ReduceAttrs{dims, keepdim});
}

}  // namespace gradus
