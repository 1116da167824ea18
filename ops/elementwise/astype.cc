// astype: the elements in another dtype.
// Derivative: the cotangent in the input's dtype. A result that is integer or bool is not recorded.
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/conversion.h"
#include "gradus/ops/kernels/copy.h"

namespace gradus {
namespace {

struct AstypeAttrs {
  DType dtype;
};

void infer(InferContext& c) { c.set_out_like(0, 0, c.attrs<AstypeAttrs>().dtype); }

void kernel(KernelContext& c) { kernels::copy(c.in[0], c.out[0]); }

void rule(RuleContext& c) { c.set(0, astype(c.grad(), c.input_dtype(0))); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4})}, AstypeAttrs{DType::f64});
  s.add({s.values({3, 4})}, AstypeAttrs{DType::f32},
        {.gradcheck = false, .note = "f32: too coarse for differences"});
  s.add({s.values({}, -9.0, 9.0)}, AstypeAttrs{DType::i32},
        {.gradcheck = false, .note = "one element to integer"});
  s.add({s.values({0, 3})}, AstypeAttrs{DType::f64}, {.note = "empty"});
  s.add({SampleSink::f64({4}, {-1.75, 1.75, 0.5, -0.0})}, AstypeAttrs{DType::i64},
        {.gradcheck = false, .note = "cut towards 0"});
  s.add({SampleSink::f64({4}, {0, -0.0, 0.1, NAN})}, AstypeAttrs{DType::boolean},
        {.gradcheck = false, .note = "to bool"});
  s.add({SampleSink::i64({3}, {-2, 0, 7})}, AstypeAttrs{DType::f64}, {.note = "from integer"});
  s.add({SampleSink::boolean({2}, {1, 0})}, AstypeAttrs{DType::f32}, {.note = "from bool"});
  s.add_error({Tensor()}, AstypeAttrs{DType::f32},
              "astype: operand input is an empty handle; it was never given a tensor");
}

constexpr const char* kInputs[] = {"input"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(AstypeAttrs, dtype, nullptr)};

}  // namespace

extern constinit const OpDef op_astype = {
    .name = "astype",
    .doc = "the elements in another dtype",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Cast",
    .formula = "y = x as dtype",
};

Tensor astype(Operand input, DType dtype) {
  if (input.impl != nullptr && input.dtype() == dtype) return Tensor::share(input.impl);
  return apply(op_astype, {input}, AstypeAttrs{dtype});
}

}  // namespace gradus
