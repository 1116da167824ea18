// logical_not: not x, as bool; an element is true unless it is 0.
// No derivative: the result is bool.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/logical_not.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_UNARY(kLogicalNotLoops, kAllTypes, hn::Eq(x, hn::Zero(d)))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/logical.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_predicate(c, kernels::kLogicalNotLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kLogicalNotLoops, c.in, 1, c.out[0]); }

void samples(SampleSink& s) {
  s.add({SampleSink::boolean({2}, {0, 1})});
  s.add({s.values({3, 4})});
  s.add({s.values({})}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN})}, {},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add({SampleSink::i64({3}, {-2, 0, 5})}, {}, {.note = "integers"});
  s.add_error({Tensor()}, "logical_not: operand input is an empty handle; it was never given a tensor");
}

constexpr const char* kInputs[] = {"input"};

}  // namespace

extern constinit const OpDef op_logical_not = {
    .name = "logical_not",
    .doc = "not x; true is what is not 0",
    .inputs = kInputs,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .no_gradient = "its result is bool",
    .samples = samples,
    .onnx = "Not",
    .formula = "y = not x",
};

Tensor logical_not(Operand input) { return apply(op_logical_not, {input}); }

}  // namespace gradus
#endif
