// mul: y = a * b, broadcast. Integers wrap around.
// Derivative: dy/da = b, dy/db = a. Both through zmul, so that a cotangent of exactly 0 stays 0 beside an
// infinite or NaN factor.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/mul.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_BINARY(kMulLoops, kNumbers, math::Mul(d, a, b))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/promote.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kMulLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kMulLoops, c.in, 2, c.out[0]); }

void rule(RuleContext& c) {
  if (c.needs(0)) c.set(0, zmul(c.grad(), c.input(1)));
  if (c.needs(1)) c.set(1, zmul(c.grad(), c.input(0)));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4})});
  s.add({s.values({2, 1, 4}), s.values({3, 1})}, {}, {.note = "broadcast"});
  s.add({s.values({}), s.values({5})}, {}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({5}, {0.0, 0.0, HUGE_VAL, NAN, -0.0}),
         SampleSink::f64({5}, {HUGE_VAL, 1.0, 2.0, 0.0, 3.0})},
        {}, {.gradcheck = false, .note = "zeros, infinities, NaN"});
  s.add({SampleSink::i64({3}, {-2, 0, 5}), SampleSink::i64({3}, {3, 3, 5})}, {}, {.note = "integers"});
  s.add_error({s.values({2, 3}), s.values({2, 4})},
              "mul: shapes do not broadcast: a [2, 3] f64, b [2, 4] f64: axis 1 from the end is 3 in one and "
              "4 in another; "
              "sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})},
              "mul: dtypes differ: a [2] f64, b [2] i64; convert one with astype()");
  s.add_error({SampleSink::boolean({2}, {1, 0}), SampleSink::boolean({2}, {1, 0})},
              "mul: does not take bool: a [2] bool; convert it with astype(x, DType::i64)");
}

constexpr const char* kInputs[] = {"a", "b"};
constexpr SaveMask kSaves[] = {in(1), in(0)};

}  // namespace

extern constinit const OpDef op_mul = {
    .name = "mul",
    .doc = "a * b, broadcast",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Mul",
    .formula = "y = a b",
};

Tensor mul(Operand a, Operand b) { return apply_promoted(op_mul, a, b); }
Tensor mul(Operand a, Scalar b) { return apply_promoted(op_mul, a, b); }
Tensor mul(Scalar a, Operand b) { return apply_promoted(op_mul, a, b); }

}  // namespace gradus
#endif
