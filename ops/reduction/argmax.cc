// argmax: the place (i64) of the largest element; the first of several, the first NaN where there is one.
#include "gradus/ops/reduction.h"
#include "gradus/ops/reduction/extreme.h"

namespace gradus {
namespace {

void kernel(KernelContext& c) { arg_extreme(c, true); }

void samples(SampleSink& s) {
  sample_arg(s);
  s.add_error({s.values({0})}, ArgReduceAttrs{},
              "argmax: nothing to choose from: axis 0 of input [0] f64 has size 0");
  s.add_error({s.values({2, 3})}, ArgReduceAttrs{{0, 1}},
              "argmax: takes one axis or none, not 2; an empty list means the place in the whole tensor");
}

constexpr const char* kInputs[] = {"input"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(ArgReduceAttrs, dims, "{}"),
                              GRADUS_ATTR(ArgReduceAttrs, keepdim, "false")};

}  // namespace

extern constinit const OpDef op_argmax = {
    .name = "argmax",
    .doc = "the place of the largest element along an axis, or in the whole tensor",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kReduction,
    .infer = infer_arg,
    .kernel = kernel,
    .no_gradient = "a place is a whole number",
    .samples = samples,
    .onnx = "ArgMax",
    .formula = "y = arg max_i x_i",
};

Tensor argmax(Operand input) { return apply(op_argmax, {input}, ArgReduceAttrs{}); }
Tensor argmax(Operand input, std::int64_t dim, bool keepdim) {
  return apply(op_argmax, {input}, ArgReduceAttrs{dim, keepdim});
}

}  // namespace gradus
