// clone: a contiguous copy of x with storage of its own.
// Derivative: the cotangent as it is.
#include "gradus/graph/samples.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

void infer(InferContext& c) { c.set_out_like(0, 0); }

void kernel(KernelContext& c) { kernels::copy(c.in[0], c.out[0]); }

void rule(RuleContext& c) { c.set(0, c.grad()); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4})});
  s.add({s.values({})}, {}, {.note = "scalar"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add_error({Tensor()}, "clone: operand x is an empty handle; it was never given a tensor");
}

constexpr const char* kInputs[] = {"x"};

}  // namespace

extern constinit const OpDef op_clone = {
    .name = "clone",
    .doc = "a contiguous copy with storage of its own",
    .inputs = kInputs,
    .flags = kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Identity",
};

Tensor clone(Operand x) { return apply(op_clone, {x}); }

}  // namespace gradus
