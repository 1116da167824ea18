// isnan: whether x is NaN, as bool; integers never are.
// No derivative: the result is bool.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/isnan.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_UNARY(kIsnanLoops, kAllTypes, math::IsNaN(d, x))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/classify.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_predicate(c, kernels::kIsnanLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kIsnanLoops, c.in, 1, c.out[0]); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4})});
  s.add({s.values({})}, {}, {.note = "one element"});
  s.add({s.values({0, 3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({7}, {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN, -NAN, 1e30})}, {},
        {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add({SampleSink::i64({3}, {-2, 0, 5})}, {}, {.note = "integers"});
  s.add({SampleSink::boolean({2}, {0, 1})}, {}, {.note = "bool"});
  s.add_error({Tensor()}, "isnan: operand input is an empty handle; it was never given a tensor");
}

constexpr const char* kInputs[] = {"input"};

}  // namespace

extern constinit const OpDef op_isnan = {
    .name = "isnan",
    .doc = "whether x is NaN",
    .inputs = kInputs,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .no_gradient = "its result is bool",
    .samples = samples,
    .onnx = "IsNaN",
    .formula = "y = (x is NaN)",
};

Tensor isnan(Operand input) { return apply(op_isnan, {input}); }

}  // namespace gradus
#endif
