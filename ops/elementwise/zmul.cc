// zmul: y = g d, exactly 0 where g is 0: what an elementwise derivative d makes of a cotangent g.
// Derivative: dy/dg = d (through zmul), dy/dd = g.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/elementwise/zmul.cc"
#include "gradus/ops/kernels/elementwise-inl.h"

GRADUS_BINARY(kZmulLoops, kFloating, hn::IfThenZeroElse(hn::Eq(a, hn::Zero(d)), hn::Mul(a, b)))

#if HWY_ONCE
#include <cmath>

#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_elementwise(c, kernels::kZmulLoops); }

void kernel(KernelContext& c) { kernels::elementwise(kernels::kZmulLoops, c.in, 2, c.out[0]); }

void rule(RuleContext& c) {
  if (c.needs(0)) c.set(0, zmul(c.grad(), c.input(1)));
  if (c.needs(1)) c.set(1, zmul(c.grad(), c.input(0)));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4}), s.values({3, 4})});
  s.add({s.values({2, 1, 4}), s.values({3, 1})}, {}, {.note = "broadcast"});
  s.add({s.values({}), s.values({5})}, {}, {.note = "one element"});
  s.add({s.values({0, 3}), s.values({3})}, {}, {.note = "empty"});
  s.add({SampleSink::f64({6}, {0.0, -0.0, 0.0, 1.0, NAN, 0.0}),
         SampleSink::f64({6}, {HUGE_VAL, NAN, 2.0, HUGE_VAL, 0.0, -HUGE_VAL})},
        {}, {.gradcheck = false, .note = "zero cotangents beside infinities and NaN"});
  s.add_error({s.values({2, 3}), s.values({2, 4})},
              "zmul: shapes do not broadcast: g [2, 3] f64, d [2, 4] f64: axis 1 from the end is 3 in one "
              "and 4 in another; "
              "sizes must be equal or 1");
  s.add_error({s.values({2}), SampleSink::i64({2}, {1, 2})},
              "zmul: dtypes differ: g [2] f64, d [2] i64; convert one with astype()");
  s.add_error({SampleSink::i64({2}, {1, 2}), SampleSink::i64({2}, {1, 2})},
              "zmul: takes floating-point numbers: g [2] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"g", "d"};
constexpr SaveMask kSaves[] = {in(1), in(0)};

}  // namespace

extern constinit const OpDef op_zmul = {
    .name = "zmul",
    .doc = "g * d, 0 where g is 0",
    .inputs = kInputs,
    .saves = kSaves,
    .flags = kElementwise | kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = g d, 0 where g = 0",
};

Tensor zmul(Operand g, Operand d) { return apply(op_zmul, {g, d}); }

}  // namespace gradus
#endif
