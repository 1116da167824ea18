// logical_and: a and b, as bool, broadcast; an element is true unless it is 0.
// No derivative: the result is bool.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/logical_and.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_BINARY(kLogicalAndLoops, kAllTypes, hn::And(math::Ne(d, a, hn::Zero(d)), math::Ne(d, b, hn::Zero(d))))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/logical.h"
#include "gradus/ops/elementwise/promote.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_predicate(c, kernels::kLogicalAndLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kLogicalAndLoops, c.in, 2, c.out[0]); }

void samples(SampleSink& s) {
  s.add({SampleSink::boolean({4}, {0, 0, 1, 1}), SampleSink::boolean({4}, {0, 1, 0, 1})});
  s.add({s.values({2, 1, 4}), s.values({3, 1})}, {}, {.note = "broadcast"});
  s.add({s.values({}), s.values({5})}, {}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({4}, {0.0, NAN, -0.0, 2.0}), SampleSink::f64({4}, {1.0, 0.0, 0.0, HUGE_VAL})}, {},
        {.gradcheck = false, .note = "zeros, infinity, NaN"});
  s.add({SampleSink::i64({3}, {-2, 0, 5}), SampleSink::i64({3}, {3, 3, 5})}, {}, {.note = "integers"});
  s.add_error({s.values({2, 3}), s.values({2, 4})},
              "logical_and: shapes do not broadcast: a [2, 3] f64, b [2, 4] f64: axis 1 from the end is 3 in "
              "one and 4 in another; "
              "sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})},
              "logical_and: dtypes differ: a [2] f64, b [2] i64; convert one with astype()");
}

constexpr const char* kInputs[] = {"a", "b"};

}  // namespace

extern constinit const OpDef op_logical_and = {
    .name = "logical_and",
    .doc = "a and b; true is what is not 0",
    .inputs = kInputs,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .no_gradient = "its result is bool",
    .samples = samples,
    .onnx = "And",
    .formula = "y = a and b",
};

Tensor logical_and(Operand a, Operand b) { return apply_promoted(op_logical_and, a, b); }

}  // namespace gradus
#endif
