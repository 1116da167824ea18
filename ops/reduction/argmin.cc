// argmin: the place (i64) of the smallest element; the first of several, the first NaN where there is one.
#include "gradus/ops/reduction.h"
#include "gradus/ops/reduction/extreme.h"

namespace gradus {
namespace {

void kernel(KernelContext& c) { arg_extreme(c, false); }

void samples(SampleSink& s) {
  sample_arg(s);
  s.add_error({s.values({0})}, ArgReduceAttrs{},
              "argmin: nothing to choose from: axis 0 of input [0] f64 has size 0");
  s.add_error({s.values({2, 3})}, ArgReduceAttrs{{0, 1}},
              "argmin: takes one axis or none, not 2; an empty list means the place in the whole tensor");
}

constexpr const char* kInputs[] = {"input"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(ArgReduceAttrs, dims, "{}"),
                              GRADUS_ATTR(ArgReduceAttrs, keepdim, "false")};

}  // namespace

extern constinit const OpDef op_argmin = {
    .name = "argmin",
    .doc = "the place of the smallest element along an axis, or in the whole tensor",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kReduction,
    .infer = infer_arg,
    .kernel = kernel,
    .no_gradient = "a place is a whole number",
    .samples = samples,
    .onnx = "ArgMin",
    .formula = "y = arg min_i x_i",
};

Tensor argmin(Operand input) { return apply(op_argmin, {input}, ArgReduceAttrs{}); }
Tensor argmin(Operand input, std::int64_t dim, bool keepdim) {
  return apply(op_argmin, {input}, ArgReduceAttrs{dim, keepdim});
}

}  // namespace gradus
