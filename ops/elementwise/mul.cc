// mul: y = a * b, broadcast.
// Derivative: dy/da = b, dy/db = a. Both through zmul, so that a cotangent of exactly 0 stays 0 beside an
// infinite or NaN factor.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/mul.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_BINARY(kMulLoops, kNumbers, math::Mul(d, a, b))

#if HWY_ONCE
#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/binary.h"
#include "gradus/ops/elementwise/cotangent.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_binary(c, kernels::kMulLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kMulLoops, c.in, 2, c.out[0]); }

void rule(RuleContext& c) {
  if (c.needs(0)) c.set(0, zmul(c.grad(), c.input(1)));
  if (c.needs(1)) c.set(1, zmul(c.grad(), c.input(0)));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4})});
  s.add({s.values({2, 1, 4}), s.values({3, 1})}, {}, {.note = "broadcast"});
  s.add({s.values({}), s.values({5})}, {}, {.note = "scalar"});
  s.add({s.values({0, 3}), s.values({3})}, {}, {.note = "empty"});
  s.add_error({s.values({2, 3}), s.values({2, 4})},
              "mul: shapes do not broadcast: a [2, 3] f64, b [2, 4] f64: axis 1 from the end is 3 in one and 4 in another; "
              "sizes must be equal or 1");
}

constexpr const char* kInputs[] = {"a", "b"};
constexpr SaveMask kSaves[] = {in(1), in(0)};

}  // namespace

constinit const OpDef op_mul = {
    .name = "mul",
    .doc = "a * b, broadcast",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Mul",
    .formula = "y = a b",
};

Tensor mul(Operand a, Operand b) { return apply_promoted(op_mul, a, b); }

}  // namespace gradus
#endif
