// clone: a row-major copy with storage of its own.
// Derivative: the cotangent as it is.
#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/conversion.h"
#include "gradus/ops/kernels/copy.h"

namespace gradus {
namespace {

void infer(InferContext& c) { c.set_out_like(0, 0); }

void kernel(KernelContext& c) { kernels::copy(c.in[0], c.out[0]); }

void rule(RuleContext& c) { c.set(0, c.grad()); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4})});
  s.add({s.values({})}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::i64({3}, {-2, 0, 5})}, {}, {.note = "integers"});
  s.add({SampleSink::boolean({2}, {1, 0})}, {}, {.note = "bool"});
  s.add_error({Tensor()}, "clone: operand input is an empty handle; it was never given a tensor");
}

constexpr const char* kInputs[] = {"input"};

}  // namespace

extern constinit const OpDef op_clone = {
    .name = "clone",
    .doc = "a row-major copy with storage of its own",
    .inputs = kInputs,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Identity",
    .formula = "y = x",
};

Tensor clone(Operand input) { return apply(op_clone, {input}); }

Tensor contiguous(Operand input) {
  if (input.impl != nullptr && input.impl->strides == nullptr) return Tensor::share(input.impl);
  return apply(op_clone, {input});
}

}  // namespace gradus
