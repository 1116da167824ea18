// contiguous: x in row-major order without gaps; x itself where it is so already.
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
  s.add_error({Tensor()}, "contiguous: operand x is an empty handle; it was never given a tensor");
}

constexpr const char* kInputs[] = {"x"};

}  // namespace

extern constinit const OpDef op_contiguous = {
    .name = "contiguous",
    .doc = "the elements in row-major order without gaps; x itself where they lie so already",
    .inputs = kInputs,
    .flags = kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Identity",
};

Tensor contiguous(Operand x) {
  if (x.impl != nullptr && x.impl->strides == nullptr) return Tensor::share(x.impl);
  return apply(op_contiguous, {x});
}

}  // namespace gradus
