// sub: y = a - b, broadcast. Integers wrap around.
// Derivative: dy/da = 1, dy/db = -1.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/sub.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_BINARY(kSubLoops, kNumbers, hn::Sub(a, b))

#if HWY_ONCE
#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/promote.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kSubLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kSubLoops, c.in, 2, c.out[0]); }

void rule(RuleContext& c) {
  if (c.needs(0)) c.set(0, c.grad());
  if (c.needs(1)) c.set(1, neg(c.grad()));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4})});
  s.add({s.values({2, 1, 4}), s.values({3, 1})}, {}, {.note = "broadcast"});
  s.add({s.values({}), s.values({5})}, {}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3})}, {}, {.note = "empty"});
  s.add({SampleSink::i64({3}, {-2, 0, 5}), SampleSink::i64({3}, {3, 3, 5})}, {}, {.note = "integers"});
  s.add_error({s.values({2, 3}), s.values({2, 4})},
              "sub: shapes do not broadcast: a [2, 3] f64, b [2, 4] f64: axis 1 from the end is 3 in one and "
              "4 in another; "
              "sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})},
              "sub: dtypes differ: a [2] f64, b [2] i64; convert one with astype()");
  s.add_error({SampleSink::boolean({2}, {1, 0}), SampleSink::boolean({2}, {1, 0})},
              "sub: does not take bool: a [2] bool; convert it with astype(x, DType::i64)");
}

constexpr const char* kInputs[] = {"a", "b"};

}  // namespace

extern constinit const OpDef op_sub = {
    .name = "sub",
    .doc = "a - b, broadcast",
    .inputs = kInputs,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Sub",
    .formula = "y = a - b",
};

Tensor sub(Operand a, Operand b) { return apply_promoted(op_sub, a, b); }
Tensor sub(Operand a, Scalar b) { return apply_promoted(op_sub, a, b); }
Tensor sub(Scalar a, Operand b) { return apply_promoted(op_sub, a, b); }

}  // namespace gradus
#endif
