// ne: whether a != b, as bool, broadcast; true beside a NaN.
// No derivative: the result is bool.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/ne.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_BINARY(kNeLoops, kAllTypes, math::Ne(d, a, b))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/promote.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_predicate(c, kernels::kNeLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kNeLoops, c.in, 2, c.out[0]); }

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4})});
  s.add({s.values({2, 1, 4}), s.values({3, 1})}, {}, {.note = "broadcast"});
  s.add({s.values({}), s.values({5})}, {}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({6}, {1.0, NAN, 0.0, NAN, HUGE_VAL, -HUGE_VAL}),
         SampleSink::f64({6}, {1.0, 1.0, -0.0, NAN, HUGE_VAL, 0.0})},
        {}, {.gradcheck = false, .note = "equal, zeros, infinities, NaN"});
  s.add({SampleSink::i64({3}, {-2, 0, 5}), SampleSink::i64({3}, {3, 3, 5})}, {}, {.note = "integers"});
  s.add({SampleSink::boolean({4}, {0, 0, 1, 1}), SampleSink::boolean({4}, {0, 1, 0, 1})}, {},
        {.note = "bool"});
  s.add_error({s.values({2, 3}), s.values({2, 4})},
              "ne: shapes do not broadcast: a [2, 3] f64, b [2, 4] f64: axis 1 from the end is 3 in one and "
              "4 in another; "
              "sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})},
              "ne: dtypes differ: a [2] f64, b [2] i64; convert one with astype()");
}

constexpr const char* kInputs[] = {"a", "b"};

}  // namespace

extern constinit const OpDef op_ne = {
    .name = "ne",
    .doc = "whether a != b, broadcast",
    .inputs = kInputs,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .no_gradient = "its result is bool",
    .samples = samples,
    .formula = "y = (a != b)",
};

Tensor ne(Operand a, Operand b) { return apply_promoted(op_ne, a, b); }
Tensor ne(Operand a, Scalar b) { return apply_promoted(op_ne, a, b); }

}  // namespace gradus
#endif
