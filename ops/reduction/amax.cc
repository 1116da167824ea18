// amax: y = the largest element of x over the axes `dims`; a NaN wins.
// Derivative: the cotangent goes in equal shares to all elements equal to y, as PyTorch has it; where y is
// NaN, to the elements that are.
#include "gradus/ops/kernels/reduce.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/reduction/axes.h"
#include "gradus/ops/reduction/extreme.h"

namespace gradus {
namespace {

void kernel(KernelContext& c) {
  kernels::reduce(kernels::Reduction::max, c.in[0], axes_of(c.attrs<ReduceAttrs>().dims, c.in[0].rank),
                  c.out[0]);
}

void samples(SampleSink& s) {
  sample_extreme(s);
  s.add_error({s.values({0, 3})}, ReduceAttrs{},
              "amax: nothing to choose from: axis 0 of input [0, 3] f64 has size 0");
  s.add_error({s.values({2, 3})}, ReduceAttrs{.dims = {2}},
              "amax: axis 2 is out of range: input [2, 3] f64 has the axes -2..1");
}

constexpr const char* kInputs[] = {"input"};
constexpr SaveMask kSaves[] = {in(0) | out(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(ReduceAttrs, dims, "{}"),
                              GRADUS_ATTR(ReduceAttrs, keepdim, "false")};

}  // namespace

extern constinit const OpDef op_amax = {
    .name = "amax",
    .doc = "the largest element over the axes dims, all of them where dims is empty; ties share the gradient",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .flags = kReduction,
    .infer = infer_extreme,
    .kernel = kernel,
    .rule = share_extreme,
    .samples = samples,
    .onnx = "ReduceMax",
    .formula = "y = max_i x_i",
};

Tensor amax(Operand input, const Dims& dims, bool keepdim) {
  return apply(op_amax, {input}, ReduceAttrs{dims, keepdim});
}
Tensor max(Operand input) { return apply(op_amax, {input}, ReduceAttrs{}); }

}  // namespace gradus
